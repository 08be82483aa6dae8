// Package credentials notices that credentials have changed on disk, and hands the
// new ones on.
//
// Promised: what is handed on was read whole and differs from what is in
// force; what is refused is offered again for as long as it stands, and never again
// after it has changed; looking is never more than a few reads of small
// files a second; no part of what is read is logged or kept, but for a digest.
// Not promised: that two files are read in one moment. A set that does not
// fit together is refused by whoever tries it, and read again.
//
// Files are read and compared, not watched: the kubelet swaps a symbolic link
// in the directory of a Secret, other tools rename files or rewrite
// them in place, and an event can be missed where a content cannot.
package credentials

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/internal/telemetry"
)

// Config says what is looked at, and who takes it.
type Config struct {
	// Read gives the connection string as it is now, and names the files that it is used with. Its errors contain no secret.
	Read func() (uri string, files []string, err error)
	// Take puts a connection string, with its files, in the place of the one in force, or returns why not; its errors contain no secret.
	Take func(ctx context.Context, uri string) error
	// Every is the time between looks when nobody asks for one.
	Every time.Duration
	// Told hears of each attempt.
	Told func(err error)
	Log  logr.Logger
}

// Watcher looks at credentials. Call Run.
type Watcher struct {
	cfg     Config
	inForce digest
	asked   chan struct{}
	pause   time.Duration
	wrong   *telemetry.Complaints
}

// digest stands for what was read.
type digest [sha256.Size]byte

// pause is the shortest time between two looks, however often they are asked for.
const pause = time.Second

// errOnce: a pipe, a terminal, a device.
var errOnce = errors.New("not a regular file: changes to it are not noticed")

// New makes a watcher. uri is what is in force, and used with the files that it names as they are by now.
func New(cfg Config, uri string, files []string) *Watcher {
	w := &Watcher{cfg: cfg, asked: make(chan struct{}, 1), pause: pause, wrong: telemetry.NewComplaints(cfg.Log)}
	if now, err := digestOf(uri, files); err == nil { // otherwise everything that can be read is new
		w.inForce = now
	}
	return w
}

// Look asks for a look at once, such as after a call that failed. It never blocks.
func (w *Watcher) Look() {
	select {
	case w.asked <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	t := time.NewTicker(w.cfg.Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-w.asked:
		}
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.pause):
		}
	}
}

func (w *Watcher) look(ctx context.Context) {
	uri, files, err := w.cfg.Read()
	if err != nil {
		w.wrong.Log("the credentials cannot be read; the old ones stay in use", err)
		return
	}
	now, err := digestOf(uri, files)
	if err != nil {
		w.wrong.Log("the credentials cannot be read; the old ones stay in use", err)
		return
	}
	if now == w.inForce {
		w.wrong.Over()
		return
	}
	err = w.cfg.Take(ctx, uri)
	if ctx.Err() != nil {
		return // whoever ends is told nothing more
	}
	w.cfg.Told(err)
	if err != nil {
		w.wrong.Log("the new credentials are not used, the old ones stay in use; trying again", err)
		return
	}
	// Should a file have changed while it was taken, the next look finds that it is new.
	w.inForce = now
	w.wrong.Over()
	w.cfg.Log.Info("the credentials have changed: the new ones are in use")
}

func digestOf(uri string, files []string) (digest, error) {
	h := sha256.New()
	part := func(b []byte) {
		_ = binary.Write(h, binary.LittleEndian, int64(len(b))) // so that no two sets run together alike
		h.Write(b)
	}
	part([]byte(uri))
	for _, name := range files {
		b, err := ReadFile(name)
		if err != nil {
			return digest{}, nameless(err)
		}
		part([]byte(name))
		part(b)
	}
	return digest(h.Sum(nil)), nil
}

// ReadFile reads a small file that can be read as often as one likes. It does not wait for a pipe's writer, and takes nothing from whom it is for.
func ReadFile(name string) ([]byte, error) {
	b, err := smallfile.Read(name, smallfile.Most)
	if errors.Is(err, smallfile.ErrIrregular) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errOnce}
	}
	return b, err
}

// nameless leaves the name of the file out, which came from a connection string and may be anything.
func nameless(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("a file that the connection string names: %w", path.Err)
	}
	return err
}

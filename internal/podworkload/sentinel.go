//go:build linux

package podworkload

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/atomicfile"
)

// sentinel is the file that says that the lock is lost. A write that was under
// way when the gate opened does not bring it back.
type sentinel struct {
	path string

	mu    sync.Mutex // of what follows
	opens int        // how often it was removed

	files sync.Mutex // held while the file is written or removed
}

// writer gives what writes the file as of now, to be called by a goroutine.
func (s *sentinel) writer(reason string) func() error {
	s.mu.Lock()
	asOf := s.opens
	s.mu.Unlock()
	return func() error {
		s.files.Lock()
		defer s.files.Unlock()
		s.mu.Lock()
		late := s.opens != asOf
		s.mu.Unlock()
		if late || s.path == "" {
			return nil
		}
		return s.write(reason)
	}
}

// write writes the file. Where there is no room for it the one that was prepared takes its place, which needs none.
func (s *sentinel) write(reason string) error {
	err := writeFile(s.path, reason+"\n")
	if err != nil && os.Rename(s.prepared(), s.path) == nil {
		err = nil
	}
	return err
}

// ErrSentinel says that the sentinel cannot be written.
var ErrSentinel = errors.New("the sentinel cannot be written")

// prepared is the file that becomes the sentinel where no other can be written.
func (s *sentinel) prepared() string {
	dir, name := filepath.Split(s.path)
	return filepath.Join(dir, "."+name+".prepared")
}

// prepare shows that the sentinel can be written, and keeps the room for it.
func (s *sentinel) prepare() error {
	if s.path == "" {
		return nil
	}
	s.files.Lock()
	defer s.files.Unlock()
	if info, err := os.Lstat(s.path); err == nil && info.IsDir() {
		return fmt.Errorf("%w: %s is a directory", ErrSentinel, s.path)
	}
	if err := writeFile(s.prepared(), "the lock is lost\n"); err != nil {
		return fmt.Errorf("%w: %w", ErrSentinel, err)
	}
	return nil
}

// ready says whether the sentinel could be written now. What was prepared and is gone is prepared again.
func (s *sentinel) ready() error {
	if s.path == "" {
		return nil
	}
	dir := filepath.Dir(s.path)
	kept, err := os.Lstat(s.prepared())
	if err == nil && kept.Mode().IsRegular() && kept.Size() > 0 && unix.Access(dir, unix.W_OK|unix.X_OK) == nil {
		if info, err := os.Lstat(s.path); err != nil || !info.IsDir() {
			return nil //nolint:nilerr // one that is not there yet can be written
		}
	}
	return s.prepare()
}

// remove removes the file, and what is still being written.
func (s *sentinel) remove() error {
	s.mu.Lock()
	s.opens++
	s.mu.Unlock()
	if s.path == "" {
		return nil
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// writeFile writes a file in one step, for every user to read.
func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for the workload to read
		return err
	}
	return atomicfile.Write(path, 0o644, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

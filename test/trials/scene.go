//go:build linux

package trials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/witness"
)

// Scene is some gates, and the witness's log of their workloads.
type Scene struct {
	rig    *Rig
	key    string // with it all keys begin
	dir    string
	log    *witness.Log
	reader *witness.Reader
	seen   []witness.Entry

	mu    sync.Mutex
	gates []*Gate
}

// Scene makes one with a directory of its own, for keys that begin with one. End it.
func (r *Rig) Scene(name, key string) (*Scene, error) {
	s := &Scene{rig: r, key: key, dir: filepath.Join(r.Dir, name)}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	var err error
	s.log, err = witness.Open(s.Log())
	s.reader = witness.NewReader(s.Log())
	return s, err
}

// Log is where the witness's log is.
func (s *Scene) Log() string { return filepath.Join(s.dir, "witness") }

// End ends all gates that are left, and the log.
func (s *Scene) End() error {
	s.clear()
	return s.log.Close()
}

func (s *Scene) clear() {
	for _, g := range s.gates {
		g.Clear()
	}
}

// Start starts a gate. What the order does not say is the scene's: the database, past all proxies, and a machine for each owner.
func (s *Scene) Start(o Order) (*Gate, error) {
	o.URI = cmp.Or(o.URI, s.rig.Server.URI)
	o.Database = cmp.Or(o.Database, s.rig.database)
	o.State = filepath.Join(s.dir, "state-"+o.Owner)
	o.Work.Log = s.Log()
	if o.Work.Attack != "" {
		var err error
		if o.User, err = s.own(o.State); err != nil {
			return nil, err
		}
	}
	g, err := s.rig.start(o, s.dir)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gates = append(s.gates, g)
	}
	return g, err
}

// until waits for a condition.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, context.Cause(ctx))
		case <-time.After(15 * time.Millisecond):
		}
	}
}

// find looks for a line of the witness's log.
func (s *Scene) find(wanted func(witness.Entry) bool) (e witness.Entry, ok bool, err error) {
	added, err := s.reader.Next()
	s.seen = append(s.seen, added...)
	i := slices.IndexFunc(s.seen, wanted)
	if i >= 0 {
		e = s.seen[i]
	}
	return e, i >= 0, err
}

// Line waits for a line of the witness's log.
func (s *Scene) Line(ctx context.Context, what string, wanted func(witness.Entry) bool) (e witness.Entry, err error) {
	err = until(ctx, what, func() (ok bool, err error) {
		e, ok, err = s.find(wanted)
		return ok, err
	})
	return e, err
}

// Started waits for a workload's first line. A gate that loses its lease
// before that is one that the machine was too busy for, not what is tried.
func (s *Scene) Started(ctx context.Context, g *Gate) (e witness.Entry, err error) {
	err = until(ctx, g.ID+" runs", func() (ok bool, err error) {
		ended := g.HasEnded() // before the look: its last line counts
		e, ok, err = s.find(func(e witness.Entry) bool { return e.ID == g.ID && e.Event == witness.Start })
		if ended && !ok && err == nil {
			if err = s.Ends(ctx, g, -1); err == nil {
				err = fmt.Errorf("gate %s ended before its workload ran", g.ID)
			}
		}
		return ok, err
	})
	return e, err
}

// Holds is Started, and finds the gate's guard.
func (s *Scene) Holds(ctx context.Context, g *Gate) (witness.Entry, error) {
	first, err := s.Started(ctx, g)
	if err != nil {
		return first, err
	}
	if _, err := g.FindGuard(); err != nil {
		return first, fmt.Errorf("%w: %w", errDisturbed, err)
	}
	return first, nil
}

// Says waits for a line of a gate's log that has this part, and gives the line.
func (s *Scene) Says(ctx context.Context, g *Gate, part string) (line string, err error) {
	err = until(ctx, fmt.Sprintf("%s says %q", g.ID, part), func() (bool, error) {
		for line = range strings.Lines(g.Said()) {
			if strings.Contains(line, part) {
				return true, nil
			}
		}
		return false, nil
	})
	return line, err
}

// Waits waits until a gate says that it waits for the lock.
func (s *Scene) Waits(ctx context.Context, g *Gate) error {
	_, err := s.Says(ctx, g, "waiting for the lock")
	return err
}

// Gone waits until the witness has verified that nothing of a workload is left.
func (s *Scene) Gone(ctx context.Context, g *Gate) (time.Duration, error) {
	key, _, _ := strings.Cut(g.Key, "@")
	return s.rig.observer.AwaitGone(ctx, s.log, key, g.ID)
}

// Ends waits for the end of a gate's own process, and for the right code; -1 is a death by signal.
// A lock lost by who should have kept it is a disturbance.
func (s *Scene) Ends(ctx context.Context, g *Gate, code int) error {
	select {
	case <-g.Ended():
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of gate %s: %w", g.ID, context.Cause(ctx))
	}
	if g.Code() == code {
		return nil
	}
	err := fmt.Errorf("gate %s ended with code %d, want %d", g.ID, g.Code(), code)
	if g.Code() == lost {
		err = fmt.Errorf("%w: %w", errDisturbed, err)
	}
	return err
}

// Stop ends a gate as an operator does, and waits until all of it is gone.
func (s *Scene) Stop(ctx context.Context, g *Gate) error {
	if err := g.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping gate %s: %w", g.ID, err)
	}
	if _, err := s.Gone(ctx, g); err != nil {
		return err
	}
	return s.Ends(ctx, g, 128+int(syscall.SIGTERM))
}

// cleared waits until nothing is left of any gate: no guard that forgot to end.
func (s *Scene) cleared(ctx context.Context) error {
	err := until(ctx, "nothing is left", func() (bool, error) { return len(s.Left()) == 0, nil })
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(s.Left(), ", "))
	}
	return nil
}

// Left names what still lives of any gate.
func (s *Scene) Left() []string {
	var left []string
	for _, g := range s.gates {
		left = append(left, g.Left()...)
	}
	return left
}

// BeatsOn waits until a gate has renewed once more, and for a beat of its workload after that.
func (s *Scene) BeatsOn(ctx context.Context, g *Gate) (witness.Entry, error) {
	if err := s.Renews(ctx, g); err != nil {
		return witness.Entry{}, err
	}
	at := s.rig.clock.Now()
	return s.Line(ctx, g.ID+" goes on", func(e witness.Entry) bool { return e.ID == g.ID && e.Event == witness.Beat && e.At > at })
}

// Renews waits for a renewal.
func (s *Scene) Renews(ctx context.Context, g *Gate) error {
	before, err := g.Lease()
	if err != nil {
		return err
	}
	return until(ctx, g.ID+" renews", func() (bool, error) {
		if g.HasEnded() {
			return false, s.Ends(ctx, g, 0)
		}
		now, err := g.Lease()
		return now.Deadline > before.Deadline, err
	})
}

// settled waits until the witness has verified of all that began that nothing of them is left.
func (s *Scene) settled(ctx context.Context) ([]witness.Entry, error) {
	entries, err := witness.Read(s.Log())
	if err != nil {
		return nil, err
	}
	for _, g := range s.gates {
		of := func(event string) func(witness.Entry) bool {
			return func(e witness.Entry) bool { return e.ID == g.ID && e.Event == event }
		}
		if !slices.ContainsFunc(entries, of(witness.Start)) || slices.ContainsFunc(entries, of(witness.Gone)) {
			continue
		}
		if _, err := s.Gone(ctx, g); err != nil {
			return nil, err
		}
	}
	return witness.Read(s.Log())
}

// judge is the witness's verdict on all of it.
func (s *Scene) judge() (witness.Verdict, error) {
	entries, err := witness.Read(s.Log())
	if err != nil {
		return witness.Verdict{}, err
	}
	v := witness.Judge(entries)
	if !v.Clean() {
		return v, errors.New(strings.Join(v.Faults, "; "))
	}
	return v, nil
}

// Story is all there is to know about what failed.
func (s *Scene) Story() string {
	var b strings.Builder
	for _, g := range s.gates {
		fmt.Fprintf(&b, "--- log of gate %s\n%s", g.ID, g.Said())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Fprintln(&b, "--- lock documents")
	cursor, err := s.rig.locks().Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: s.key}, {Key: "$lt", Value: s.key + "\x7f"}}}})
	for err == nil && cursor.Next(ctx) {
		fmt.Fprintln(&b, cursor.Current)
	}
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	fmt.Fprintln(&b, "--- witness's log, beats left out between others")
	entries, err := witness.NewReader(s.Log()).Next()
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for i, e := range entries {
		if i > 0 && i+1 < len(entries) && e.Event == witness.Beat && entries[i-1].Event == e.Event && entries[i+1].Event == e.Event {
			continue
		}
		fmt.Fprintf(&b, "%v %s %s token %d pid %d %s %s\n", e.At, e.Event, e.ID, e.Token, e.PID, e.Beside, e.Note)
	}
	return b.String()
}

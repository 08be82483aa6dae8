//go:build linux

package trials

import (
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

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/faultproxy"
	"github.com/mongogate/mongogate/test/witness"
)

// patience ends a trial in which something never happens.
const patience = 60 * time.Second

// errDisturbed is a trial that says nothing about its fault, see the package comment.
var errDisturbed = errors.New("disturbed: a lease was lost without a fault of ours")

// Trial is one history of a few gates around one key.
type Trial struct {
	rig    *Rig
	n      int // which of its kind
	key    string
	dir    string
	log    *witness.Log
	reader *witness.Reader
	seen   []witness.Entry
	gates  []*Gate
	proxy  *faultproxy.Proxy

	mu      sync.Mutex
	answers []answer
}

// answer is a findAndModify of the holder whose reply the proxy has delivered.
type answer struct{ arrived, delivered time.Duration }

// begin makes a trial with a proxy for its holder. End it.
func (r *Rig) begin(name string, n int) (*Trial, error) {
	t := &Trial{rig: r, n: n, key: fmt.Sprintf("%s-%s-%03d", strings.ReplaceAll(name, " ", "-"), r.run, n)}
	t.dir = filepath.Join(r.Dir, t.key)
	if err := os.Mkdir(t.dir, 0o700); err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	var err error
	if t.log, err = witness.Open(t.logPath()); err != nil {
		return nil, err
	}
	t.reader = witness.NewReader(t.logPath())
	if t.proxy, err = faultproxy.Listen(r.address); err != nil {
		return nil, errors.Join(err, t.log.Close())
	}
	clock := gate.BootClock()
	t.proxy.OnAnswer(func(command string, arrived time.Time) {
		if command != "findAndModify" {
			return
		}
		now := clock.Now()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.answers = append(t.answers, answer{now - time.Since(arrived), now})
	})
	return t, nil
}

func (t *Trial) logPath() string { return filepath.Join(t.dir, "witness") }

// end clears up; the trial has failed if something was left to clear up.
func (t *Trial) end() error {
	for _, g := range t.gates {
		g.Clear()
	}
	return errors.Join(t.proxy.Close(), t.log.Close())
}

// start starts a gate behind the proxy or, the others, past it.
func (t *Trial) start(id string, behindProxy bool, work witness.Work, flags ...string) (*Gate, error) {
	o, err := t.order(id, behindProxy, work, slices.Concat(timingFlags(), flags)...)
	if err != nil {
		return nil, err
	}
	return t.launch(o)
}

// order is how it is started, with the timing that the flags say.
func (t *Trial) order(id string, behindProxy bool, work witness.Work, flags ...string) (o Order, err error) {
	o = Order{ID: t.key + "." + id, Owner: id, Key: t.key, URI: t.rig.Server.URI, State: filepath.Join(t.dir, "state-"+id), Work: work}
	if behindProxy {
		if o.URI, err = t.proxy.URI(o.URI); err != nil {
			return o, err
		}
	}
	o.Work.Log = t.logPath()
	if slices.Contains(flags, "--bucket") {
		o.Key += "@{{.Bucket}}"
	}
	o.Flags = slices.Concat([]string{"--database", database}, flags)
	if work.Attack != "" {
		o.User, err = t.own(o.State)
	}
	return o, err
}

func (t *Trial) launch(o Order) (*Gate, error) {
	g, err := t.rig.StartGate(o, t.dir)
	if err == nil {
		t.gates = append(t.gates, g)
	}
	return g, err
}

// holder starts a gate behind the proxy and waits until its workload runs.
func (t *Trial) holder(ctx context.Context, w witness.Work, flags ...string) (*Gate, error) {
	a, err := t.start("a", true, w, flags...)
	if err != nil {
		return nil, err
	}
	return a, t.holds(ctx, a)
}

// holds waits until a gate's workload runs, and finds its guard.
func (t *Trial) holds(ctx context.Context, g *Gate) error {
	if _, err := t.started(ctx, g); err != nil {
		return err
	}
	if _, err := g.FindGuard(); err != nil {
		return fmt.Errorf("%w: %w", errDisturbed, err)
	}
	return nil
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
func (t *Trial) find(wanted func(witness.Entry) bool) (e witness.Entry, ok bool, err error) {
	added, err := t.reader.Next()
	t.seen = append(t.seen, added...)
	i := slices.IndexFunc(t.seen, wanted)
	if i >= 0 {
		e = t.seen[i]
	}
	return e, i >= 0, err
}

// line waits for a line of the witness's log.
func (t *Trial) line(ctx context.Context, what string, wanted func(witness.Entry) bool) (e witness.Entry, err error) {
	err = until(ctx, what, func() (ok bool, err error) {
		e, ok, err = t.find(wanted)
		return ok, err
	})
	return e, err
}

// started waits for a workload's first line. A gate that loses its lease
// before that is one that the machine was too busy for, not what is tried.
func (t *Trial) started(ctx context.Context, g *Gate) (e witness.Entry, err error) {
	err = until(ctx, g.ID+" runs", func() (ok bool, err error) {
		ended := g.HasEnded() // before the look: its last line counts
		e, ok, err = t.find(func(e witness.Entry) bool { return e.ID == g.ID && e.Event == witness.Start })
		if ended && !ok && err == nil {
			if err = t.ends(ctx, g, -1); err == nil {
				err = fmt.Errorf("gate %s ended before its workload ran", g.ID)
			}
		}
		return ok, err
	})
	return e, err
}

// waits waits until a gate says that it waits for the lock.
func (t *Trial) waits(ctx context.Context, g *Gate) error {
	return until(ctx, g.ID+" waits for the lock", func() (bool, error) { return strings.Contains(g.Said(), "waiting for the lock"), nil })
}

func (t *Trial) gone(ctx context.Context, g *Gate) (time.Duration, error) {
	return t.rig.observer.AwaitGone(ctx, t.log, t.key, g.ID)
}

// ends waits for the end of a gate's own process, and for the right code; -1 is a death by signal.
// A lock lost by who should have kept it is a disturbance.
func (t *Trial) ends(ctx context.Context, g *Gate, code int) error {
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

// stop ends a gate as an operator does, and waits until all of it is gone.
func (t *Trial) stop(ctx context.Context, g *Gate) error {
	if err := g.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping gate %s: %w", g.ID, err)
	}
	if _, err := t.gone(ctx, g); err != nil {
		return err
	}
	return t.ends(ctx, g, 128+int(syscall.SIGTERM))
}

// cleared waits until nothing is left of any gate: no guard that forgot to end.
func (t *Trial) cleared(ctx context.Context) error {
	var left []string
	err := until(ctx, "nothing is left", func() (bool, error) {
		left = nil
		for _, g := range t.gates {
			left = append(left, g.Left()...)
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(left, ", "))
	}
	return nil
}

// runsOn: a challenger that runs renews once more, and is stopped; then nothing is left.
func (t *Trial) runsOn(ctx context.Context, b *Gate) error {
	if err := t.beatsOn(ctx, b); err != nil {
		return err
	}
	if _, err := b.FindGuard(); err != nil {
		return err
	}
	if err := t.stop(ctx, b); err != nil {
		return err
	}
	return t.cleared(ctx)
}

// beatsOn waits until a gate has renewed once more, its workload running.
func (t *Trial) beatsOn(ctx context.Context, g *Gate) error {
	if err := t.renews(ctx, g); err != nil {
		return err
	}
	at := t.rig.clock.Now()
	_, err := t.line(ctx, g.ID+" goes on", func(e witness.Entry) bool { return e.ID == g.ID && e.Event == witness.Beat && e.At > at })
	return err
}

// renews waits for a renewal.
func (t *Trial) renews(ctx context.Context, g *Gate) error {
	before, err := g.Lease()
	if err != nil {
		return err
	}
	return until(ctx, g.ID+" renews", func() (bool, error) {
		if g.HasEnded() {
			return false, t.ends(ctx, g, 0)
		}
		now, err := g.Lease()
		return now.Deadline > before.Deadline, err
	})
}

// over ends a trial: a challenger that runs goes on, is stopped, nothing is left, and the witness finds no fault.
func (t *Trial) over(ctx context.Context, b *Gate) error {
	if err := t.runsOn(ctx, b); err != nil {
		return err
	}
	_, err := t.judge()
	return err
}

// judge is the witness's verdict on the whole trial.
func (t *Trial) judge() (witness.Verdict, error) {
	entries, err := witness.Read(t.logPath())
	if err != nil {
		return witness.Verdict{}, err
	}
	v := witness.Judge(entries)
	if !v.Clean() {
		return v, errors.New(strings.Join(v.Faults, "; "))
	}
	return v, nil
}

// aftermath clears a disturbed trial away and judges it all the same: no
// disturbance excuses two holders.
func (t *Trial) aftermath(ctx context.Context) error {
	for _, g := range t.gates {
		g.Clear()
	}
	entries, err := witness.Read(t.logPath())
	if err != nil {
		return err
	}
	for _, g := range t.gates {
		of := func(event string) func(witness.Entry) bool {
			return func(e witness.Entry) bool { return e.ID == g.ID && e.Event == event }
		}
		if !slices.ContainsFunc(entries, of(witness.Start)) || slices.ContainsFunc(entries, of(witness.Gone)) {
			continue
		}
		if _, err := t.gone(ctx, g); err != nil {
			return err
		}
	}
	_, err = t.judge()
	return err
}

// story is all there is to know about a trial that failed.
func (t *Trial) story() string {
	var s strings.Builder
	for _, g := range t.gates {
		fmt.Fprintf(&s, "--- log of gate %s\n%s", g.ID, g.Said())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Fprintln(&s, "--- lock documents")
	cursor, err := t.rig.locks().Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: t.key}, {Key: "$lt", Value: t.key + "A"}}}})
	for err == nil && cursor.Next(ctx) {
		fmt.Fprintln(&s, cursor.Current)
	}
	if err != nil {
		fmt.Fprintln(&s, err)
	}
	fmt.Fprintln(&s, "--- witness's log, beats left out between others")
	entries, err := witness.NewReader(t.logPath()).Next()
	if err != nil {
		fmt.Fprintln(&s, err)
	}
	for i, e := range entries {
		if i > 0 && i+1 < len(entries) && e.Event == witness.Beat && entries[i-1].Event == e.Event && entries[i+1].Event == e.Event {
			continue
		}
		fmt.Fprintf(&s, "%v %s %s token %d pid %d %s %s\n", e.At, e.Event, e.ID, e.Token, e.PID, e.Beside, e.Note)
	}
	return s.String()
}

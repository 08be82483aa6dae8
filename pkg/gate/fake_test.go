package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

// bubbleClock is a clock of a bubble that runs at a rate: 1 is exact.
type bubbleClock struct {
	start time.Time
	rate  float64
}

func (c bubbleClock) Now() time.Duration {
	return time.Duration(float64(time.Since(c.start)) * c.rate)
}

// fakeLock answers each Acquire with what the test sends.
type fakeLock struct {
	answers chan answer
	// deaf makes Acquire ignore its context until an answer is there.
	deaf bool
}

type answer struct {
	lease *fakeLease
	err   error
}

func (l *fakeLock) Acquire(ctx context.Context) (gate.Lease, error) {
	ended := ctx.Done()
	if l.deaf {
		ended = nil
	}
	select {
	case a := <-l.answers:
		if a.err != nil {
			return nil, a.err
		}
		return a.lease, nil
	case <-ended:
		return nil, fmt.Errorf("waiting: %w", context.Cause(ctx))
	}
}

// fakeLease is renewed and lost by the test.
type fakeLease struct {
	token   int64
	renewed chan struct{}
	done    chan struct{}

	mu       sync.Mutex
	deadline time.Duration
	err      error
	finished []gate.Outcome
	// hang makes Finish wait for its context.
	hang bool
	// quiet leaves Done open after Finish.
	quiet bool
	// at is told when Finish is called.
	at func()
}

func newLease(token int64, deadline time.Duration) *fakeLease {
	return &fakeLease{token: token, deadline: deadline, renewed: make(chan struct{}, 1), done: make(chan struct{})}
}

func (l *fakeLease) Key() string              { return "k" }
func (l *fakeLease) Token() int64             { return l.token }
func (l *fakeLease) Renewed() <-chan struct{} { return l.renewed }
func (l *fakeLease) Done() <-chan struct{}    { return l.done }

func (l *fakeLease) Deadline() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

func (l *fakeLease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *fakeLease) renew(deadline time.Duration) {
	l.mu.Lock()
	l.deadline = deadline
	l.mu.Unlock()
	select {
	case l.renewed <- struct{}{}:
	default:
	}
}

func (l *fakeLease) lose(why string) {
	l.mu.Lock()
	l.err = errors.New(why)
	l.mu.Unlock()
	close(l.done)
}

var errFinishTimedOut = errors.New("the store does not answer")

func (l *fakeLease) Finish(ctx context.Context, o gate.Outcome) error {
	l.mu.Lock()
	l.finished = append(l.finished, o)
	first := l.err == nil && !l.quiet
	hang := l.hang
	if first {
		l.err = errors.New("finished")
	}
	l.mu.Unlock()
	if l.at != nil {
		l.at()
	}
	if first {
		close(l.done)
	}
	if hang {
		<-ctx.Done()
		return errFinishTimedOut
	}
	return nil
}

func (l *fakeLease) outcomes() []gate.Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]gate.Outcome(nil), l.finished...)
}

// endedWith wants it to have been finished once.
func (l *fakeLease) endedWith(t *testing.T, want gate.Outcome) {
	t.Helper()
	if got := l.outcomes(); len(got) != 1 || got[0] != want {
		t.Errorf("finished with %v, want %v once", got, want)
	}
}

// fakeWorkload logs what it is told, with the time since the bubble began, and dies as the test wants.
type fakeWorkload struct {
	start time.Time
	gone  chan gate.Ended
	broke chan error
	// onTerm and onKill are how long it takes to die of a signal; never, where negative.
	onTerm, onKill time.Duration
	// slow is how long the gate is held up.
	slow time.Duration
	// sentinel is how long Warn takes; nothing to wait for, where negative.
	sentinel time.Duration

	mu   sync.Mutex
	log  []string
	runs int // workloads that run; more than one is a fault of the gate
	die  *time.Timer
}

func (w *fakeWorkload) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%v %s", time.Since(w.start), fmt.Sprintf(format, args...)))
}

func (w *fakeWorkload) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.log...)
}

func (w *fakeWorkload) Start(g gate.Grant) {
	w.mu.Lock()
	w.runs++
	if w.runs > 1 {
		w.log = append(w.log, "TWO WORKLOADS")
	}
	w.mu.Unlock()
	w.say("start %d until %v", g.Token, g.Deadline)
}

func (w *fakeWorkload) Extend(d time.Duration) { w.say("extend %v", d) }

func (w *fakeWorkload) Warn(reason string) <-chan struct{} {
	w.say("warn: %s", reason)
	if w.sentinel < 0 {
		return nil
	}
	written := make(chan struct{})
	time.AfterFunc(w.sentinel, func() { close(written) })
	return written
}

func (w *fakeWorkload) Terminate() {
	w.say("terminate")
	w.endIn(w.onTerm, gate.Ended{Code: 143})
}

func (w *fakeWorkload) Kill() {
	w.say("kill")
	w.endIn(w.onKill, gate.Ended{Code: 137})
}

func (w *fakeWorkload) Gone() <-chan gate.Ended { return w.gone }

// Broken holds up the gate whenever it is about to look for events.
func (w *fakeWorkload) Broken() <-chan error {
	time.Sleep(w.slow)
	return w.broke
}

// endIn makes the workload end after d, or never.
func (w *fakeWorkload) endIn(d time.Duration, e gate.Ended) {
	if d < 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.die != nil {
		w.die.Stop()
	}
	w.die = time.AfterFunc(d, func() { w.end(e) })
}

func (w *fakeWorkload) end(e gate.Ended) {
	w.mu.Lock()
	runs := w.runs
	w.runs = 0
	w.mu.Unlock()
	if runs == 0 {
		return
	}
	w.say("gone")
	w.gone <- e
}

// bench is a gate with fakes around it, in a bubble.
type bench struct {
	*testing.T
	gate     *gate.Gate
	lock     *fakeLock
	work     *fakeWorkload
	clock    bubbleClock
	stop     context.CancelFunc
	result   chan gate.Result
	changes  []gate.Change
	changing sync.Mutex
}

// benchBudget is 4 s, with SIGTERM at most 0.75 s and SIGKILL 3 s after the loss.
var benchBudget = gate.Budget{Kill: 4 * time.Second, KillAfter: 3 * time.Second}

// onBench runs f in a bubble with a gate that runs at the given clock rate.
func onBench(t *testing.T, rate float64, change func(*gate.Config), f func(b *bench)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		now := time.Now()
		b := &bench{
			T: t, lock: &fakeLock{answers: make(chan answer)}, clock: bubbleClock{now, rate}, result: make(chan gate.Result, 1),
			work: &fakeWorkload{start: now, gone: make(chan gate.Ended, 1), broke: make(chan error, 1), onTerm: time.Second, onKill: 0, sentinel: -1},
		}
		cfg := gate.Config{
			Clock: b.clock, Budget: benchBudget, Lock: b.lock, Workload: b.work, FinishWithin: 5 * time.Second,
			Observe: func(c gate.Change) {
				b.changing.Lock()
				defer b.changing.Unlock()
				b.changes = append(b.changes, c)
			},
		}
		if change != nil {
			change(&cfg)
		}
		g := must.Get(gate.New(cfg))(t)
		b.gate = g
		ctx, cancel := context.WithCancel(t.Context())
		b.stop = cancel
		go func() { b.result <- g.Run(ctx) }()
		f(b)
		cancel() // what is left then must end by itself: the bubble waits for every goroutine
	})
}

// grant answers the gate's Acquire with a lease that has so much time.
func (b *bench) grant(token int64, left time.Duration) *fakeLease {
	l := newLease(token, b.clock.Now()+left)
	b.answer(answer{lease: l})
	return l
}

func (b *bench) answer(a answer) {
	b.Helper()
	select {
	case b.lock.answers <- a:
	case <-time.After(time.Hour):
		b.Fatal("the gate does not wait for the lock")
	}
	bubble.Wait()
}

// after lets time pass.
func (b *bench) after(d time.Duration) {
	time.Sleep(d)
	bubble.Wait()
}

// ends waits for the gate's end.
func (b *bench) ends() gate.Result {
	b.Helper()
	select {
	case r := <-b.result:
		return r
	case <-time.After(time.Hour):
		b.Fatal("the gate does not end")
		return gate.Result{}
	}
}

func (b *bench) runs() bool {
	select {
	case r := <-b.result:
		b.result <- r
		return false
	default:
		return true
	}
}

func (b *bench) is(want gate.State, open bool) {
	b.Helper()
	if s, _ := b.gate.State(); s != want || b.gate.Open() != open {
		b.Errorf("at %v: %v, open %v; want %v, open %v", b.clock.Now(), s, b.gate.Open(), want, open)
	}
}

// did complains unless the workload was told exactly this.
func (b *bench) did(want ...string) {
	b.Helper()
	got := b.work.lines()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.Errorf("the workload was told\n%q\nwant\n%q", got, want)
	}
}

// jumpingClock is a clock that goes on while the bubble's timers stand still, as a machine's does that is suspended.
type jumpingClock struct {
	gate.Clock
	mu    sync.Mutex
	ahead time.Duration
}

func (c *jumpingClock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Clock.Now() + c.ahead
}

func (c *jumpingClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

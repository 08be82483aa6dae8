package electproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Contenders is how many want each key, each with a client of its own.
const Contenders = 3

// Trial is some elections under holders, waiters, releases and scheduled runs.
type Trial struct {
	// Election is how long the members take to elect; 10 s with the server's defaults.
	Election time.Duration
	Timing   mongolock.Timing
	// Faults come in turn, Elections of them.
	Faults    []Fault
	Elections int
	// Database is one that no other trial uses.
	Database string
	// After is told of each fault when it is over: when it began, and for how long no primary acknowledged.
	After func(f Fault, began time.Time, outage time.Duration)
}

// Bears is the longest outage in an election that may cost no lease: what the local deadline leaves after a heartbeat,
// less what a machine that is busy takes. At the default ttl that is 19 s.
func Bears(t mongolock.Timing) time.Duration {
	return t.Deadline(0) - t.Heartbeat - 700*time.Millisecond
}

// successor is how long one who waits for a key may wait for it after the election: a call that the old primary took with it, a look, and
// what a machine that is busy takes.
func (t Trial) successor() time.Duration { return t.Timing.Operation + t.poll() + time.Second }

func (t Trial) poll() time.Duration { return t.Timing.TTL / 12 }

// Report is what came of it.
type Report struct {
	Elections, Overlaps, TokenFaults int
	// Runs of workloads, Buckets that were done, and those that were not done exactly once.
	Runs, Buckets, NotOnce int
	// Bears is the outage below which no lease may be lost, Within how many were there, Unborne how many of them were lost all the same.
	Bears           time.Duration
	Within, Unborne int
	// Late releases cost a successor more than the election.
	Late   int
	Faults map[string]*FaultReport
	// Wrong says what was, in words.
	Wrong []string
}

// FaultReport is of one kind of fault.
type FaultReport struct {
	Times int
	// Held leases that were there when it began, and how many of them were Lost.
	Held, Lost int
	// Gap is the longest time between two renewals of one lease that were acknowledged, by when they were sent.
	Gap time.Duration
	// Releases that were begun in the middle of it, how many of them the store acknowledged, and how long after both,
	// election and release, the longest successor had to wait.
	Releases, Acknowledged int
	Successor              time.Duration
}

// watcher sees who runs, from outside of all leases.
type watcher struct {
	mu      sync.Mutex
	running map[string]int
	tokens  map[string]int64
	done    map[string]*done
	report  *Report
	leases  map[*mongolock.Lease]*renewals
}

// done is what became of a scheduled run.
type done struct {
	acknowledged int  // to those who did it
	seen         bool // by somebody, in the store
	again        bool // begun after that
}

type renewals struct {
	last    time.Duration // the deadline that was seen last
	counted *FaultReport  // it was there when this began
}

func (w *watcher) wrong(format string, args ...any) {
	w.report.Wrong = append(w.report.Wrong, fmt.Sprintf(format, args...))
}

// starts and stops are a workload's.
func (w *watcher) starts(key string, token int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.Runs++
	if w.running[key]++; w.running[key] > 1 {
		w.report.Overlaps++
		w.wrong("%s: two run at once", key)
	}
	if d := w.done[key]; d != nil && d.seen {
		d.again = true
	}
	if token <= w.tokens[key] {
		w.report.TokenFaults++
		w.wrong("%s: token %d after %d", key, token, w.tokens[key])
	}
	w.tokens[key] = token
}

func (w *watcher) stops(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[key]--
}

func (w *watcher) follow(l *mongolock.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leases[l] = &renewals{last: l.Deadline()}
}

func (w *watcher) leave(l *mongolock.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look(l, w.leases[l])
	if r := w.leases[l]; r.counted != nil && errors.Is(l.Err(), mongolock.ErrLost) {
		r.counted.Lost++
	}
	delete(w.leases, l)
}

// look notes how far the deadline has moved. The caller holds mu.
func (w *watcher) look(l *mongolock.Lease, r *renewals) {
	if d := l.Deadline(); d > r.last {
		if r.counted != nil {
			r.counted.Gap = max(r.counted.Gap, d-r.last)
		}
		r.last = d
	}
}

func (w *watcher) looks(ctx context.Context) {
	for ctx.Err() == nil {
		w.mu.Lock()
		for l, r := range w.leases {
			w.look(l, r)
		}
		w.mu.Unlock()
		pause(ctx, 20*time.Millisecond)
	}
}

// begins is a fault's, and says how many leases such ones have met and cost so far; ends is some time after it.
func (w *watcher) begins(f *FaultReport) (held, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held, lost = f.Held, f.Lost
	f.Times++
	for l, r := range w.leases {
		if l.Held() {
			r.counted = f
			f.Held++
		}
	}
	return held, lost
}

// ends forgets of which fault leases are. With a real ttl none may have been lost by an outage that the arithmetic bears.
func (w *watcher) ends(f *FaultReport, held, lost int, outage time.Duration, t mongolock.Timing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.TTL >= mongolock.MinTTL && outage < w.report.Bears {
		w.report.Within += f.Held - held
		if n := f.Lost - lost; n > 0 {
			w.report.Unborne += n
			w.wrong("%d leases lost by an outage of %v", n, outage)
		}
	}
	for _, r := range w.leases {
		r.counted = nil
	}
}

// Run has the trial in front of the server at target. The error is of what could not be tried.
func (t Trial) Run(ctx context.Context, target string) (*Report, error) {
	set, err := New(target)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }() // all that it can say is that it has been closed
	return t.RunOn(ctx, set)
}

// RunOn has it on a set that others use too.
func (t Trial) RunOn(ctx context.Context, set *Set) (*Report, error) {
	report := &Report{Faults: map[string]*FaultReport{}, Bears: Bears(t.Timing)}
	w := &watcher{running: map[string]int{}, tokens: map[string]int64{}, done: map[string]*done{}, report: report, leases: map[*mongolock.Lease]*renewals{}}
	ctx, end := context.WithCancel(ctx)
	defer end()
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	open := func(i int) (*mongolock.Locker, error) {
		return mongolock.Connect(set.URI(), mongolock.Options{
			Database: t.Database, Owner: fmt.Sprint("contender-", i), Timing: t.Timing, Poll: t.poll(), Keep: time.Hour,
		})
	}
	lockers := make([]*mongolock.Locker, Contenders)
	for i := range lockers {
		l, err := open(i)
		if err != nil {
			return nil, err
		}
		lockers[i] = l
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = l.Close(ctx)
		}()
	}
	// The service is held until it is lost, the other key for a while each time.
	for _, l := range lockers {
		all.Go(func() { t.contend(ctx, w, l, "service", false) })
		all.Go(func() { t.contend(ctx, w, l, "shift", true) })
	}
	all.Go(func() { w.looks(ctx) })
	var buckets sync.WaitGroup
	for n := range t.Elections {
		f := t.Faults[n%len(t.Faults)]
		r := report.Faults[f.Name]
		if r == nil {
			r = &FaultReport{}
			report.Faults[f.Name] = r
		}
		for ctx.Err() == nil && !w.runs("service") {
			pause(ctx, 20*time.Millisecond)
		}
		t.bucket(ctx, w, lockers, fmt.Sprint("bucket-", n, "-before"), &buckets)
		pause(ctx, rand.N(t.Timing.Heartbeat)) //nolint:gosec // spreads what a trial does
		held, lost := w.begins(r)
		began := time.Now()
		var releases sync.WaitGroup
		elected := make(chan struct{})
		releases.Go(func() { t.release(ctx, w, lockers, fmt.Sprint("given-", n), set, r, elected) })
		t.bucket(ctx, w, lockers, fmt.Sprint("bucket-", n, "-amid"), &buckets)
		pause(ctx, t.Timing.Operation/4)
		f.Run(ctx, set, t.Election)
		close(elected)
		report.Elections++
		pause(ctx, t.Timing.TTL) // those that were lost know of it
		releases.Wait()
		silent, served := set.outage()
		w.ends(r, held, lost, served.Sub(silent), t.Timing)
		if t.After != nil {
			t.After(f, began, served.Sub(silent))
		}
	}
	buckets.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("elections: %w", context.Cause(ctx))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range t.Elections {
		for _, when := range []string{"-before", "-amid"} {
			key := fmt.Sprint("bucket-", n, when)
			report.Buckets++
			d := w.done[key]
			if d == nil {
				d = &done{}
			}
			if d.acknowledged > 1 || !d.seen || d.again {
				report.NotOnce++
				w.wrong("%s: acknowledged as done %d times, seen as done %v, begun again after that %v", key, d.acknowledged, d.seen, d.again)
			}
		}
	}
	return report, nil
}

// recorded notes that a run is done, and how many have been told so now.
func (w *watcher) recorded(key string, told int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.done[key]
	if d == nil {
		d = &done{}
		w.done[key] = d
	}
	d.seen = true
	d.acknowledged += told
}

func (w *watcher) runs(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[key] == 1
}

// contend waits for a key, holds it, and begins again.
func (t Trial) contend(ctx context.Context, w *watcher, l *mongolock.Locker, key string, shifts bool) {
	for ctx.Err() == nil {
		lease, err := l.Acquire(ctx, key)
		if err != nil {
			pause(ctx, 50*time.Millisecond)
			continue
		}
		w.follow(lease)
		w.starts(key, lease.Token())
		var shift <-chan time.Time
		if shifts {
			shift = time.After(t.Timing.TTL/2 + rand.N(2*t.Timing.TTL)) //nolint:gosec // spreads what a trial does
		}
		select {
		case <-lease.Done():
		case <-shift:
		case <-ctx.Done():
		}
		w.stops(key)
		w.leave(lease)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Timing.TTL)
		_ = lease.Release(end) // lost, or given back: the next one will see
		cancel()
	}
}

// bucket is one scheduled run that all contenders want to have done.
func (t Trial) bucket(ctx context.Context, w *watcher, lockers []*mongolock.Locker, key string, all *sync.WaitGroup) {
	for _, l := range lockers {
		all.Go(func() {
			pause(ctx, rand.N(t.Timing.Operation)) //nolint:gosec // spreads what a trial does
			for ctx.Err() == nil {
				lease, err := l.Acquire(ctx, key)
				if done := (*mongolock.DoneError)(nil); errors.As(err, &done) {
					w.recorded(key, 0)
					return
				}
				if err != nil {
					pause(ctx, 50*time.Millisecond)
					continue
				}
				w.starts(key, lease.Token())
				select {
				case <-lease.Done():
				case <-time.After(rand.N(t.Timing.TTL / 4)): //nolint:gosec // spreads what a trial does
				}
				lost := lease.Err() != nil
				if !lost {
					// Where the answer is lost for good, the next try finds the record, or does the run again.
					end, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Timing.TTL)
					lost = lease.Finish(end, gate.Succeeded) != nil
					cancel()
				}
				w.stops(key)
				if !lost {
					w.recorded(key, 1)
					return
				}
			}
		})
	}
}

// release gives a key back in the middle of an election, while another one waits for it.
func (t Trial) release(ctx context.Context, w *watcher, lockers []*mongolock.Locker, key string, set *Set, r *FaultReport, elected <-chan struct{}) {
	lease, err := lockers[0].Try(ctx, key)
	if err != nil {
		return
	}
	next := make(chan time.Time, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		lease, err := lockers[1].Acquire(ctx, key)
		if err != nil {
			return
		}
		next <- time.Now()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Timing.TTL)
		defer cancel()
		_ = lease.Release(end) // nobody waits for it
	})
	pause(ctx, t.Timing.Operation/4+t.Election/5)
	given := time.Now()
	end, cancel := context.WithTimeout(ctx, t.Timing.TTL)
	err = lease.Release(end)
	cancel()
	<-elected
	waiting.Wait()
	select {
	case at := <-next:
		w.succeeds(t, r, key, err == nil, set, given, at)
	default: // all is over
	}
}

// succeeds: the successor had the key at an instant. It cannot have it before the election, nor before the release was begun.
func (w *watcher) succeeds(t Trial, r *FaultReport, key string, acknowledged bool, set *Set, given, at time.Time) {
	_, from := set.outage()
	if given.After(from) {
		from = given
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	waited := at.Sub(from)
	r.Releases++
	if acknowledged {
		r.Acknowledged++
	}
	r.Successor = max(r.Successor, waited)
	if most := t.successor(); waited > most {
		w.report.Late++
		w.wrong("%s: the successor waited %v after the election, more than %v", key, waited, most)
	}
}

// Table is the report in Markdown.
func (r *Report) Table(faults []Fault) string {
	var b strings.Builder
	b.WriteString("| fault | times | longest gap of a lease that lived | leases lost | releases in the middle, acknowledged | the successor's wait after the election, longest |\n|---|---:|---:|---:|---:|---:|\n")
	for _, f := range faults {
		if k := r.Faults[f.Name]; k != nil {
			fmt.Fprintf(&b, "| %s | %d | %.1f s | %d of %d | %d of %d | %.1f s |\n",
				f.Name, k.Times, k.Gap.Seconds(), k.Lost, k.Held, k.Acknowledged, k.Releases, max(0, k.Successor.Seconds()))
		}
	}
	return b.String()
}

// Add adds another trial's report up.
func (r *Report) Add(other *Report) {
	r.Elections += other.Elections
	r.Overlaps += other.Overlaps
	r.TokenFaults += other.TokenFaults
	r.Runs += other.Runs
	r.Buckets += other.Buckets
	r.NotOnce += other.NotOnce
	r.Bears = other.Bears
	r.Within += other.Within
	r.Unborne += other.Unborne
	r.Late += other.Late
	r.Wrong = slices.Concat(r.Wrong, other.Wrong)
	if r.Faults == nil {
		r.Faults = map[string]*FaultReport{}
	}
	for name, o := range other.Faults {
		k := r.Faults[name]
		if k == nil {
			k = &FaultReport{}
			r.Faults[name] = k
		}
		k.Times += o.Times
		k.Held += o.Held
		k.Lost += o.Lost
		k.Releases += o.Releases
		k.Acknowledged += o.Acknowledged
		k.Gap, k.Successor = max(k.Gap, o.Gap), max(k.Successor, o.Successor)
	}
}

// Releases is how many were begun in the middle of an election.
func (r *Report) Releases() (n int) {
	for _, k := range r.Faults {
		n += k.Releases
	}
	return n
}

// Summary is the report in a few sentences.
func (r *Report) Summary() string {
	s := fmt.Sprintf("%d elections, %d contenders for each key, %d runs of workloads: %d overlaps, %d wrong tokens. "+
		"%d buckets: %d lost or doubled. %d releases in the middle of an election: %d cost the successor more than the election.",
		r.Elections, Contenders, r.Runs, r.Overlaps, r.TokenFaults, r.Buckets, r.NotOnce, r.Releases(), r.Late)
	if r.Within > 0 {
		s += fmt.Sprintf(" %d leases met an outage below %v: %d lost.", r.Within, r.Bears.Round(100*time.Millisecond), r.Unborne)
	}
	return s
}

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
	// After is told of each fault when it is over: when it began, for how long no primary acknowledged, and for how long
	// the machine let nobody run. True where it is disturbed, and is tried again.
	After func(f Fault, began time.Time, outage, stalled time.Duration) (disturbed bool)
}

// Excuses is for how long a machine may let nobody run before a bound that is missed says nothing. It excuses no overlap, no token, no bucket.
const Excuses = time.Second

// Again is how many elections are tried again at most, of those of one set.
const Again = 4

// Bears is the longest outage in an election that may cost no lease: what docs/use/database.md says of outages, and at the default
// ttl 19 s, for members that live tell of their new primary at once.
func Bears(t mongolock.Timing) time.Duration {
	if t == (mongolock.Timing{}).WithDefaults() {
		return 19 * time.Second
	}
	return t.Outage()
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
	// Borne is of releases in an outage shorter than their lease, Late how many of them cost a successor more than the election.
	Borne, Late int
	// Disturbed elections were tried again.
	Disturbed int
	Faults    map[string]*FaultReport
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
	told    map[string][]string // of each key, what its contenders were told
	waited  map[string]bool     // keys that somebody was told to wait for
	stalled time.Duration       // for how long the machine let nobody run, since the latest fault began
}

// How often the watcher looks, and how late it must be for a stall of the machine.
const (
	lookEvery = 20 * time.Millisecond
	stalls    = 250 * time.Millisecond
)

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
	for last := time.Now(); ctx.Err() == nil; {
		w.mu.Lock()
		now := time.Now()
		if late := now.Sub(last) - lookEvery; late >= stalls {
			w.stalled += late
		}
		last = now
		for l, r := range w.leases {
			w.look(l, r)
		}
		w.mu.Unlock()
		pause(ctx, lookEvery)
	}
}

// begins is a fault's, and says how many leases such ones have met and cost so far; ends is some time after it.
func (w *watcher) begins(fault Fault) (f *FaultReport, held, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f = w.report.Faults[fault.Name]; f == nil {
		f = &FaultReport{}
		w.report.Faults[fault.Name] = f
	}
	held, lost = f.Held, f.Lost
	w.stalled = 0
	f.Times++
	for l, r := range w.leases {
		if l.Held() {
			r.counted = f
			f.Held++
		}
	}
	return f, held, lost
}

// ends forgets of which fault leases are. With a real ttl none may have been lost by an outage that the arithmetic bears, unless the machine stalled.
func (w *watcher) ends(f *FaultReport, held, lost int, outage time.Duration, t mongolock.Timing) (disturbed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.leases {
		r.counted = nil
	}
	if t.TTL < mongolock.MinTTL || outage >= w.report.Bears {
		return false
	}
	n := f.Lost - lost
	if n > 0 && w.stalled >= Excuses {
		f.Held, f.Lost = held, lost // it says nothing
		return true
	}
	w.report.Within += f.Held - held
	if n > 0 {
		w.report.Unborne += n
		w.wrong("%d leases lost by an outage of %v, the machine stalled for %v", n, outage, w.stalled)
	}
	return false
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
	w := &watcher{running: map[string]int{}, tokens: map[string]int64{}, done: map[string]*done{}, report: report, leases: map[*mongolock.Lease]*renewals{}, told: map[string][]string{}, waited: map[string]bool{}}
	ctx, end := context.WithCancel(ctx)
	defer end()
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	open := func(i int) (*mongolock.Locker, error) {
		owner := fmt.Sprint("contender-", i)
		return mongolock.Connect(set.URI(), mongolock.Options{
			Database: t.Database, Owner: owner, Timing: t.Timing, Poll: t.poll(), Keep: time.Hour,
			Observe: func(e mongolock.Event) { w.observe(owner, e) },
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
	var faults []Fault
	for n := range t.Elections {
		faults = append(faults, t.Faults[n%len(t.Faults)])
	}
	for n := 0; n < len(faults) && ctx.Err() == nil; n++ {
		f := faults[n]
		switch disturbed := t.election(ctx, w, lockers, set, f, n, &buckets); {
		case !disturbed:
			report.Elections++
		case len(faults) == t.Elections+Again:
			w.wrong("%s: disturbed by the machine, which it has been too often", f.Name)
		default:
			report.Disturbed++
			faults = append(faults, f)
		}
	}
	buckets.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("elections: %w", context.Cause(ctx))
	}
	w.buckets(len(faults))
	return report, nil
}

// election is one of them, and all that goes on in it. A disturbed one says nothing but that nothing ran twice.
func (t Trial) election(ctx context.Context, w *watcher, lockers []*mongolock.Locker, set *Set, f Fault, n int, buckets *sync.WaitGroup) (disturbed bool) {
	for ctx.Err() == nil && !w.runs("service") {
		pause(ctx, 20*time.Millisecond)
	}
	t.bucket(ctx, w, lockers, fmt.Sprint("bucket-", n, "-before"), buckets)
	pause(ctx, rand.N(t.Timing.Heartbeat))
	give := t.give(ctx, w, lockers, fmt.Sprint("given-", n))
	r, held, lost := w.begins(f)
	began := time.Now()
	var releases sync.WaitGroup
	elected := make(chan struct{})
	releases.Go(func() { disturbed = give(set, r, elected) })
	t.bucket(ctx, w, lockers, fmt.Sprint("bucket-", n, "-amid"), buckets)
	pause(ctx, t.Timing.Operation/4)
	f.Run(ctx, set, t.Election)
	close(elected)
	pause(ctx, t.Timing.TTL) // those that were lost know of it
	releases.Wait()
	silent, served := set.outage()
	outage := served.Sub(silent)
	disturbed = w.ends(r, held, lost, outage, t.Timing) || disturbed
	if t.After != nil {
		disturbed = t.After(f, began, outage, w.stall()) || disturbed
	}
	return disturbed
}

// buckets finds those that were not done exactly once, of so many elections.
func (w *watcher) buckets(elections int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range elections {
		for _, when := range []string{"-before", "-amid"} {
			key := fmt.Sprint("bucket-", n, when)
			w.report.Buckets++
			d := w.done[key]
			if d == nil {
				d = &done{}
			}
			if d.acknowledged > 1 || !d.seen || d.again {
				w.report.NotOnce++
				w.wrong("%s: acknowledged as done %d times, seen as done %v, begun again after that %v", key, d.acknowledged, d.seen, d.again)
			}
		}
	}
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

func (w *watcher) observe(who string, e mongolock.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	holder := ""
	if e.Info != nil {
		holder = fmt.Sprintf(" %s with token %d, renewed %v", e.Info.Owner, e.Info.Token, e.Info.Touched.Format(clock))
	}
	w.told[e.Key] = append(w.told[e.Key], fmt.Sprintf("%v %s: %s %s %d%s %v", time.Now().Format(clock), who, e.Kind, e.Call, e.Token, holder, e.Err))
	if e.Kind == mongolock.EventWaiting {
		w.waited[e.Key] = true
	}
}

func (w *watcher) waits(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waited[key]
}

func (w *watcher) stall() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalled
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
			shift = time.After(t.Timing.TTL/2 + rand.N(2*t.Timing.TTL))
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
			pause(ctx, rand.N(t.Timing.Operation))
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
				case <-time.After(rand.N(t.Timing.TTL / 4)):
				}
				lost := lease.Err() != nil
				if !lost {
					// Where the answer is lost for good, the next try finds the record, or does the run again.
					end, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Timing.TTL)
					lost = lease.Finish(end, mongolock.Succeeded) != nil
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

// give takes a key for which another one waits, who has seen that it is held: one who comes later would have to watch
// for ttl + grace. What it returns gives the key back in the middle of the election, and says whether the machine disturbed that.
func (t Trial) give(ctx context.Context, w *watcher, lockers []*mongolock.Locker, key string) func(set *Set, r *FaultReport, elected <-chan struct{}) (disturbed bool) {
	lease, err := lockers[0].Try(ctx, key)
	if err != nil {
		return func(*Set, *FaultReport, <-chan struct{}) bool { return false }
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
	for ctx.Err() == nil && !w.waits(key) {
		pause(ctx, 5*time.Millisecond)
	}
	return func(set *Set, r *FaultReport, elected <-chan struct{}) bool {
		pause(ctx, t.Timing.Operation/4+t.Election/5)
		given := time.Now()
		end, cancel := context.WithTimeout(ctx, t.Timing.TTL)
		err := lease.Release(end)
		cancel()
		<-elected
		waiting.Wait()
		select {
		case at := <-next:
			return w.succeeds(t, r, key, err == nil, set, given, at)
		default: // all is over
			return false
		}
	}
}

// succeeds: the successor had the key at an instant. It cannot have it before the election, nor before the release was begun. A release that
// nobody could acknowledge for as long as its lease is none, and the successor waits as for a holder that died: from the last beat that it
// has seen, at most ttl + grace.
func (w *watcher) succeeds(t Trial, r *FaultReport, key string, acknowledged bool, set *Set, given, at time.Time) (disturbed bool) {
	silent, from := set.outage()
	borne := acknowledged || from.Sub(silent) < t.Timing.TTL
	if given.After(from) {
		from = given
	}
	most := t.successor()
	if !borne {
		most += t.Timing.Silence()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	waited := at.Sub(from)
	if waited > most && w.stalled >= Excuses {
		return true
	}
	r.Releases++
	if acknowledged {
		r.Acknowledged++
	}
	if borne {
		w.report.Borne++
	}
	r.Successor = max(r.Successor, waited)
	if waited > most {
		w.report.Late++
		w.wrong("%s: the successor waited %v after the election, more than %v, the machine stalled for %v; released %v, elected %v\n%s",
			key, waited, most, w.stalled, given.Format(clock), from.Format(clock), strings.Join(w.told[key], "\n"))
	}
	return false
}

// clock is how instants are shown.
const clock = "15:04:05.000"

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
	r.Borne += other.Borne
	r.Late += other.Late
	r.Disturbed += other.Disturbed
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

// Summary is the report in a few sentences.
func (r *Report) Summary() string {
	s := fmt.Sprintf("%d elections, %d contenders for each key, %d runs of workloads: %d overlaps, %d wrong tokens. "+
		"%d buckets: %d lost or doubled. %d releases in an election shorter than their lease: %d cost the successor more than the election.",
		r.Elections, Contenders, r.Runs, r.Overlaps, r.TokenFaults, r.Buckets, r.NotOnce, r.Borne, r.Late)
	if r.Within > 0 {
		s += fmt.Sprintf(" %d leases met an outage below %v: %d lost.", r.Within, r.Bears.Round(100*time.Millisecond), r.Unborne)
	}
	return s + fmt.Sprintf(" Disturbed by a machine that let nobody run for %v and more, and tried again: %d.", Excuses, r.Disturbed)
}

//go:build linux

package electproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/witness"
)

// service is the key that is held until it is lost.
const service = "service"

// Contenders is how many want each key, each with a client of its own.
const Contenders = 3

// Trial is some elections under holders, waiters, releases and scheduled runs.
type Trial struct {
	// Election is how long the members take to elect; 10 s with the server's defaults.
	Election time.Duration
	Timing   mongolock.Timing
	// Faults come in turn, Elections of them to each of the Sets, of which each begins with another one.
	Faults          []Fault
	Elections, Sets int
	// Beside begins what goes on beside the contenders of a set, if anything; the database is theirs.
	Beside func(ctx context.Context, number int, set *Set, database string) (Beside, error)
}

// Beside is what goes on beside the contenders of a set.
type Beside struct {
	// After is told of each fault when it is over: when it began, for how long no primary acknowledged, and for how long
	// the machine let nobody run. True where it is disturbed, and is tried again.
	After func(f Fault, began time.Time, outage, stalled time.Duration) (disturbed bool)
	// End ends it, and says what was wrong with it.
	End func() error
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
	mu sync.Mutex

	Elections int
	// Runs of workloads, Overlaps of them, and what else the witness holds against them.
	Runs, Overlaps, Others int
	// Buckets that were done, and those that were not done exactly once.
	Buckets, NotOnce int
	// Bears is the outage below which no lease may be lost, Within how many were there, Unborne how many of them were lost all the same.
	Bears           time.Duration
	Within, Unborne int
	// Borne is of releases in an outage shorter than their lease, Late how many of them cost a successor more than the election.
	Borne, Late int
	// Disturbed elections were tried again.
	Disturbed int
	// Faults are those of which a set went through one that was not disturbed.
	Faults map[string]*FaultReport
	// Wrong says what was, in words.
	Wrong []string
}

// Bore notes of what must bear an outage whether it did, and says why not.
func (r *Report) Bore(borne bool, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Within++
	if !borne {
		r.Unborne++
		r.wrong(format, args...)
	}
}

// Judge adds the witness's verdict on some runs.
func (r *Report) Judge(entries []witness.Entry) {
	v := witness.Judge(entries)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Runs += len(v.Runs)
	r.Overlaps += len(v.Overlaps)
	r.Others += len(v.Faults) - len(v.Overlaps)
	r.Wrong = append(r.Wrong, v.Faults...)
}

func (r *Report) wrong(format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
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

// watcher sees what goes on with one set, from outside of all leases.
type watcher struct {
	*Report // and its mutex
	clock   gate.Clock
	runs    []witness.Entry
	done    map[string]*done
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

// starts notes that a workload runs; what it returns notes that it does not any more.
func (w *watcher) starts(key string, token int64) (stops func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	run := witness.Entry{At: w.clock.Now(), Event: witness.Start, Key: key, ID: fmt.Sprint(key, "/", len(w.runs)), Token: token}
	w.runs = append(w.runs, run)
	if d := w.done[key]; d != nil && d.seen {
		d.again = true
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		run.Event, run.At, run.Alive = witness.Gone, w.clock.Now(), w.clock.Now()
		w.runs = append(w.runs, run)
	}
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

// begins is a fault's; ends is some time after it.
func (w *watcher) begins() *FaultReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = 0
	f := &FaultReport{Times: 1}
	for l, r := range w.leases {
		if l.Held() {
			r.counted = f
			f.Held++
		}
	}
	return f
}

// ends forgets of which fault leases are. With a real ttl none may have been lost by an outage that the arithmetic bears, unless the machine stalled.
func (w *watcher) ends(f *FaultReport, outage time.Duration, t mongolock.Timing) (disturbed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.leases {
		r.counted = nil
	}
	if t.TTL < mongolock.MinTTL || outage >= w.Bears {
		return false
	}
	if f.Lost > 0 && w.stalled >= Excuses {
		return true
	}
	w.Within += f.Held
	if f.Lost > 0 {
		w.Unborne += f.Lost
		w.wrong("%d leases lost by an outage of %v, the machine stalled for %v", f.Lost, outage, w.stalled)
	}
	return false
}

// counts adds what became of one fault, and says whether it is to be tried again: if it was disturbed, and not for the last time.
func (w *watcher) counts(fault Fault, o *FaultReport, last bool) (again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case o == nil && last:
		w.wrong("%s: disturbed by the machine, which it has been too often", fault.Name)
		return false
	case o == nil:
		w.Disturbed++
		return true
	}
	w.Elections++
	f := w.Faults[fault.Name]
	if f == nil {
		w.Faults[fault.Name] = o
		return false
	}
	f.Times += o.Times
	f.Held += o.Held
	f.Lost += o.Lost
	f.Releases += o.Releases
	f.Acknowledged += o.Acknowledged
	f.Gap, f.Successor = max(f.Gap, o.Gap), max(f.Successor, o.Successor)
	return false
}

// Run has the trial in front of the server at target. The error is of what could not be tried.
func (t Trial) Run(ctx context.Context, target string) (*Report, error) {
	report := &Report{Faults: map[string]*FaultReport{}, Bears: Bears(t.Timing)}
	errs := make([]error, t.Sets)
	var all sync.WaitGroup
	for i := range t.Sets {
		all.Go(func() { errs[i] = t.set(ctx, target, i, report) })
	}
	all.Wait()
	return report, errors.Join(errs...)
}

// set has the elections of one set.
func (t Trial) set(ctx context.Context, target string, number int, report *Report) (err error) {
	set, err := New(target)
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }() // all that it can say is that it has been closed
	database := fmt.Sprintf("elections_%d_%d", time.Now().UnixNano(), number)
	var beside Beside
	if t.Beside != nil {
		if beside, err = t.Beside(ctx, number, set, database); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, beside.End()) }()
	}
	w := &watcher{Report: report, clock: gate.BootClock(), done: map[string]*done{}, leases: map[*mongolock.Lease]*renewals{}, told: map[string][]string{}, waited: map[string]bool{}}
	ctx, end := context.WithCancel(ctx)
	defer end()
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	lockers := make([]*mongolock.Locker, Contenders)
	for i := range lockers {
		owner := fmt.Sprint("contender-", i)
		l, err := mongolock.Connect(set.URI(), mongolock.Options{
			Database: database, Owner: owner, Timing: t.Timing, Poll: t.poll(), Keep: time.Hour,
			Observe: func(e mongolock.Event) { w.observe(owner, e) },
		})
		if err != nil {
			return err
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
		all.Go(func() { t.contend(ctx, w, l, service, false) })
		all.Go(func() { t.contend(ctx, w, l, "shift", true) })
	}
	all.Go(func() { w.looks(ctx) })
	var buckets sync.WaitGroup
	var faults []Fault
	for n := range t.Elections {
		faults = append(faults, t.Faults[(number*t.Elections+n)%len(t.Faults)])
	}
	for n := 0; n < len(faults) && ctx.Err() == nil; n++ {
		f := faults[n]
		r, began, outage := t.election(ctx, w, lockers, set, f, n, &buckets)
		if beside.After != nil && beside.After(f, began, outage, w.stall()) {
			r = nil
		}
		if again := w.counts(f, r, len(faults) == t.Elections+Again); again {
			faults = append(faults, f)
		}
	}
	buckets.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("elections: %w", context.Cause(ctx))
	}
	w.buckets(len(faults))
	end()
	all.Wait()
	w.Judge(w.runs)
	return nil
}

// election is one of them, and all that goes on in it: when it began, and for how long no primary acknowledged. A disturbed
// one has no report, and says nothing but that nothing ran twice.
func (t Trial) election(ctx context.Context, w *watcher, lockers []*mongolock.Locker, set *Set, f Fault, n int, buckets *sync.WaitGroup) (r *FaultReport, began time.Time, outage time.Duration) {
	for ctx.Err() == nil && !w.held(service) {
		pause(ctx, 20*time.Millisecond)
	}
	t.bucket(ctx, w, lockers, fmt.Sprint("bucket-", n, "-before"), buckets)
	pause(ctx, rand.N(t.Timing.Heartbeat))
	give := t.give(ctx, w, lockers, fmt.Sprint("given-", n))
	r = w.begins()
	began = time.Now()
	var releases sync.WaitGroup
	disturbed := false
	elected := make(chan struct{})
	releases.Go(func() { disturbed = give(set, r, elected) })
	t.bucket(ctx, w, lockers, fmt.Sprint("bucket-", n, "-amid"), buckets)
	pause(ctx, t.Timing.Operation/4)
	f.Run(ctx, set, t.Election)
	close(elected)
	pause(ctx, t.Timing.TTL) // those that were lost know of it
	releases.Wait()
	silent, served := set.outage()
	outage = served.Sub(silent)
	if w.ends(r, outage, t.Timing) || disturbed {
		r = nil
	}
	return r, began, outage
}

// buckets finds those that were not done exactly once, of so many elections.
func (w *watcher) buckets(elections int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range elections {
		for _, when := range []string{"-before", "-amid"} {
			key := fmt.Sprint("bucket-", n, when)
			w.Buckets++
			d := w.done[key]
			if d == nil {
				d = &done{}
			}
			if d.acknowledged > 1 || !d.seen || d.again {
				w.NotOnce++
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

// held says whether somebody knows that a key is.
func (w *watcher) held(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.leases {
		if l.Key() == key && l.Held() {
			return true
		}
	}
	return false
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
		stops := w.starts(key, lease.Token())
		var shift <-chan time.Time
		if shifts {
			shift = time.After(t.Timing.TTL/2 + rand.N(2*t.Timing.TTL))
		}
		select {
		case <-lease.Done():
		case <-shift:
		case <-ctx.Done():
		}
		stops()
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
				stops := w.starts(key, lease.Token())
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
				stops()
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
		w.Borne++
	}
	r.Successor = max(r.Successor, waited)
	if waited > most {
		w.Late++
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

// Summary is the report in a few sentences.
func (r *Report) Summary() string {
	s := fmt.Sprintf("%d elections, %d contenders for each key, %d runs of workloads: %d overlaps, %d other faults. "+
		"%d buckets: %d lost or doubled. %d releases in an election shorter than their lease: %d cost the successor more than the election.",
		r.Elections, Contenders, r.Runs, r.Overlaps, r.Others, r.Buckets, r.NotOnce, r.Borne, r.Late)
	if r.Within > 0 {
		s += fmt.Sprintf(" %d leases met an outage below %v: %d lost.", r.Within, r.Bears.Round(100*time.Millisecond), r.Unborne)
	}
	return s + fmt.Sprintf(" Disturbed by a machine that let nobody run for %v and more, and tried again: %d.", Excuses, r.Disturbed)
}

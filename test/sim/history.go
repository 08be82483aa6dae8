package sim

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/fakemongo"
)

const (
	machines = 4
	// hostile is how long the world is hostile, quiet how long after that somebody must hold the lock. In between the last late
	// request may come (a minute), make a ghost that is waited out (ttl + grace), and find a challenger between two polls.
	hostile = 400 * time.Second
)

// History is one run of the world.
type History struct {
	seed    uint64
	kind    kind
	faults  faults
	quiet   time.Duration
	servers servers
	hand    *replica // the same servers, for who writes by hand
	network *network
	witness *witness
	epoch   time.Time

	mu       sync.Mutex
	machines []*machine
	lives    []*life // of each machine the present one, nil while it is down
	calm     bool    // workloads no longer end by themselves
}

// event is something that the world does.
type event struct {
	at   time.Duration
	what string
	do   func()
	may  bool // it may as well not happen
}

// Run runs the history of a seed in the caller's synctest bubble. It returns
// what happened, line by line; the error says which promises were broken. Events of the script that are in without do not happen.
func Run(seed uint64, driver bool, without map[int]bool) (Counts, []string, error) {
	h := &History{
		seed: seed, kind: kind(seed % uint64(kinds)), network: &network{seed: seed}, epoch: time.Now(),
		witness: &witness{start: time.Now(), running: map[int]gate.Grant{}, tokens: map[string]int64{}, done: map[string]bool{}},
	}
	if driver && h.kind == workers {
		h.kind = one
	}
	h.witness.alone = h.kind == pairs
	if driver {
		h.servers = driven{fakemongo.New(fakemongo.Options{ReplicaSet: "rs", Now: h.wall(0), Decide: h.network.decide})}
	} else {
		h.hand = newReplica(h.wall(0), h.network)
		h.servers = h.hand
	}
	defer h.servers.Close()
	r := rand.New(rand.NewPCG(seed, 1))
	h.network.often = pick(r, 0.04, 0.04, 0.25)
	h.faults = drawFaults(r, h.kind)
	var longest time.Duration
	for i := range machines {
		t := timingOf(30 * time.Second)
		if h.faults.mixedTTLs {
			t = timingOf(pick(r, ttls...))
		}
		longest = max(longest, t.Silence())
		h.machines = append(h.machines, &machine{
			number: i, draws: rand.New(rand.NewPCG(seed, 100+uint64(i))), start: h.epoch, rate: 1 + (r.Float64()*2-1)*0.005, witness: h.witness,
			timing: t, budget: gate.Budget{Kill: t.KillBudget, KillAfter: t.KillBudget * 3 / 4},
		})
	}
	h.quiet = time.Minute + longest + 25*time.Second
	h.lives = make([]*life, machines)
	script := h.script(r)
	slices.SortStableFunc(script, func(a, b event) int { return int(a.at - b.at) })
	for i, e := range script {
		time.Sleep(e.at - time.Since(h.epoch))
		if without[i] && e.may {
			continue
		}
		if e.what != "" {
			h.witness.note("%s", e.what)
		}
		e.do()
	}
	return h.judge()
}

// wall is a member's wall clock.
func (h *History) wall(offset time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(offset) }
}

// script draws what the world does, and when.
func (h *History) script(r *rand.Rand) []event {
	var out []event
	add := func(at time.Duration, do func(), what string, args ...any) {
		out = append(out, event{at, fmt.Sprintf(what, args...), do, true})
	}
	exp := func(mean time.Duration) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }

	for t := exp(50 * time.Second); h.faults.isolations && t < hostile; t += exp(50 * time.Second) {
		var old []int
		for i := range machines {
			if r.IntN(2) == 0 {
				old = append(old, i)
			}
		}
		add(t, func() { h.servers.Isolate(old...) }, "the primary is cut off and serves %v", old)
		t += 200*time.Millisecond + upTo(r, 12800*time.Millisecond)
		step := pick(r, 40*time.Second, 4000*time.Second)
		offset := time.Duration((r.Float64()*2 - 1) * float64(step) * pick(r, 0, 0.05, 1))
		if !h.faults.clocks {
			offset = 0
		}
		add(t, func() { h.servers.Elect(h.wall(offset)) }, "another is elected, its clock is off by %v", offset)
		t += time.Duration(r.IntN(2)) * upTo(r, 8*time.Second)
		add(t, h.servers.Rejoin, "the old primary is rolled back")
		h.witness.counts.Isolations++
	}
	for i := range machines {
		mean := 80 * time.Second
		if i < 2 {
			mean = 40 * time.Second
		}
		for t := exp(mean); h.faults.cuts && t < hostile; t += exp(mean) {
			d := 500*time.Millisecond + upTo(r, 44500*time.Millisecond)
			add(t, func() { h.servers.Cut(i, true) }, "machine %d is cut off for %v", i, d)
			t += d
			add(t, func() { h.servers.Cut(i, false) }, "machine %d is back on the network", i)
		}
		add(upTo(r, 5*time.Second), func() { h.revive(h.machines[i], false) }, "machine %d begins", i)
	}
	for range h.faults.times(h.faults.crashes, pick(r, 1, 3)) {
		after, behind := pick(r, 500*time.Millisecond, 5*time.Second, time.Minute), r.IntN(2) == 0
		add(20*time.Second+upTo(r, hostile-20*time.Second), func() { h.crash(after, behind) }, "a gate is to crash")
	}
	at := func() time.Duration { return 20*time.Second + upTo(r, hostile-20*time.Second) }
	for range h.faults.times(h.faults.freezes, pick(r, 1, 4, 10)) {
		i, d := r.IntN(machines), pick(r, time.Second, 10*time.Second, time.Minute)
		d = d/10 + upTo(r, d)
		add(at(), func() { h.machines[i].freeze(d) }, "machine %d is frozen for %v", i, d)
		h.witness.counts.Frozen++
	}
	if h.faults.operator {
		add(at(), func() { h.operator(false) }, "an operator revokes")
	}
	if h.faults.force {
		add(at(), func() { h.operator(true) }, "an operator takes the key at once")
	}
	if h.kind == workers {
		for i := range 60 {
			lease := 5*time.Second + upTo(r, 40*time.Second)
			work := upTo(r, lease)
			add(upTo(r, hostile), func() { h.worker(fmt.Sprintf("worker-%d", i), lease, work) }, "worker %d of the Python library looks", i)
		}
	}
	end := hostile
	for _, e := range out {
		end = max(end, e.at)
	}
	faulty := len(out)
	add(end+time.Minute, h.calmDown, "all is quiet") // whoever crashed last is back by now
	add(end+time.Minute+h.quiet, func() {}, "the end")
	for i := faulty; i < len(out); i++ {
		out[i].may = false
	}
	return out
}

// revive starts a gate on a machine.
func (h *History) revive(m *machine, behind bool) {
	l, err := h.begin(m, behind)
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	h.lives[m.number] = l
	h.mu.Unlock()
}

// crash ends the life of a gate whose workload runs, or else of any, and begins another later.
func (h *History) crash(after time.Duration, behind bool) {
	h.mu.Lock()
	var victim *life
	for _, l := range h.lives {
		if l == nil {
			continue
		}
		l.machine.mu.Lock()
		runs := l.machine.running
		l.machine.mu.Unlock()
		if victim == nil || runs {
			victim = l
		}
	}
	if victim != nil {
		h.lives[victim.machine.number] = nil
		h.witness.count(func(c *Counts) { c.Crashes++ })
	}
	h.mu.Unlock()
	if victim == nil {
		return
	}
	h.witness.note("machine %d: the gate crashes, back in %v, behind its guard: %v", victim.machine.number, after, behind)
	victim.crash()
	time.AfterFunc(after, func() { h.revive(victim.machine, behind) })
	go victim.over.Wait()
}

// operator revokes the lease of whoever holds the key, or takes the key at once.
func (h *History) operator(now bool) {
	go func() {
		l, end, err := h.servers.locker(&machine{number: machines}, new(atomic.Bool), mongolock.Options{Owner: "operator", Clock: h.machines[0]})
		if err != nil {
			panic(err)
		}
		defer end()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		key := job
		if h.kind == runs {
			key = h.bucketNow()
		}
		if !now {
			_, err = l.Revoke(ctx, key)
		} else {
			// Who runs now may run on for a while beside the next one: that is what was asked for.
			h.witness.mu.Lock()
			h.witness.forced = math.MaxInt64
			h.witness.mu.Unlock()
			var i mongolock.Info
			i, err = l.ForceReleaseNow(ctx, key)
			time.Sleep(2 * time.Minute) // it may have been done, whatever the answer
			h.witness.mu.Lock()
			h.witness.forced = i.Token
			h.witness.counts.Forced++
			h.witness.mu.Unlock()
		}
		if err != nil {
			h.witness.note("the operator: %v", err)
		}
	}()
}

// drawEnd draws how long a workload lives by itself, and how it ends. A run takes up to 40 s, and seven in ten succeed; of others
// three in ten end within 90 s.
func (h *History) drawEnd(m *machine) (time.Duration, gate.Ended) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failed := gate.Ended{Code: 1, Unasked: true}
	switch {
	case h.kind == runs && (h.calm || m.draws.Float64() < 0.7):
		return time.Second + upTo(m.draws, 39*time.Second), gate.Ended{Unasked: true}
	case h.kind == runs:
		return time.Second + upTo(m.draws, 39*time.Second), failed
	case h.calm || m.draws.Float64() >= 0.3:
		return 0, failed
	}
	return time.Second + upTo(m.draws, 89*time.Second), failed
}

// lastRun is the first run that was due when all was quiet: there was time enough for it.
func (h *History) lastRun() string {
	return fmt.Sprintf("%s@%03d", job, (time.Since(h.epoch)-h.quiet)/minute+1)
}

func (h *History) calmDown() {
	h.mu.Lock()
	h.calm = true
	h.mu.Unlock()
	h.network.quiet.Store(true)
}

// judge ends the world and says whether it kept its promises.
func (h *History) judge() (Counts, []string, error) {
	w := h.witness
	n := w.holders()
	w.mu.Lock()
	switch {
	case h.kind != runs && n != 1:
		w.fault("%v after the world became quiet %d workloads run, want one", h.quiet, n)
	case h.kind == runs && !w.done[h.lastRun()]:
		w.fault("%v after the world became quiet %s is not done", h.quiet, h.lastRun())
	}
	w.mu.Unlock()
	h.mu.Lock()
	lives := slices.Clone(h.lives)
	h.mu.Unlock()
	for _, l := range lives {
		if l != nil {
			l.crash()
			l.over.Wait()
		}
	}
	for _, m := range h.machines {
		<-m.empty()
	}
	h.readLog()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Histories = 1
	if len(w.faults) > 0 {
		return w.counts, w.trace, fmt.Errorf("seed %d: %s", h.seed, strings.Join(w.faults, "\n"))
	}
	return w.counts, w.trace, nil
}

// readLog checks and counts what the majority took down: tokens, and how the key changed hands.
func (h *History) readLog() {
	w := h.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	writes, rolledBack := h.servers.history()
	w.counts.RolledBack = rolledBack
	last := map[string]int64{}
	over := map[string]bool{}
	for _, e := range writes {
		if text(e.after, "state") == "done" && !over[e.key] {
			over[e.key] = true
			w.counts.Done++
		} else if over[e.key] && text(e.after, "state") != "done" {
			w.fault("the record that %s is done is gone: %v", e.key, e.after)
		}
		nonce := text(e.after, "nonce")
		if nonce == "" || nonce == text(e.before, "nonce") {
			continue
		}
		token := e.after.Lookup("token").AsInt64()
		if token <= last[e.key] {
			w.fault("the store gave out token %d of %s after %d", token, e.key, last[e.key])
		}
		last[e.key] = token
		hands, err := e.after.Lookup("history").Array().Values()
		if err != nil || len(hands) == 0 {
			w.fault("an acquisition left no history: %v", err)
			continue
		}
		switch how := text(hands[len(hands)-1].Document(), "how"); how {
		case "free":
			w.counts.Free++
		case "taken-over":
			w.counts.TakenOver++
		case "adopted":
			w.counts.Adopted++
		case "expired":
			w.counts.Free++
		default:
			w.fault("the key was acquired in the way %q", how)
		}
	}
}

func text(doc bson.Raw, field string) string {
	s, _ := doc.Lookup(field).StringValueOK()
	return s
}

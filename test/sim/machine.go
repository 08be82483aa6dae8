package sim

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// machine is what outlives its gates: a clock, a state directory, a workload
// and the guard that stops it.
type machine struct {
	number  int
	draws   *rand.Rand // for what it draws while it runs; the history's mutex guards it
	start   time.Time
	rate    float64
	timing  mongolock.Timing
	budget  gate.Budget
	witness *witness

	mu      sync.Mutex
	running bool
	ends    *time.Timer   // when the workload will be gone, if that is certain
	told    time.Duration // the deadline that the guard was told last
	left    chan struct{} // closed when nothing runs
	live    *workload     // the gate that the workload's end is told to; nil: none
	watch   *time.Timer   // the guard's, of the deadline that it was told

	thaws time.Time // the gate is frozen until then
	late  []func()  // what it does when it wakes

	// What the state directory keeps: the nonces that were held last, and those that have been tried since.
	held, tried []string
}

// Now is the machine's own clock.
func (m *machine) Now() time.Duration {
	return time.Duration(float64(time.Since(m.start)) * m.rate)
}

// freeze stops the machine's gate for d, between whatever two steps it is: what it sends and hears waits, and so does what it does to
// the workload. Its clock goes on, and so does its guard.
func (m *machine) freeze(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thaws = time.Now().Add(d)
	time.AfterFunc(d, func() {
		m.mu.Lock()
		late := m.late
		if time.Now().Before(m.thaws) { // it is frozen again
			late = nil
		} else {
			m.late = nil
		}
		m.mu.Unlock()
		for _, do := range late {
			do()
		}
	})
}

// awake returns when the gate is not frozen.
func (m *machine) awake() {
	for {
		m.mu.Lock()
		d := time.Until(m.thaws)
		m.mu.Unlock()
		if d <= 0 {
			return
		}
		time.Sleep(d)
	}
}

// act does something to the workload, when the gate is awake.
func (m *machine) act(do func()) {
	m.mu.Lock()
	if time.Now().Before(m.thaws) || len(m.late) > 0 {
		m.late = append(m.late, do)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	do()
}

// guarded has the guard stop the workload at the deadline that it was told. m.mu is held.
func (m *machine) guarded() {
	if m.watch != nil {
		m.watch.Stop()
	}
	told := m.told
	m.watch = time.AfterFunc(m.real(told-m.Now()), func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.running && m.ends == nil && m.told == told {
			m.endIn(m.real(m.budget.Kill), gate.Ended{Code: 137})
		}
	})
}

// real is how long the machine's d takes by the world's clock.
func (m *machine) real(d time.Duration) time.Duration { return time.Duration(float64(d) / m.rate) }

// file keeps a nonce before it is sent.
func (m *machine) file(nonce string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = append(m.tried, nonce)
	if n := len(m.tried); n > 3 {
		m.tried = m.tried[n-3:]
	}
	return nil
}

func (m *machine) holds(nonces ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.tried = nonces, nil
}

// nonces are those to adopt.
func (m *machine) nonces() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(m.held, m.tried)
}

// run starts the workload, or lets the one that runs go on under another lease.
func (m *machine) run(w *workload, g gate.Grant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Now() >= g.Deadline { // the guard does not begin what it would have to stop
		w.gone <- gate.Ended{Code: 137}
		return
	}
	if m.ends != nil {
		m.ends.Stop() // it was to be stopped at the old lease's deadline
		m.ends = nil
	}
	if !m.running {
		m.running, m.left = true, make(chan struct{})
	}
	m.live, m.told = w, g.Deadline
	m.guarded()
	m.witness.starts(m.number, g)
}

// extend tells the guard.
func (m *machine) extend(w *workload, deadline time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live == w && m.Now() < m.told { // else it is being stopped
		m.told = deadline
		m.guarded()
	}
}

// end makes the workload be gone after d, unless it is gone sooner.
func (m *machine) end(w *workload, d time.Duration, how gate.Ended) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live != w || !m.running {
		return
	}
	m.endIn(d, how)
}

// endIn needs m.mu.
func (m *machine) endIn(d time.Duration, how gate.Ended) {
	if m.ends != nil {
		m.ends.Stop()
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ends != t {
			return // it goes on after all
		}
		m.running, m.ends = false, nil
		m.witness.gone(m.number)
		close(m.left)
		if m.live != nil {
			m.live.gone <- how
		}
	})
	m.ends = t
}

// orphan is what the guard does when the gate has crashed: the workload is gone, at the latest, a kill budget after
// the last deadline that the guard was told. (A real guard stops it at once; a later end is harder on everybody else.)
func (m *machine) orphan(w *workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live != w {
		return
	}
	m.live = nil
	if m.running && m.ends == nil {
		m.endIn(m.real(m.told+m.budget.Kill-m.Now()), gate.Ended{})
	}
}

// empty is closed when no workload runs here.
func (m *machine) empty() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running {
		return m.left
	}
	none := make(chan struct{})
	close(none)
	return none
}

// workload is a machine's workload as one gate sees it.
type workload struct {
	machine *machine
	gone    chan gate.Ended
	// dies is how long the workload of this start lives by itself, and how it ends; zero: until it is stopped.
	dies func() (time.Duration, gate.Ended)
}

func (w *workload) Start(g gate.Grant) {
	w.machine.act(func() {
		w.machine.run(w, g)
		if d, how := w.dies(); d > 0 {
			time.AfterFunc(d, func() { w.finish(g.Token, how) })
		}
	})
}

// finish is a workload that ends by itself, or takes its SIGTERM within the kill budget, if it still runs as it was started.
func (w *workload) finish(token int64, how gate.Ended) {
	w.machine.witness.mu.Lock()
	mine := w.machine.witness.running[w.machine.number].Token == token
	w.machine.witness.mu.Unlock()
	if mine {
		w.machine.end(w, 0, how)
	}
}

func (w *workload) Extend(d time.Duration)      { w.machine.act(func() { w.machine.extend(w, d) }) }
func (w *workload) Warn(string) <-chan struct{} { return nil }
func (w *workload) Terminate()                  {} // deaf to it
func (w *workload) Broken() <-chan error        { return nil }
func (w *workload) Gone() <-chan gate.Ended     { return w.gone }

// Kill takes what is left of the kill budget, to the last moment.
func (w *workload) Kill() {
	m := w.machine
	m.act(func() { m.end(w, m.real(m.budget.Kill-m.budget.KillAfter), gate.Ended{Code: 137}) })
}

//go:build linux

package podworkload

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
)

// calm is the time between looks while there is nothing to look for in the processes: beats and the sentinel are due, once a second or less.
const calm = 500 * time.Millisecond

// run looks at the processes at every scan, and sooner when something has changed.
func (w *Workload) run(ctx context.Context) {
	for {
		w.look()
		w.beat()
		w.lookAfterSentinel()
		t := time.NewTimer(w.pace())
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		case <-w.wake:
			t.Stop()
		}
	}
}

// pace is the time until the next look, should nothing change before.
func (w *Workload) pace() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	lets := w.phase == open && !w.stopping
	waits := w.phase == shut && !w.cfg.Kill && w.unwritten == ""
	if lets || waits {
		return max(w.cfg.Scan, calm)
	}
	return w.cfg.Scan
}

// lookAfterSentinel finds out that the sentinel can no longer be written before it has to be, and writes it as soon as it can be.
func (w *Workload) lookAfterSentinel() {
	w.mu.Lock()
	p, reason, last := w.phase, w.unwritten, w.looked
	now := w.cfg.Clock.Now()
	due := now-last >= sentinelEvery
	if due {
		w.looked = now
	}
	if p == open {
		w.unwritten, reason = "", ""
	}
	w.mu.Unlock()
	switch {
	case reason != "":
		if w.sentinel.writer(reason)() == nil {
			w.mu.Lock()
			w.unwritten = ""
			w.mu.Unlock()
			w.cfg.Log.Info("the sentinel is written now")
		}
	case p != open || !due || w.cfg.Sentinel == "":
	case w.looking.CompareAndSwap(0, int64(now)):
		w.loop.Go(func() { // a file system may hang
			defer w.looking.Store(0)
			if err := w.sentinel.ready(); err != nil {
				w.complaints.Log("the workload could not be told of a loss", err)
				if w.obeyed() {
					w.Break(err)
				}
			}
		})
	case now-time.Duration(w.looking.Load()) > hangs && w.obeyed():
		w.Break(fmt.Errorf("%w: its file system does not answer", ErrSentinel))
	}
}

const (
	// sentinelEvery is how often it is made sure that the sentinel can be written.
	sentinelEvery = time.Second
	// hangs is how long a file system may take to say so.
	hangs = 5 * time.Second
)

// beat says that the gate lives. A twin that does not answer is a protection that has failed.
func (w *Workload) beat() {
	err := w.cfg.Twin.Beat()
	if err == nil {
		return
	}
	w.complaints.Log("should this process be dead or frozen nobody stops the workload", err)
	w.Break(err)
}

func (w *Workload) look() {
	w.mu.Lock()
	p, stopping, stopAt, killAt := w.phase, w.stopping, w.stopAt, w.killAt
	w.mu.Unlock()
	now := w.cfg.Clock.Now()
	switch p {
	case beside:
		if now >= stopAt {
			w.stopBeside()
		}
	case leaving:
		if now >= killAt {
			over := w.change(leaving, shut, w.cfg.Twin.Shut)
			if over && w.cfg.LeaveAtOnce {
				w.signal(syscall.SIGKILL, shut)
				w.cfg.Leave()
				return
			}
			w.poke()
		}
	case shut, killing:
		// A follower that waits obeys by itself.
		if w.cfg.Dir == nil || p == killing {
			w.signal(syscall.SIGKILL, p)
		}
		if p == killing {
			w.evidence(p)
			w.tellWaiting()
		}
	case asked:
		w.evidence(p)
	case open:
		if stopping {
			w.evidence(p)
			w.tellWaiting()
		} else {
			w.idling()
		}
	case warned:
	}
}

// change goes from one phase to another, unless the gate has gone elsewhere meanwhile. The twin is told of it in the same moment:
// told later, it would take what is over for what is.
func (w *Workload) change(from, to phase, tell func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase != from {
		return false
	}
	w.phase = to
	tell()
	return true
}

// stopBeside stops what ran before this gate began and has no lease any more.
func (w *Workload) stopBeside() {
	write := w.sentinel.writer("the gate was started anew and does not hold the lock")
	if !w.change(beside, leaving, func() { w.cfg.Twin.Stopping(w.killAt) }) {
		return // the lock was won
	}
	telemetry.Warn(w.cfg.Log, "the lease of the previous gate is over: stopping the workload")
	w.complaints.Log("the sentinel could not be written", write())
	if w.cfg.LeaveAtOnce && !w.cfg.Kill {
		w.cfg.Leave()
		return
	}
	w.signal(syscall.SIGTERM, leaving)
}

// evidence tells the gate, once, that nothing of the workload is left.
func (w *Workload) evidence(in phase) {
	switch {
	case w.cfg.Dir != nil:
		if !w.followerGone(in) {
			return
		}
	case w.targets != nil:
		w.mu.Lock()
		err := w.targets.none()
		w.mu.Unlock()
		if err != nil {
			return
		}
	default:
		// It is the same from the moment in which it is evidence: nothing has to be held on to.
		if w.cfg.Status == nil || !w.cfg.Status.Ended() {
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told || w.phase == shut {
		return
	}
	w.phase, w.told = shut, true
	w.cfg.Twin.Shut()
	select {
	case w.gone <- gate.Ended{}:
	default: // the gate did not ask for the evidence of the lease before
	}
}

// followerGone has the follower's word that nothing runs under this lease, and keeps its flock until the gate opens again.
func (w *Workload) followerGone(in phase) bool {
	w.mu.Lock()
	token, word := w.token, w.word
	w.mu.Unlock()
	if in != open {
		// The follower reads it. Whoever was only asked to end lets it run on.
		w.complaints.Log("the lease file could not be shut", w.cfg.Dir.ShutLease(token))
	}
	if word == nil {
		w.complaints.Log("there will be no evidence of a follower's end", w.cfg.Dir.MarkIdle(token))
		f, err := w.cfg.Dir.Stopped(token)
		w.complaints.Log("cannot read the follower's report", err)
		if f == nil {
			w.leaveCrashed(in)
			return false
		}
		w.mu.Lock()
		w.word = f
		w.mu.Unlock()
	}
	// No follower gets its flock from here on, and who gets it after us, if only because we die, finds the lease shut.
	if err := w.cfg.Dir.ShutLease(token); err != nil {
		w.complaints.Log("the lease file could not be shut", err)
		return false
	}
	return true
}

// leaveCrashed leaves where a follower has died in the middle of a loss. Its word
// will not come, and no other follower begins under this lease: the gate would wait for
// ever. What begins anew gives nothing back either, and takes the lock again when it may.
func (w *Workload) leaveCrashed(in phase) {
	if in != killing {
		return
	}
	crashed, err := w.cfg.Dir.Crashed()
	w.complaints.Log("cannot read the follower's report", err)
	if crashed && w.change(killing, shut, func() {}) {
		telemetry.Warn(w.cfg.Log, "the follower exited without reporting: restarting; the lease runs out")
		w.cfg.Leave()
	}
}

// idling breaks off a lease whose follower does not run.
func (w *Workload) idling() {
	if w.cfg.Dir == nil {
		return
	}
	// As often as it takes: a follower that looks in that moment has the flock.
	w.complaints.Log("there will be no evidence of a follower's end", w.cfg.Dir.MarkIdle(w.currentToken()))
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Clock.Now()
	f, err := w.cfg.Dir.Stopped(w.token)
	if err != nil || f == nil {
		w.idle = now // it runs, or nobody knows
		return
	}
	_ = f.Close()
	if w.cfg.Idle <= 0 || now-w.idle < w.cfg.Idle || w.phase != open {
		return
	}
	select {
	case w.broken <- ErrIdle:
		w.idled = true
	default: // it has been told
	}
}

func (w *Workload) currentToken() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.token
}

//go:build linux

package fence

import (
	"context"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// run looks at the processes at every scan, and sooner when something has changed.
func (w *Workload) run(ctx context.Context) {
	t := time.NewTicker(w.cfg.Scan)
	defer t.Stop()
	for {
		w.look()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-w.wake:
		}
	}
}

func (w *Workload) look() {
	w.mu.Lock()
	p, stopping, fenceAt := w.phase, w.stopping, w.fenceAt
	w.mu.Unlock()
	switch p {
	case beside:
		if w.cfg.Clock.Now() >= fenceAt {
			w.fenceBeside()
		}
	case shut, killing:
		// A follower that waits obeys by itself.
		if w.cfg.Kill && (w.cfg.Dir == nil || p == killing) {
			w.signal(syscall.SIGKILL)
		}
		if p == killing {
			w.evidence()
		}
	case asked:
		w.evidence()
	case open:
		if stopping {
			w.evidence()
		} else {
			w.idling()
		}
	case warned:
	}
}

// fenceBeside stops what ran before this gate began and has no lease any more.
func (w *Workload) fenceBeside() {
	w.set(shut)
	w.cfg.Log.Info("the lease of the gate before this one is over: the workload is fenced")
	if w.cfg.Sentinel != "" {
		if err := writeSentinel(w.cfg.Sentinel, "the gate was started anew and does not hold the lock"); err != nil {
			w.cfg.Log.Error(err, "the sentinel could not be written")
		}
	}
}

// evidence tells the gate, once, that nothing of the workload is left.
func (w *Workload) evidence() {
	switch {
	case w.cfg.Dir != nil:
		if !w.followerGone() {
			return
		}
	case w.targets != nil:
		w.mu.Lock()
		list, err := w.targets.find()
		w.mu.Unlock()
		if err != nil || len(list) > 0 {
			return
		}
	default:
		return
	}
	w.mu.Lock()
	w.phase = shut
	w.mu.Unlock()
	select {
	case w.gone <- gate.Ended{}:
	default: // it has been told
	}
}

// followerGone has the follower's word that nothing runs under this lease, and keeps its flock until the gate opens again.
func (w *Workload) followerGone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.word != nil {
		return true
	}
	// Shut before the flock is asked for: a follower that comes now sees that.
	if l, err := w.cfg.Dir.ReadLease(); err == nil && l.Open {
		l.Open = false
		if err := w.cfg.Dir.WriteLease(l); err != nil {
			w.cfg.Log.Error(err, "the lease file could not be shut")
			return false
		}
	}
	f, err := w.cfg.Dir.Stopped(w.token)
	if err != nil {
		w.cfg.Log.Error(err, "the follower's word could not be read")
		return false
	}
	w.word = f
	return f != nil
}

// idling breaks off a lease whose follower does not run.
func (w *Workload) idling() {
	if w.cfg.Dir == nil || w.cfg.Idle <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Clock.Now()
	f, err := w.cfg.Dir.Stopped(w.token)
	if err != nil || f == nil {
		w.idle = now // it runs, or nobody knows
		return
	}
	_ = f.Close() //nolint:errcheck // nothing was written
	if now-w.idle < w.cfg.Idle {
		return
	}
	select {
	case w.broken <- ErrIdle:
	default: // it has been told
	}
}

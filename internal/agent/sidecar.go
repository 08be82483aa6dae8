//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mongogate/mongogate/internal/podworkload"
	"github.com/mongogate/mongogate/internal/serve"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/twin"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// Sidecar holds the lock beside a workload, and ends with how that ended.
func Sidecar(ctx context.Context, w World, s *settings.Settings) error {
	ses, err := newSession(w, s, true)
	if err != nil {
		return err
	}
	defer ses.close()
	epochs, err := ses.epochs()
	if err != nil {
		return err
	}
	if epochs.mustAsk() {
		return ses.ask(epochs)
	}
	leave := make(chan struct{})
	protected, err := ses.protect(epochs, w.Twin, sync.OnceFunc(func() { close(leave) }))
	if errors.Is(err, podworkload.ErrSentinel) {
		return &Exit{ExitMachine, problem.Of("sentinel", err, "name a file in a directory that this user can write in with --sentinel")}
	}
	if err != nil {
		return &Exit{settings.ExitUsage, err}
	}
	ses.atEnd(protected.Close)
	unwritten := func(err error) {
		ses.warn(err)
		if s.Followed() { // it is what the follower lives by
			protected.Break(fmt.Errorf("the lease file cannot be written: %w", err))
		}
	}
	recorder := newRecorder(protected, ses.dir, s.Owner, s.Budget().Kill, unwritten)
	ses.atEnd(recorder.Close)

	g, err := gate.New(gate.Config{
		Clock: ses.clock, Budget: s.Budget(), Lock: ses.sidecarLock(epochs, protected.Idled), Workload: ses.accompanied(recorder, epochs),
		Reacquire: s.OnLoss == settings.Wait || s.Followed(), Rest: s.Rest(), FinishWithin: s.FinishWithin(), Observe: ses.observe(),
	})
	if err != nil {
		return err
	}
	if err := ses.serve(g, sidecarProbes(g, protected, epochs)); err != nil {
		return err
	}
	ses.saySidecar(protected.Evidence(), w.Twin.Guarded())

	// Told to end: what waits ends at once; what holds renews until there is
	// evidence that the workload is gone, or until it is killed.
	asked, stop := ses.told(ctx, epochs)
	defer stop()
	unhook := context.AfterFunc(asked, protected.Stop)
	defer unhook()

	ended := make(chan gate.Result, 1)
	ses.tasks.Go(func() { ended <- g.Run(asked) })
	select {
	case <-leave:
		ses.warn(within(noteWithin, func() error { return errors.Join(epochs.lost(), epochs.tries()) })) // for this exit, too, asks for a restart
		// Nothing is released: there is no evidence, for which the gate would wait forever. The process ends
		// with the lease file shut and the lease running out.
		return ses.abandon(&Exit{ExitLost, errors.New("lock lost: exiting so that the container restarts")})
	case r := <-ended:
		err := ses.sidecarEnd(r, asked.Err() != nil)
		if CodeOf(err) == ExitLost {
			ses.warn(epochs.tries())
		}
		return err
	}
}

// protect is what this sidecar does to its workload.
func (ses *session) protect(e *epochs, link *twin.Link, leave func()) (*podworkload.Workload, error) {
	s := ses.s
	cfg := podworkload.Config{
		Kill: s.Protects(settings.Kill), Leave: leave,
		// Where the rule is ignored another exit would change nothing.
		LeaveAtOnce: s.Protects(settings.Exit) || s.Protects(settings.Restart) && e.Refused() == nil,
		Spare:       s.Spare, Scan: s.ScanInterval, Budget: s.Budget(), Clock: ses.clock, Log: ses.log,
	}
	if cfg.Kill {
		sole, err := podworkload.Sole()
		for end := time.Now().Add(dying); errors.Is(err, podworkload.ErrTwoKill) && time.Now().Before(end); sole, err = podworkload.Sole() {
			time.Sleep(10 * time.Millisecond) // the one before may be dying
		}
		if err != nil {
			return nil, err
		}
		ses.sole = sole
	}
	cfg.Sentinel = sentinelIn(s, ses.dir.Path())
	if s.Followed() {
		cfg.Dir, cfg.Idle = ses.dir, ses.idle()
	}
	if ses.kube.status != nil {
		cfg.Status = ses.kube.status
	}
	if link != nil {
		cfg.Twin = link
		p := twin.Plan{Sentinels: []string{cfg.Sentinel}, Kill: cfg.Kill, Spare: cfg.Spare, Leave: cfg.LeaveAtOnce, Stops: stopSignals(s), Scan: cfg.Scan, KillAfter: cfg.Budget.KillAfter, Budget: cfg.Budget.Kill}
		if err := link.Arm(p, s.Timing().Heartbeat); err != nil {
			return nil, err
		}
	}
	return podworkload.New(cfg, ses.before(e))
}

// sentinelIn is what is written on loss: the file that was named, or one in a key's state directory.
func sentinelIn(s *settings.Settings, dir string) string {
	if s.Sentinel != "" {
		return s.Sentinel
	}
	return filepath.Join(dir, "lost")
}

func (ses *session) idle() time.Duration {
	if ses.s.IdleRelease > 0 {
		return ses.s.IdleRelease
	}
	return 4 * ses.s.Timing().TTL
}

func sidecarProbes(g *gate.Gate, f *podworkload.Workload, e *epochs) serve.Probes {
	var started atomic.Bool // a startup probe that has passed is not asked again; a restarted gate's is
	// The gate is open a moment before the sentinel of an earlier loss is removed.
	open := func() bool { return g.Open() && f.Opened() }
	return serve.Probes{
		Startup: func() bool {
			if open() {
				started.Store(true)
			}
			return started.Load()
		},
		Ready: open,
		Live:  g.Alive,
		Waiting: func() bool {
			state, _ := g.State()
			return state == gate.Waiting
		},
		Why: e.Refused,
	}
}

func (ses *session) sidecarEnd(r gate.Result, asked bool) error {
	switch {
	case r.Finish != nil && !errors.Is(r.Finish, mongolock.ErrLost):
		ses.log.Error(r.Finish, unended)
	case asked:
		return nil
	case r.Lost != nil:
		return &Exit{ExitLost, lostLock(ses.s.Lock.Key, r.Lost)}
	case r.Acquire != nil:
		return r.Acquire
	}
	return nil
}

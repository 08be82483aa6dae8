//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/serve"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Run runs a command while the lock is held, and ends with how that ended: an [Exit] with the command's own code, or why there was none.
func Run(ctx context.Context, w World, s *settings.Settings, args []string) error {
	signals, err := guard.Signals()
	if err != nil {
		return fmt.Errorf("signals: %w", err)
	}
	ses, err := newSession(w, s, s.Follow)
	if err != nil {
		return err
	}
	defer ses.close()
	ses.sayRun()
	if skip, err := ses.skip(w.Now); skip {
		return err
	}

	stops := stopSignals(s)
	isolation, layers, err := isolate(s)
	if err != nil {
		return err
	}
	lock, flock, err := ses.runLock()
	if err != nil {
		return err
	}
	if guard.Sockets(w.Environ) {
		telemetry.Warn(ses.log, "the sockets that systemd has opened do not reach the command")
	}
	stuck := make(chan struct{})
	protected, err := guard.New(guard.Command{
		Path: args[0], Args: args[1:], Env: childEnv(w.Environ, ses), Strip: settings.Variables(),
		Budget: s.Budget(), Confirm: s.Timing().TTL / 3, Flock: flock, WaitTree: s.WaitTree,
		Isolation: isolation, Stops: stops,
		Log: ses.log, Clock: ses.clock,
		StuckPID1: sync.OnceFunc(func() { close(stuck) }),
	})
	if err != nil {
		return err
	}
	ses.atEnd(protected.Close)
	workload := gate.Workload(protected)
	if ses.dir != nil && !s.Follow {
		r := newRecorder(protected, ses.dir, s.Owner, s.Budget().Kill, ses.warn)
		ses.atEnd(r.Close)
		workload = r
	}
	g, err := gate.New(gate.Config{
		Clock: ses.clock, Budget: s.Budget(), Lock: lock, Workload: ses.accompanied(workload, nil),
		Reacquire: s.OnLoss == settings.Wait, Rest: s.Rest(), FinishWithin: s.FinishWithin(), Observe: ses.observe(),
	})
	if err != nil {
		return err
	}
	if err := ses.serve(g, runProbes(g, s)); err != nil {
		return err
	}

	asked, stop := context.WithCancel(ctx)
	defer stop()
	stopped := ses.forward(signals, stops, protected, stop)
	ses.sayRunProtection(layers)
	ended := make(chan gate.Result, 1)
	ses.tasks.Go(func() { ended <- g.Run(asked) })
	select {
	case r := <-ended:
		return ses.runEnd(r, stopped())
	case <-stuck: // the kernel ends the command's process namespace with us, and by nothing else
		return ses.abandon(&Exit{Code: ExitLost})
	}
}

// runLock is the lock of a run: its own, or a sidecar's. flock gives what the guard inherits.
func (ses *session) runLock() (gate.Lock, func() *os.File, error) {
	if ses.s.Follow {
		f := &statedir.Follower{Dir: ses.dir, Clock: ses.clock, Budget: ses.s.Budget(), Tell: func(what error) {
			ses.log.Info("waiting for the lease of a sidecar", "dir", ses.dir.Path(), "now", what.Error())
		}}
		return &timed{f, ses.s.Timeout}, f.LockFile, nil
	}
	lock := ses.commandLock()
	// Where a name has to be looked up, or the store has to say which it is, that is waited for like the lock. Else
	// what is wrong with the connection is known at once.
	if ses.s.ExpectStore == "" && !strings.HasPrefix(ses.s.URI.Reveal(), "mongodb+srv://") {
		if err := ses.reach(ses.ctx); err != nil {
			return nil, nil, err
		}
		lock.keys = ses.key()
	}
	return lock, func() *os.File {
		if ses.dir == nil {
			return nil
		}
		return ses.dir.LockFile()
	}, nil
}

// timed is a lock whose waiting has an end; most is zero where it has none.
type timed struct {
	gate.Lock
	most time.Duration
}

func (l *timed) Acquire(ctx context.Context) (gate.Lease, error) {
	ctx, cancel := waiting(ctx, l.most)
	defer cancel()
	return l.Lock.Acquire(ctx)
}

// childEnv is the command's environment before the lease's part is added. Settings are taken out by the guard.
func childEnv(environ []string, ses *session) []string {
	s := ses.s
	held := []string{s.Lock.Key}
	if s.NoOverlap {
		held = append(held, s.Lock.BaseKey)
	}
	told := []string{settings.Held(environ, held...), "MONGOGATE_HOLDER=" + s.Owner}
	if ses.dir != nil {
		told = append(told, "MONGOGATE_LEASE_FILE="+filepath.Join(ses.dir.Path(), "lease"))
	}
	// What a gate around this one has told it goes: of two variables of one name the first would count.
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "MONGOGATE_HELD" || name == "MONGOGATE_HOLDER" || name == "MONGOGATE_LEASE_FILE"
	})
	return append(env, told...)
}

// runProbes: a command that the wrapper runs is ready or not by its own probe; ours says who holds the lock.
func runProbes(g *gate.Gate, s *settings.Settings) serve.Probes {
	waiting := func() bool {
		state, _ := g.State()
		return state == gate.Waiting
	}
	return serve.Probes{
		Startup: g.Open,
		Ready:   func() bool { return g.Open() || s.Readiness == settings.Candidate && waiting() },
		Live:    g.Alive,
		Waiting: waiting,
	}
}

// forward hands every signal to the command, and ends waiting when one asks
// to stop. The function that it returns gives the signal that did, or 0.
func (ses *session) forward(signals []os.Signal, stops proctree.SignalSet, to *guard.Workload, stop func()) func() syscall.Signal {
	c := make(chan os.Signal, 64)
	signal.Notify(c, signals...)
	asked := make(chan syscall.Signal, 1)
	ses.tasks.Go(func() {
		defer signal.Stop(c)
		for {
			select {
			case <-ses.ctx.Done():
				return
			case sig := <-c:
				to.Forward(sig)
				number, ok := sig.(syscall.Signal)
				if !ok || !stops.Has(number) {
					continue
				}
				select {
				case asked <- number:
				default:
				}
				stop()
			}
		}
	})
	return func() syscall.Signal {
		select {
		case sig := <-asked:
			return sig
		default:
			return 0
		}
	}
}

// unended is the message of a run or sidecar whose release or done record the store has not acknowledged.
const unended = "the end of the lease was not acknowledged: others wait for its expiry"

// runEnd turns how a gate ended into an exit code.
func (ses *session) runEnd(r gate.Result, stopped syscall.Signal) error {
	if r.Finish != nil && !errors.Is(r.Finish, mongolock.ErrLost) {
		ses.log.Error(r.Finish, unended)
	}
	var (
		done *mongolock.DoneError
		held *mongolock.HeldError
		wait *mongolock.WaitError
	)
	switch {
	case r.Started && r.Lost != nil && r.Acquire == nil: // else it has waited again, and that has ended
		return &Exit{ExitLost, fmt.Errorf("%w; the command was stopped", lostLock(ses.s.Lock.Key, r.Lost))}
	case r.Started && r.Ended.Err != nil && lacks(r.Ended.Err):
		return &Exit{ExitMachine, r.Ended.Err}
	case r.Started && r.Acquire == nil && r.Ended.Err != nil:
		return &Exit{r.Ended.Code, r.Ended.Err}
	case r.Started && r.Acquire == nil:
		if r.Ended.Code == 0 {
			if stopped != 0 {
				ses.log.Info("the command was asked to stop: its run does not count as done", "signal", stopped.String())
			}
			return nil
		}
		return &Exit{Code: r.Ended.Code}
	case stopped != 0:
		return &Exit{128 + int(stopped), fmt.Errorf("stopped by %v while waiting for lock %q", stopped, ses.s.Lock.Key)}
	case errors.As(r.Acquire, &wait):
		return r.Acquire
	case errors.As(r.Acquire, &done):
		return ses.skipDone(done)
	case errors.As(r.Acquire, &held) && ses.s.Try:
		return r.Acquire
	case errors.As(r.Acquire, &held):
		return ses.skipHeld(held)
	}
	return r.Acquire
}

//go:build linux

package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mongogate/mongogate/internal/credentials"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/serve"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// session is what the commands that hold a lock have in common.
type session struct {
	s       *settings.Settings
	log     logr.Logger
	clock   gate.Clock
	metrics *telemetry.Metrics
	dir     *statedir.Dir // nil where there is none
	locker  *mongolock.Locker
	// connecting is the answer to a Connect that is under way; nil where none is.
	connecting chan connected
	kube       kubeFeatures
	// sole keeps a second gate that kills out of the pod; nil where this one does not.
	sole io.Closer

	ctx   context.Context //nolint:containedctx // the session's own life
	end   context.CancelFunc
	tasks sync.WaitGroup

	// rotation looks at the files that the connection is made from; nil where there are none.
	rotation *credentials.Watcher
	// rotating is closed when nobody looks at them any more; nil where nobody did.
	rotating chan struct{}
	// reached is true once the store has let this session in.
	reached atomic.Bool

	// ends are called in the order of defers when the session is closed, unless it is abandoned.
	ends      []func()
	abandoned bool
}

// atEnd has something closed with the session, before what was there earlier.
func (ses *session) atEnd(end func()) { ses.ends = append(ses.ends, end) }

// abandon leaves everything to the end of the process, for which nothing may be waited.
func (ses *session) abandon(with *Exit) error {
	ses.abandoned = true
	return with
}

// newSession opens the log and the state directory. Close it.
func newSession(w World, s *settings.Settings, needDir bool) (*session, error) {
	if err := EnoughDescriptors(); err != nil {
		return nil, err
	}
	log, err := logger(w, s)
	if err != nil {
		return nil, err
	}
	// The URI may be in our environment: /proc shows it to nobody from here on.
	if err := proctree.HideMemory(); err != nil {
		return nil, err
	}
	ses := &session{s: s, log: log, clock: gate.BootClock(), metrics: telemetry.NewMetrics(w.Version)}
	w.Lines.Counted(func() { ses.metrics.Dropped("log") })
	if err := silenceDriver(log); err != nil {
		return nil, err
	}
	ses.ctx, ses.end = context.WithCancel(context.Background())
	for _, warning := range s.Warnings {
		telemetry.Warn(log, "check this setting", "setting", warning.Field, "problem", warning.Message, "remedy", warning.Remedy)
	}
	if err := proveJob(w, s, log); err != nil {
		ses.end()
		return nil, err
	}
	ses.dir, err = statedir.Open(s.StateDir, s.Lock.Key)
	if err != nil {
		// What is promised of a directory that somebody has named is not given up in silence.
		if needDir || s.Given("state-dir") {
			return nil, &Exit{ExitMachine, problem.Of("state-dir", err, "name a directory that this user can write in with --state-dir")}
		}
		telemetry.Warn(log, "no state directory: a restarted gate waits for its own lease to expire", "error", err.Error())
	}
	if err := ses.startKube(w); err != nil {
		ses.close()
		return nil, err
	}
	return ses, nil
}

func logger(w World, s *settings.Settings) (logr.Logger, error) {
	return telemetry.Logger(w.Lines, s.LogFormat == "json", s.LogLevel)
}

// reach makes the Locker of a gate, once, and says which store it talks to.
func (ses *session) reach(ctx context.Context) error {
	if ses.locker == nil {
		if err := ses.connect(ctx); err != nil {
			return err
		}
		ses.rotate() // from here on: it may be the credentials that keep the store from answering
	}
	return ses.identify(ctx)
}

// connect makes the Locker of a gate. Looking up the hosts of an SRV name knows no deadline: who waits for it goes when ctx ends,
// and the next one finds its answer.
func (ses *session) connect(ctx context.Context) error {
	s := ses.s
	h := mongolock.Holder{Cluster: s.Cluster, Namespace: s.Namespace, Pod: s.Pod, PodUID: s.PodUID, Node: s.Node, Job: s.Lock.Job, JobUID: s.JobUID}
	if h.JobUID == "" {
		// On a plain machine each start is a run of its own.
		h.JobUID = rand.Text()
	}
	lines := telemetry.NewLog(ses.log)
	o := mongolock.Options{
		Database: s.Database, Collection: s.Collection, Owner: s.Owner, Holder: h,
		Timing: s.Timing(), Poll: s.PollInterval, ChangeStream: s.ChangeStream,
		FailedHold: s.OnFailure == settings.Hold, Clock: ses.clock,
		Observe: func(e mongolock.Event) {
			lines.Event(e)
			ses.metrics.Event(e)
			ses.answered(e)
			ses.heard(e)
		},
	}
	if s.Lock.Bucket != "" {
		o.Keep = s.Retention
	}
	ses.rotation = ses.rotated() // before the files are read for the first time
	if ses.connecting == nil {
		answer := make(chan connected, 1)
		ses.connecting = answer
		go func() {
			l, err := mongolock.Connect(s.URI.Reveal(), o)
			answer <- connected{l, err}
		}()
	}
	select {
	case c := <-ses.connecting:
		ses.connecting = nil
		if c.err == nil {
			ses.locker = c.locker
		}
		return c.err
	case <-ctx.Done():
		return fmt.Errorf("%w: looking up the hosts of the MongoDB URI: %w", mongolock.ErrUnavailable, context.Cause(ctx))
	}
}

// connected is what came of a Connect.
type connected struct {
	locker *mongolock.Locker
	err    error
}

// stopConnecting leaves a look-up some time to end. The end of a process does not wait for the resolver.
func (ses *session) stopConnecting() {
	if ses.connecting == nil {
		return
	}
	select {
	case c := <-ses.connecting:
		ses.locker = c.locker
	case <-time.After(time.Second):
	}
}

// identify logs which store this is, and refuses another one than was expected.
// It goes on until the store has said it: with a lease of a store that nobody knows there is no way over new credentials.
func (ses *session) identify(ctx context.Context) error {
	expect := ses.s.ExpectStore
	tell := func(ctx context.Context) error {
		store, err := ses.locker.Store(ctx)
		if err != nil {
			return err
		}
		ses.reached.Store(true)
		ses.log.Info("store", "fingerprint", store.Fingerprint, "kind", store.Kind, "version", store.Version)
		return OtherStore(ses.s, store.Fingerprint)
	}
	if expect != "" {
		return tell(ctx)
	}
	ses.tasks.Go(func() {
		said := false
		for err := tell(ses.ctx); err != nil && ses.ctx.Err() == nil; err = tell(ses.ctx) {
			if !said {
				telemetry.Warn(ses.log, "the store could not be identified yet", "error", err.Error())
			}
			said = true
			select {
			case <-ses.ctx.Done():
			case <-time.After(ses.s.Timing().Heartbeat):
			}
		}
	})
	return nil
}

// serve answers probes and metrics as the settings say.
func (ses *session) serve(g *gate.Gate, p serve.Probes) error {
	ses.metrics.Gate(g, ses.clock)
	for _, at := range []struct {
		field, address string
		metrics        bool
	}{{"probe-address", ses.s.ProbeAddress, false}, {"metrics-address", ses.s.MetricsAddress, true}} {
		if at.address == "" || at.address == settings.None {
			continue
		}
		l, err := serve.Listen(ses.ctx, at.address)
		if err != nil {
			return &Exit{settings.ExitUsage, problem.Of(at.field, err, "choose another address")}
		}
		h := p.Handler()
		if at.metrics {
			h = serve.Metrics(promhttp.HandlerFor(ses.metrics.Registry, promhttp.HandlerOpts{}))
		}
		ses.tasks.Go(func() {
			if err := serve.Serve(ses.ctx, l, h); err != nil {
				ses.log.Error(err, "no longer serving", "address", at.address)
			}
		})
	}
	return nil
}

// observe logs what the gate does.
func (ses *session) observe() func(gate.Change) {
	var lost time.Duration
	return func(c gate.Change) {
		ses.kube.changed(c)
		if c.Missing > 0 {
			telemetry.Warn(ses.log, "changes of the gate are missing here: the log was written too slowly", "missing", c.Missing)
		}
		kv := []any{"key", c.Grant.Key, "token", c.Grant.Token}
		switch c.Action {
		case gate.Open:
			ses.log.Info("gate open", kv...)
		case gate.Shut:
			if c.State == gate.Lost {
				lost = c.At
			}
			ses.log.Info("gate shut", append(kv, "reason", c.Reason.Error())...)
		case gate.Terminate, gate.Kill:
			ses.log.Info("stopping the workload", append(kv, "signal", strings.ToUpper("sig"+c.Action.String()[:4]))...)
		case gate.Finish:
			if c.State == gate.Lost && lost != 0 {
				took := c.At - lost
				lost = 0
				ses.metrics.Stopped(took)
				ses.log.Info("the workload has ended", append(kv, "took", took)...)
			}
		case gate.Wait:
			if c.Rest > 0 {
				ses.log.Info("resting after the loss, to give others a turn", "key", ses.s.Lock.Key, "rest", c.Rest.String())
			}
		case gate.Warn, gate.Extend, gate.Exit:
		}
	}
}

// closeWithin is how long the end of a session may take: two seconds for what the Kubernetes API is still to be told, and one each for
// probes that are being answered, a look at the credentials and the database's client.
const closeWithin = 6 * time.Second

// close ends everything the session began. What hangs, such as a file in a
// file system that does not answer, is left to the end of the process.
func (ses *session) close() {
	if ses.abandoned {
		return
	}
	for _, end := range slices.Backward(ses.ends) {
		end()
	}
	if ses.locker != nil {
		if err := settle(ses.locker); err != nil {
			telemetry.Warn(ses.log, "cannot undo an interrupted acquisition: others may wait ttl + grace", "error", err.Error())
		}
	}
	if within(closeWithin, func() error { ses.closeAll(); return nil }) != nil {
		telemetry.Warn(ses.log, "closing takes too long; exiting anyway")
	}
}

func (ses *session) closeAll() {
	ses.end()
	ses.tasks.Wait()
	ses.stopRotating()
	ses.stopConnecting()
	ses.kube.close()
	if ses.sole != nil {
		ses.warn(ses.sole.Close())
	}
	if ses.locker != nil {
		if err := CloseLocker(ses.locker); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			ses.log.V(1).Info("closing", "error", err.Error())
		}
	}
	if ses.dir != nil {
		ses.warn(ses.dir.Close())
	}
}

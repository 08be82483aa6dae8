//go:build linux

package agent

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// mostFrames is how many functions of ours stand between the gate and the driver. Who reads how a lock is acquired reads them all.
const mostFrames = 8

// TestFramesFromTheGateToTheDriver counts them, goroutines that were begun on the way included. The runtime tells of those
// only where it was asked at the start of the process.
func TestFramesFromTheGateToTheDriver(t *testing.T) {
	const ancestors = "GODEBUG=tracebackancestors=10"
	if os.Getenv("GODEBUG") != strings.TrimPrefix(ancestors, "GODEBUG=") {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), ancestors, "MONGOGATE_TEST_URI="+database.URI)
		out, err := cmd.CombinedOutput()
		if t.Logf("%s", out); err != nil || strings.Count(string(out), "frames:") != 4 {
			t.Errorf("%v; want the stacks of two acquisitions and two endings", err)
		}
		return
	}
	var (
		mu    sync.Mutex
		stack string
	)
	client, err := mongo.Connect(options.Client().ApplyURI(database.URI).SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName == "findAndModify" {
			b := make([]byte, 1<<16)
			mu.Lock()
			defer mu.Unlock()
			stack = string(b[:runtime.Stack(b, false)])
		}
	}}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	locker, err := mongolock.New(client.Database("mongogate_agent").Collection("lock"), mongolock.Options{Timing: mongolock.Timing{TTL: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = locker.Close(context.Background()) }()
	for name, lock := range map[string]func(*session) *lock{
		"run":     (*session).commandLock,
		"sidecar": func(ses *session) *lock { return ses.sidecarLock(nil, nil) },
	} {
		s := &settings.Settings{}
		s.Lock.Key = newKey()
		ses := &session{s: s, log: logr.Discard(), clock: gate.BootClock(), locker: locker}
		l := lock(ses)
		l.keys = ses.key()
		var said []string
		g, err := gate.New(gate.Config{
			Clock: ses.clock, Budget: gate.Budget{Kill: time.Second}, FinishWithin: time.Minute, Lock: l,
			Workload: &endsAtOnce{gone: make(chan gate.Ended, 1), started: func() {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, stack)
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := g.Run(t.Context()); !r.Started || r.Finish != nil {
			t.Fatalf("%s: %+v", name, r)
		}
		for _, stack := range append(said, stack) {
			ours := between(stack)
			t.Logf("%s: %d frames:\n\t%s", name, len(ours), strings.Join(ours, "\n\t"))
			if len(ours) == 0 || len(ours) > mostFrames {
				t.Errorf("%s: %d frames, want at most %d:\n%s", name, len(ours), mostFrames, stack)
			}
		}
	}
}

// between are the functions of this repository below the driver's and above the gate's, the innermost first.
func between(stack string) (ours []string) {
	const own, driver = "github.com/mongogate/mongogate/", "go.mongodb.org/mongo-driver/"
	below := false
	for line := range strings.Lines(stack) {
		function := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, driver):
			below = true
		case !below, !strings.HasPrefix(line, own):
		case strings.HasPrefix(function, own+"pkg/gate."):
			return ours
		default:
			ours = append(ours, strings.TrimPrefix(function[:strings.LastIndexByte(function, '(')], own))
		}
	}
	return nil // not even the gate is there
}

// endsAtOnce is a workload that has ended as soon as it was started.
type endsAtOnce struct {
	gate.Workload
	gone    chan gate.Ended
	started func()
}

func (w *endsAtOnce) Start(gate.Grant) {
	w.started()
	w.gone <- gate.Ended{}
}
func (w *endsAtOnce) Extend(time.Duration)    {}
func (w *endsAtOnce) Broken() <-chan error    { return nil }
func (w *endsAtOnce) Gone() <-chan gate.Ended { return w.gone }

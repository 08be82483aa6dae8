//go:build linux

package agent

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbmain"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
)

// asCrash makes the test binary a gate that is killed while it holds the lock.
const asCrash = "AGENT_TEST_CRASH"

var database *devdb.Server

func TestMain(m *testing.M) {
	if uri := os.Getenv(asCrash); uri != "" {
		os.Exit(holdUntilKilled(uri, os.Args[1], os.Args[2]))
	}
	os.Exit(devdbmain.Run(m, &database, devdbmain.Start))
}

const testTTL = 4 * time.Second

func connect(uri, jobUID string) (*mongolock.Locker, error) {
	return mongolock.Connect(uri, mongolock.Options{
		Database: "mongogate_agent", Owner: "tester", Holder: mongolock.Holder{JobUID: jobUID}, Keep: time.Hour,
		Timing: mongolock.Timing{TTL: testTTL, Heartbeat: 200 * time.Millisecond, AllowShort: true}, Poll: 20 * time.Millisecond,
	})
}

func locker(t *testing.T, uri string) *mongolock.Locker {
	t.Helper()
	l, err := connect(uri, rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	devdbtest.CloseLater(t, l)
	return l
}

func stateDir(t *testing.T, base, key string) *statedir.Dir {
	t.Helper()
	d, err := statedir.Open(base, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// newLock is a lock of a key of its own, with a state directory below base.
func newLock(t *testing.T, base, key string) *keys {
	t.Helper()
	return &keys{locker: locker(t, database.URI), key: key, dir: stateDir(t, base, key), warn: func(err error) { t.Errorf("warned: %v", err) }}
}

// timedOut ends the waiting as the agent does.
func timedOut(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, errTimeout)
	t.Cleanup(cancel)
	return ctx
}

func acquire(t *testing.T, l *keys) mongolock.AnyLease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := l.acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func finish(t *testing.T, l *keys, s mongolock.AnyLease, o mongolock.Outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := l.finish(ctx, s, o); err != nil {
		t.Fatal(err)
	}
}

func info(t *testing.T, l *keys, key string) mongolock.Info {
	t.Helper()
	i, err := l.locker.Info(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func holdUntilKilled(uri, base, key string) int {
	l, err := connect(uri, "crash")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	d, err := statedir.Open(base, key)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	lock := &keys{locker: l, key: key, dir: d, warn: func(err error) { fmt.Println(err) }}
	s, err := lock.acquire(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.Token())
	select {}
}

// startGate starts one in a process of its own and returns its token when it holds.
func startGate(t *testing.T, base, key string) (token string, c *exec.Cmd) {
	t.Helper()
	c = exec.Command(os.Args[0], base, key)
	c.Env = append(os.Environ(), asCrash+"="+database.URI)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(line, err)
	}
	return strings.TrimSpace(line), c
}

func collection(t *testing.T) *mongo.Collection {
	t.Helper()
	c, err := mongo.Connect(options.Client().ApplyURI(database.URI))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(context.Background()) })
	return c.Database("mongogate_agent").Collection(mongolock.DefaultCollection)
}

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/devdb/devdbtest"
	"github.com/mongogate/mongogate/internal/faultproxy"
	"github.com/mongogate/mongogate/internal/kube/kubetest"
)

// ofEach is how many gates are tried at a time with each observer. For more trials take -count: a hundred gates at once on
// a small machine lose their leases to it.
var ofEach = flag.Int("of-each", 2, "gates with each observer that does not take what it is given")

// The outage is half a ttl. The deadline is 8.2 s after a renewal, and 1 + 5 + 1 s is less: no lease is to be lost.
var blockedTiming = []string{
	"MONGOGATE_TTL=10s", "MONGOGATE_HEARTBEAT=1s", "MONGOGATE_OPERATION_TIMEOUT=1s", "MONGOGATE_LOG_LEVEL=debug",
}

const (
	blockedOutage = 5 * time.Second
	// lostWithin: the deadline and the kill budget, the time to give the lock back in vain, and what the end may take
	// for each that is asked to take what is left.
	lostWithin = 10*time.Second + 2*time.Second + 8*time.Second
)

// observer is somebody outside who does not take what a gate has for them.
type observer struct {
	name string
	// block prepares the gate's command, and returns what begins once it runs.
	block func(t *testing.T, c *exec.Cmd) func()
}

func observers() []observer {
	return []observer{
		{"stderr is a full pipe", func(t *testing.T, c *exec.Cmd) func() {
			c.Stderr = fullPipe(t)
			return func() {}
		}},
		{"stderr is a full pipe and the driver logs", func(t *testing.T, c *exec.Cmd) func() {
			c.Stderr = fullPipe(t)
			c.Env = append(c.Env, "MONGODB_LOG_ALL=debug")
			return func() {}
		}},
		{"stderr is a stopped terminal", func(t *testing.T, c *exec.Cmd) func() {
			c.Stderr = stoppedTerminal(t)
			return func() {}
		}},
		{"stderr is a pipe whose reader has gone", func(t *testing.T, c *exec.Cmd) func() {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Close()
			t.Cleanup(func() { _ = w.Close() })
			c.Stderr = w
			return func() {}
		}},
		{"scrapers and probes that never read", func(t *testing.T, c *exec.Cmd) func() {
			socket := filepath.Join(t.TempDir(), "s")
			c.Env = append(c.Env, "MONGOGATE_METRICS_ADDRESS=unix:"+socket+"m", "MONGOGATE_PROBE_ADDRESS=unix:"+socket+"p")
			return func() {
				for _, path := range []string{"m /metrics", "p /readyz"} {
					which, path, _ := strings.Cut(path, " ")
					for range 50 {
						neverRead(t, socket+which, path)
					}
				}
			}
		}},
		{"an API server that never answers", func(t *testing.T, c *exec.Cmd) func() {
			api := kubetest.Start(t, "pod", "uid")
			api.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
				<-r.Context().Done()
				return true
			})
			c.Env = append(c.Env, "KUBERNETES_SERVICE_HOST="+api.Host, "KUBERNETES_SERVICE_PORT="+api.Port, "POD_NAME=pod", "POD_NAMESPACE="+kubetest.Namespace, "POD_UID=uid",
				"MONGOGATE_KUBE_EVENTS=true", "MONGOGATE_KUBE_LABEL="+holderLabel)
			return func() {}
		}},
	}
}

// TestNothingOutsideHoldsUpAGate: an outage of half a ttl loses no lease, and the gates that lose theirs in a longer
// one end in time, with nothing left of their commands.
func TestNothingOutsideHoldsUpAGate(t *testing.T) {
	t.Parallel()
	for _, o := range observers() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			proxy, uri := blockedProxy(t)
			database := "blocked_" + strings.NewReplacer(" ", "_").Replace(o.name)
			t.Cleanup(func() { dropDatabase(t, database) })
			var all []*blockedGate
			for n := range *ofEach {
				all = append(all, startBlocked(t, o, database, uri, fmt.Sprint("k", n)))
			}
			for _, g := range all {
				g.awaitUp(t)
				g.begin()
			}
			proxy.Freeze()
			time.Sleep(blockedOutage)
			proxy.Heal()
			healed := time.Now()
			kept := 0
			for _, g := range all {
				// Not the request that was held back, and carried out when its answer was of no use any more.
				if g.renewedSince(t, healed.Add(1500*time.Millisecond)) {
					kept++
				}
			}
			proxy.Freeze()
			cut := time.Now()
			ended, slowest := 0, time.Duration(0)
			for _, g := range all {
				code, took := g.endsWith(t, cut)
				if code == exitLost && took <= lostWithin && !g.commandLives() {
					ended++
				}
				slowest = max(slowest, took)
			}
			t.Logf("%s: %d of %d leases kept through an outage of half a ttl; %d of %d ended with %d in time after a longer one, the slowest %v after the cut",
				o.name, kept, len(all), ended, len(all), exitLost, slowest.Round(100*time.Millisecond))
			if kept != len(all) || ended != len(all) {
				t.Fail()
			}
		})
	}
}

func blockedProxy(t *testing.T) (*faultproxy.Proxy, string) {
	t.Helper()
	return devdbtest.Proxied(t, rig.server)
}

// blockedGate is a gate of which nothing can be read but what its command does.
type blockedGate struct {
	*exec.Cmd
	begin         func()
	database, key string
	up            string // a file with the process id of the command
	ended         chan struct{}
	at            time.Time
}

func startBlocked(t *testing.T, o observer, database, uri, key string) *blockedGate {
	t.Helper()
	dir := t.TempDir()
	g := &blockedGate{database: database, key: key, up: filepath.Join(dir, "up"), ended: make(chan struct{})}
	env := append([]string{
		"MONGOGATE_URI=" + uri, "MONGOGATE_DATABASE=" + database, "MONGOGATE_KEY=" + key, "MONGOGATE_STATE_DIR=" + filepath.Join(dir, "state"), "PATH=" + os.Getenv("PATH"),
	}, blockedTiming...)
	g.Cmd = gateCommand(context.Background(), env, "run", "--", "sh", "-c", `echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 300 2>/dev/null`, g.up)
	g.begin = o.block(t, g.Cmd)
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // waited for by the Cleanup
		defer close(g.ended)
		_ = g.Wait()
		g.at = time.Now()
	}()
	t.Cleanup(func() {
		_ = g.Process.Kill()
		<-g.ended
	})
	return g
}

func (g *blockedGate) awaitUp(t *testing.T) {
	t.Helper()
	eventually(t, "the command runs", func() bool {
		_, err := os.Stat(g.up)
		return err == nil
	})
}

// renewedSince waits until the store shows a renewal after an instant, and says whether the command still runs then.
func (g *blockedGate) renewedSince(t *testing.T, at time.Time) bool {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case <-g.ended:
			return false
		default:
		}
		var d struct {
			State   string
			Touched time.Time
		}
		err := rig.client.Database(g.database).Collection("lock").FindOne(t.Context(), bson.D{{Key: "_id", Value: g.key}}).Decode(&d)
		if err == nil && d.State == "held" && d.Touched.After(at) {
			return g.commandLives()
		}
	}
	return false
}

func (g *blockedGate) endsWith(t *testing.T, since time.Time) (code int, took time.Duration) {
	t.Helper()
	select {
	case <-g.ended:
		return g.ProcessState.ExitCode(), g.at.Sub(since)
	case <-time.After(time.Until(since.Add(2 * lostWithin))):
		return -1, time.Since(since)
	}
}

func (g *blockedGate) commandLives() bool {
	b, err := os.ReadFile(g.up)
	if err != nil {
		return false
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		return false
	}
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// fullPipe is the end of a pipe into which nothing fits, and from which nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for b := make([]byte, size); ; {
			if _, err := unix.Write(ends[1], b); errors.Is(err, unix.EAGAIN) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	return blocking(t, ends[1], ends[0])
}

// blocking is the first descriptor, as it is in a shell's pipe. Both are closed at the end of the test.
func blocking(t *testing.T, fd, other int) *os.File {
	t.Helper()
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "blocked")
	t.Cleanup(func() {
		_ = unix.Close(other)
		_ = f.Close()
	})
	return f
}

// stoppedTerminal is a terminal in which somebody has typed ^S.
func stoppedTerminal(t *testing.T) *os.File {
	t.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(slave, unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	return blocking(t, slave, master)
}

// neverRead asks for a page again and again on one connection, and reads nothing of it.
func neverRead(t *testing.T, socket, path string) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Error(err)
		return
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		w := bufio.NewWriter(c)
		for range 1000 {
			if _, err := fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: gate\r\n\r\n", path); err != nil {
				return
			}
			if err := w.Flush(); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		asking.Wait()
	})
}

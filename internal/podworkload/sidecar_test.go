//go:build linux

package podworkload

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

const envBinary = "FENCE_TEST_BINARY"

// The whole sidecar, the built binary in a pod's process namespace, with a real database.
func TestSidecar(t *testing.T) {
	var p pod
	if os.Getenv(envInside) == "" && os.Geteuid() == 0 {
		p.env = builtGate(t, "MONGOGATE_TTL=3s", "MONGOGATE_HEARTBEAT=300ms", "MONGOGATE_ALLOW_SHORT_TTL=true")
	}
	if !inside(t, p) {
		return
	}
	t.Run("force-release kills, and again what is restarted", killedAgain)
	t.Run("SIGTERM waits for evidence", terminated)
	t.Run("SIGKILL releases nothing", killed)
	t.Run("exit leaves without release", leaves)
	t.Run("a gate that is started anew", startedAnew)
	t.Run("a restart that was ignored", ignoredRestart)
	t.Run("a second gate that kills", secondKill)
}

// builtGate builds the binary and starts a database for it: what a pod with a gate has in its environment, besides more.
func builtGate(t *testing.T, more ...string) []string {
	t.Helper()
	db := devdbtest.Start(t, 0)
	binary := filepath.Join(t.TempDir(), "mongogate")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/sidecar").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return append([]string{"MONGOGATE_URI=" + db.URI, envBinary + "=" + binary}, more...)
}

// output is what a process writes while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// sidecar is one that runs.
type sidecar struct {
	*testing.T
	key  string
	base string // of its state
	env  []string
	cmd  *exec.Cmd
	log  output
	end  chan error
}

// sidecarOf is a sidecar of a key that has not begun.
func sidecarOf(t *testing.T, key, base string, env ...string) *sidecar {
	return &sidecar{T: t, key: key, base: base, env: append(append(os.Environ(), "MONGOGATE_KEY="+key, "MONGOGATE_STATE_DIR="+base), env...)}
}

// newSidecar has a key of its own, and has begun.
func newSidecar(t *testing.T, args ...string) *sidecar {
	t.Helper()
	s := sidecarOf(t, rand.Text()[:8], t.TempDir())
	s.begin(args...)
	return s
}

// guarded is a sidecar that holds, and a workload beside it that ignores SIGTERM.
func guarded(t *testing.T, protection string) (*sidecar, *exec.Cmd) {
	t.Helper()
	s := newSidecar(t, "--protection", protection)
	s.held()
	return s, container(t, "work", stubborn)
}

// begin starts the process, once more where it has ended.
func (s *sidecar) begin(args ...string) {
	s.Helper()
	s.cmd = exec.Command(os.Getenv(envBinary), append([]string{"sidecar"}, args...)...)
	s.cmd.Env, s.cmd.Stderr, s.end = s.env, &s.log, make(chan error, 1)
	must.Do(s, s.cmd.Start())
	cmd, end := s.cmd, s.end
	go func() { end <- cmd.Wait() }()
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		if s.Failed() {
			s.Logf("the sidecar's log:\n%s", s.log.String())
		}
	})
}

// do runs the binary for a moment.
func (s *sidecar) do(args ...string) (string, int) {
	cmd := exec.Command(os.Getenv(envBinary), args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return string(out), ended.ExitCode()
	}
	return string(out), 0
}

func (s *sidecar) held() {
	s.Helper()
	must.Happen(s.T, "ready", func() bool { _, code := s.do("probe", "ready"); return code == 0 })
}

// says waits for something in its log.
func (s *sidecar) says(what string) {
	s.Helper()
	must.Happen(s, "it says: "+what, func() bool { return strings.Contains(s.log.String(), what) })
}

// succeeds runs the binary for a moment.
func (s *sidecar) succeeds(args ...string) {
	s.Helper()
	if out, code := s.do(args...); code != 0 {
		s.Fatal(out)
	}
}

func (s *sidecar) kill() {
	_ = s.cmd.Process.Kill()
	<-s.end
}

func (s *sidecar) endsWith(want int) {
	s.Helper()
	must.Come(s, s.end, "the sidecar's end")
	if got := s.cmd.ProcessState.ExitCode(); got != want {
		s.Errorf("exit code %d, want %d", got, want)
	}
}

// livesFor wants it not to end meanwhile.
func (s *sidecar) livesFor(d time.Duration, why string) {
	s.Helper()
	select {
	case <-s.end:
		s.Fatal("ended: " + why)
	case <-time.After(d):
	}
}

// locked says what the store says.
func (s *sidecar) locked(want bool) {
	s.Helper()
	out, code := s.do("show", "-o", "json")
	if code != 0 || strings.Contains(out, `"state": "held"`) != want {
		s.Errorf("want held: %v, exit code %d: %s", want, code, out)
	}
}

const stubborn = `trap "" TERM; while :; do sleep 0.02; done`

func killedAgain(t *testing.T) {
	s, c := guarded(t, "kill")
	other := exec.Command(os.Getenv(envBinary), "run", "--state-dir", t.TempDir(), "--", "sleep", "1000")
	other.Env = s.env
	var log output
	other.Stderr = &log
	must.Do(t, other.Start())
	must.Happen(t, "the other waits", func() bool { return strings.Contains(log.String(), "waiting for the lock") })
	if !alive(c.Process.Pid) {
		t.Fatal("killed while the lock is held")
	}
	s.succeeds("force-release")
	dies(t, c, "the workload is killed")
	s.endsWith(88)
	must.Happen(t, "the other holds", func() bool { return strings.Contains(log.String(), "gate open") })
	if !strings.Contains(s.log.String(), "lease ended") {
		t.Error("the lock was not given back on evidence")
	}
	s.begin("--protection", "kill") // as the kubelet does
	for range 3 {
		again := container(t, "work", stubborn)
		dies(t, again, "killed again")
	}
	_ = other.Process.Signal(syscall.SIGTERM)
	_ = other.Wait()
	s.held()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.endsWith(0)
	s.locked(false)
}

func terminated(t *testing.T) {
	s, c := guarded(t, "kill")
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.livesFor(4*time.Second, "a workload lives") // longer than the lease: it is renewed
	if !alive(c.Process.Pid) {
		t.Error("an ordinary SIGTERM is no loss, but the workload was killed")
	}
	if said := s.log.String(); !strings.Contains(said, "the lock is kept until the workload has ended") || !strings.Contains(said, fmt.Sprintf("process %d (sh)", c.Process.Pid)) {
		t.Error("it does not say what it waits for")
	}
	s.locked(true)
	if strings.Contains(s.log.String(), "lock lost") {
		t.Error("not renewed")
	}
	_ = c.Process.Kill()
	s.endsWith(0)
	s.locked(false)
}

func killed(t *testing.T) {
	s, c := guarded(t, "kill")
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.livesFor(500*time.Millisecond, "a workload lives")
	s.kill()
	s.locked(true)
	_ = c.Process.Kill()
}

func leaves(t *testing.T) {
	s, c := guarded(t, "exit")
	defer func() { _ = c.Process.Kill() }()
	s.succeeds("force-release")
	s.endsWith(88)
	if !alive(c.Process.Pid) {
		t.Error("exit kills nobody")
	}
	s.locked(true)
}

// The sidecar is killed beside its workload: the next one adopts the lease and
// lets the workload be. Where the lock is another's by then, it is killed.
func startedAnew(t *testing.T) {
	s, c := guarded(t, "kill")
	s.kill()
	s.begin("--protection", "kill")
	s.held()
	if !alive(c.Process.Pid) {
		t.Fatal("killed although the lease was adopted")
	}
	if out, _ := s.do("history"); !strings.Contains(out, "adopted") {
		t.Errorf("no adoption in:\n%s", out)
	}
	s.kill()
	s.succeeds("force-release")
	s.begin("--protection", "kill")
	dies(t, c, "killed at the deadline in the file")
}

// Two gates with kill in one pod would end each other's workload: the second does not start, and does once the first has ended.
func secondKill(t *testing.T) {
	s := newSidecar(t, "--protection", "kill")
	s.held()
	second := newSidecar(t, "--protection", "kill")
	second.endsWith(64)
	if said := second.log.String(); !strings.Contains(said, "another gate of this pod has the protection kill already") {
		t.Error("it does not say why")
	}
	s.kill()
	second.begin("--protection", "kill")
	second.held()
}

// The rule was ignored: the gate does not acquire, and what runs beside it is killed from the deadline in the file on.
func ignoredRestart(t *testing.T) {
	s := sidecarOf(t, rand.Text()[:8], t.TempDir(), "MONGOGATE_TTL=42s", "MONGOGATE_OPERATION_TIMEOUT=2s")
	begin := func() { s.begin("--protection", "restart", "--also", "kill") }
	s.succeeds("epoch")
	begin()
	s.held()
	c := container(t, "work", stubborn)
	s.kill()
	file := filepath.Join(s.dir(), "lease")
	b := must.Get(os.ReadFile(file))(t)
	over := regexp.MustCompile(`"deadlineBoottimeNs":\d+`).ReplaceAll(b, []byte(`"deadlineBoottimeNs":1`))
	must.Do(t, os.WriteFile(file, over, 0o600))
	begin()
	s.endsWith(88) // it asks for the restart, and fences by what there is
	dies(t, c, "what ran on is killed")
	begin()
	again := container(t, "work", stubborn)
	dies(t, again, "what the kubelet starts again is killed")
	if out, code := s.do("probe", "ready"); code != 1 || !strings.Contains(out, "restart rule was ignored") {
		t.Errorf("probe ready: exit code %d: %s", code, out)
	}
	s.livesFor(10*time.Millisecond, "the kubelet would start it forever")
	// In a new epoch everything was stopped.
	s.kill()
	s.succeeds("epoch")
	begin()
	s.held()
	// Nothing is left of a workload that has ended before the gate did.
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.endsWith(0)
	begin()
	s.held()
}

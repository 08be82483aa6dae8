//go:build linux

package podworkload

import (
	"bytes"
	"context"
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

	"github.com/mongogate/mongogate/test/devdb"
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	db, err := devdb.Start(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Log(db.Banner())
	binary := filepath.Join(t.TempDir(), "mongogate")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "../../cmd/sidecar").CombinedOutput(); err != nil {
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
	key string
	env []string
	cmd *exec.Cmd
	log output
	end chan error
}

func newSidecar(t *testing.T, args ...string) *sidecar {
	t.Helper()
	s := &sidecar{T: t, key: rand.Text()[:8]}
	s.env = append(os.Environ(), "MONGOGATE_KEY="+s.key, "MONGOGATE_STATE_DIR="+t.TempDir())
	s.begin(args...)
	return s
}

// begin starts the process, once more where it has ended.
func (s *sidecar) begin(args ...string) {
	s.Helper()
	s.cmd = exec.Command(os.Getenv(envBinary), append([]string{"sidecar"}, args...)...)
	s.cmd.Env, s.cmd.Stderr, s.end = s.env, &s.log, make(chan error, 1)
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
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
	until(s.T, "ready", func() bool { _, code := s.do("probe", "ready"); return code == 0 })
}

func (s *sidecar) endsWith(want int) {
	s.Helper()
	select {
	case <-s.end:
		if got := s.cmd.ProcessState.ExitCode(); got != want {
			s.Errorf("exit code %d, want %d", got, want)
		}
	case <-time.After(20 * time.Second):
		s.Fatal("the sidecar does not end")
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
	s := newSidecar(t, "--protection", "kill")
	s.held()
	c := container(t, "work", stubborn)
	other := exec.Command(os.Getenv(envBinary), "run", "--state-dir", t.TempDir(), "--", "sleep", "1000")
	other.Env = s.env
	var log output
	other.Stderr = &log
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the other waits", func() bool { return strings.Contains(log.String(), "waiting for the lock") })
	if !alive(c.Process.Pid) {
		t.Fatal("killed while the lock is held")
	}
	if out, code := s.do("force-release"); code != 0 {
		t.Fatal(out)
	}
	until(t, "the workload is killed", func() bool { return !alive(c.Process.Pid) })
	s.endsWith(88)
	until(t, "the other holds", func() bool { return strings.Contains(log.String(), "gate open") })
	if !strings.Contains(s.log.String(), "lease ended") {
		t.Error("the lock was not given back on evidence")
	}
	s.begin("--protection", "kill") // as the kubelet does
	for range 3 {
		again := container(t, "work", stubborn)
		until(t, "killed again", func() bool { return !alive(again.Process.Pid) })
	}
	_ = other.Process.Signal(syscall.SIGTERM)
	_ = other.Wait()
	s.held()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.endsWith(0)
	s.locked(false)
}

func terminated(t *testing.T) {
	s := newSidecar(t, "--protection", "kill")
	s.held()
	c := container(t, "work", stubborn)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.end:
		t.Fatal("ended beside a workload that lives")
	case <-time.After(4 * time.Second): // longer than the lease: it is renewed
	}
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
	s := newSidecar(t, "--protection", "kill")
	s.held()
	c := container(t, "work", stubborn)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	goneYet := time.After(500 * time.Millisecond)
	select {
	case <-s.end:
		t.Fatal("ended beside a workload that lives")
	case <-goneYet:
	}
	_ = s.cmd.Process.Kill()
	<-s.end
	s.locked(true)
	_ = c.Process.Kill()
}

func leaves(t *testing.T) {
	s := newSidecar(t, "--protection", "exit")
	s.held()
	c := container(t, "work", stubborn)
	defer func() { _ = c.Process.Kill() }()
	if out, code := s.do("force-release"); code != 0 {
		t.Fatal(out)
	}
	s.endsWith(88)
	if !alive(c.Process.Pid) {
		t.Error("exit kills nobody")
	}
	s.locked(true)
}

// The sidecar is killed beside its workload: the next one adopts the lease and
// lets the workload be. Where the lock is another's by then, it is killed.
func startedAnew(t *testing.T) {
	s := newSidecar(t, "--protection", "kill")
	s.held()
	c := container(t, "work", stubborn)
	_ = s.cmd.Process.Kill()
	<-s.end
	s.begin("--protection", "kill")
	s.held()
	if !alive(c.Process.Pid) {
		t.Fatal("killed although the lease was adopted")
	}
	if out, _ := s.do("history"); !strings.Contains(out, "adopted") {
		t.Errorf("no adoption in:\n%s", out)
	}
	_ = s.cmd.Process.Kill()
	<-s.end
	if out, code := s.do("force-release"); code != 0 {
		t.Fatal(out)
	}
	s.begin("--protection", "kill")
	until(t, "killed at the deadline in the file", func() bool { return !alive(c.Process.Pid) })
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
	_ = s.cmd.Process.Kill()
	<-s.end
	second.begin("--protection", "kill")
	second.held()
}

// The rule was ignored: the gate does not acquire, and what runs beside it is killed from the deadline in the file on.
func ignoredRestart(t *testing.T) {
	base := t.TempDir()
	s := &sidecar{T: t, key: rand.Text()[:8]}
	s.env = append(os.Environ(), "MONGOGATE_KEY="+s.key, "MONGOGATE_STATE_DIR="+base, "MONGOGATE_TTL=42s", "MONGOGATE_OPERATION_TIMEOUT=2s")
	if out, code := s.do("epoch"); code != 0 {
		t.Fatal(out)
	}
	s.begin("--protection", "restart", "--also", "kill")
	s.held()
	c := container(t, "work", stubborn)
	_ = s.cmd.Process.Kill()
	<-s.end
	file := filepath.Join(base, s.key, "lease")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	over := regexp.MustCompile(`"deadlineBoottimeNs":\d+`).ReplaceAll(b, []byte(`"deadlineBoottimeNs":1`))
	if err := os.WriteFile(file, over, 0o600); err != nil {
		t.Fatal(err)
	}
	s.begin("--protection", "restart", "--also", "kill")
	s.endsWith(88) // it asks for the restart, and fences by what there is
	until(t, "what ran on is killed", func() bool { return !alive(c.Process.Pid) })
	s.begin("--protection", "restart", "--also", "kill")
	again := container(t, "work", stubborn)
	until(t, "what the kubelet starts again is killed", func() bool { return !alive(again.Process.Pid) })
	if out, code := s.do("probe", "ready"); code != 1 || !strings.Contains(out, "restart rule was ignored") {
		t.Errorf("probe ready: exit code %d: %s", code, out)
	}
	select {
	case <-s.end:
		t.Error("the gate has ended: the kubelet would start it forever")
	default:
	}
	// In a new epoch everything was stopped.
	_ = s.cmd.Process.Kill()
	<-s.end
	if out, code := s.do("epoch"); code != 0 {
		t.Fatal(out)
	}
	s.begin("--protection", "restart", "--also", "kill")
	s.held()
	// Nothing is left of a workload that has ended before the gate did.
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.endsWith(0)
	s.begin("--protection", "restart", "--also", "kill")
	s.held()
}

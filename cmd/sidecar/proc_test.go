//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

// nobody is another user, for tests that root runs.
const nobody = 65534

// running is a gate that a test has started.
type running struct {
	*exec.Cmd
	log   string // the path of its standard error
	ended chan struct{}
	// end is the signal that ends it: a sidecar without evidence that its workload is gone renews until it is killed.
	end syscall.Signal
}

// startGate starts the binary as this user or, where the test is root and
// unprivileged is asked for, as nobody. It is told to end at the end of the test.
func startGate(t *testing.T, env []string, unprivileged bool, args ...string) *running {
	t.Helper()
	cmd := gateCommand(context.Background(), append(env, "PATH="+os.Getenv("PATH")), args...)
	if unprivileged {
		cmd.SysProcAttr = asUser()
	}
	out := must.Get(os.Create(filepath.Join(t.TempDir(), "log")))(t)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, "/"
	must.Do(t, errors.Join(cmd.Start(), out.Close()))
	r := &running{Cmd: cmd, log: out.Name(), ended: make(chan struct{}), end: syscall.SIGTERM}
	if args[0] == "sidecar" {
		r.end = syscall.SIGKILL
	}
	go func() { // waited for by the Cleanup
		defer close(r.ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		r.stop(t)
		if t.Failed() {
			t.Logf("log of the gate:\n%s", r.said(t))
		}
	})
	return r
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	_ = r.Process.Signal(r.end)
	select {
	case <-r.ended:
	case <-time.After(must.Patience):
		t.Error("the gate does not end")
		_ = r.Process.Kill()
		<-r.ended
	}
}

func (r *running) said(t *testing.T) string {
	t.Helper()
	b := must.Get(os.ReadFile(r.log))(t)
	return string(b)
}

func (r *running) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// code waits for the exit code.
func (r *running) code(t *testing.T) int {
	t.Helper()
	must.Come(t, r.ended, "the gate's end")
	return r.ProcessState.ExitCode()
}

func (r *running) endsWith(t *testing.T, want int) {
	t.Helper()
	if got := r.code(t); got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

func (r *running) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	must.Do(t, r.Process.Signal(sig))
}

// await waits until it has said something.
func (r *running) await(t *testing.T, what string) {
	t.Helper()
	must.Happen(t, what, func() bool {
		ended := r.hasEnded() // before it is asked what it said
		said := strings.Contains(r.said(t), what)
		if ended && !said {
			t.Fatalf("the gate has ended and did not say %q", what)
		}
		return said
	})
}

// below are the gate's descendants: its guard first, then the command's tree.
func (r *running) below(t *testing.T) []proctree.Process {
	t.Helper()
	all := must.Get(proctree.Descendants(r.Process.Pid))(t)
	slices.SortStableFunc(all, func(a, b proctree.Process) int { return rank(a, r) - rank(b, r) })
	return all
}

func rank(p proctree.Process, r *running) int {
	if p.PPID == r.Process.Pid {
		return 0
	}
	return 1
}

func procFile(t *testing.T, pid int, name string) string {
	t.Helper()
	b := must.Get(os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name)))(t)
	return string(b)
}

// TestSecretsOfARunningGate drives a password that works through a gate with
// everything switched on, and looks wherever one can look from outside.
func TestSecretsOfARunningGate(t *testing.T) {
	_, uri := signIn(t)
	file := filepath.Join(t.TempDir(), "uri")
	must.Do(t, os.WriteFile(file, []byte(uri), 0o600))
	looked := 0
	for way, given := range map[string]string{"variable": "MONGOGATE_URI=" + uri, "file": "MONGOGATE_URI_FILE=" + file} {
		for _, mode := range [][]string{
			{"run", "--", "sh", "-c", "sleep 300 & echo up; env; wait"},
			{"sidecar"},
		} {
			t.Run(mode[0]+" by "+way, func(t *testing.T) {
				dir := t.TempDir()
				state := filepath.Join(dir, "state")
				env := []string{
					given, "MONGOGATE_KEY=secret " + mode[0] + way, "MONGOGATE_STATE_DIR=" + state, "MONGOGATE_LOG_LEVEL=debug",
					"MONGOGATE_TTL=5s", "MONGOGATE_HEARTBEAT=1s",
					"MONGOGATE_PROBE_ADDRESS=unix:" + filepath.Join(dir, "p"), "MONGOGATE_METRICS_ADDRESS=unix:" + filepath.Join(dir, "m"),
				}
				g := startGate(t, env, false, mode...)
				g.await(t, "gate open")
				g.await(t, "renewed") // so that it has been through a round of everything
				if mode[0] == "run" {
					g.await(t, "up\n")
				}

				for _, file := range []string{"cmdline", "environ", "comm"} {
					inEnviron := file == "environ" && way == "variable"
					if text := procFile(t, g.Process.Pid, file); inEnviron != strings.Contains(text, canary) {
						t.Errorf("%s of the gate: has the password: %v, want %v (where it was put)", file, !inEnviron, inEnviron)
					}
					for _, p := range g.below(t) {
						if inEnviron && mode[0] == "sidecar" && p.PPID == g.Process.Pid {
							continue // the gate below its twin, as unreadable for others as the twin: TestEnvironmentIsUnreadable
						}
						noCanary(t, fmt.Sprintf("%s of process %d (%s)", file, p.PID, procFile(t, p.PID, "comm")), procFile(t, p.PID, file))
						looked++
					}
				}
				if n := len(g.below(t)); mode[0] == "run" && n < 3 {
					t.Errorf("%d processes below the gate, want guard, shell and sleep", n)
				}
				metrics := ask(t, filepath.Join(dir, "m"), "/metrics")
				if !strings.Contains(metrics, "mongogate_open 1") {
					t.Errorf("no metrics: %.300s", metrics)
				}
				noCanary(t, "the metrics", metrics)
				for _, path := range []string{"/startupz", "/readyz", "/livez", "/waitingz", "/", "/debug/pprof/cmdline", "/debug/vars"} {
					noCanary(t, path, ask(t, filepath.Join(dir, "p"), path))
				}
				noCanaryIn(t, state)
				for _, people := range [][]string{{"status", "-o", "json"}, {"show", "-o", "yaml"}, {"history"}, {"list"}, {"doctor"}, {"doctor", "-o", "json"}, {"doctor", "-o", "yaml"}, {"force-release"}} {
					code, out := builtBinary(t, env, people...)
					if code != 0 {
						t.Errorf("%v: exit code %d:\n%s", people, code, out)
					}
					noCanary(t, strings.Join(people, " "), out)
					looked++
				}
				g.await(t, "gate shut") // revoked by the last of them
				g.stop(t)
				noCanary(t, "the log", g.said(t))
				noCanaryIn(t, state)
			})
		}
	}
	fmt.Printf("cases: %d places where a password that works could show\n", looked)
	if looked < 40 && !t.Failed() {
		t.Errorf("looked at %d places only", looked)
	}
}

// ask reads a page from a Unix socket.
func ask(t *testing.T, socket, path string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	req := must.Get(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gate"+path, nil))(t)
	res, err := (&http.Client{Transport: transport, Timeout: must.Patience}).Do(req)
	must.Do(t, err)
	defer res.Body.Close()
	b := must.Get(io.ReadAll(res.Body))(t)
	return fmt.Sprint(res.Header) + string(b)
}

// TestEnvironmentIsUnreadable: other processes of the gate's own user cannot
// read the variable in which the gate was given its password, nor its memory.
func TestEnvironmentIsUnreadable(t *testing.T) {
	for _, mode := range [][]string{{"run", "--", "sleep", "300"}, {"sidecar"}} {
		t.Run(mode[0], func(t *testing.T) {
			state := publicDir(t)
			if os.Getuid() == 0 {
				must.Do(t, os.Chown(state, nobody, nobody))
			}
			g := startGate(t, []string{
				"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=cli_unreadable", "MONGOGATE_STATE_DIR=" + state,
				"MONGOGATE_KEY=" + mode[0], "SECRET=" + canary,
			}, true, mode...)
			g.await(t, "gate open")
			t.Cleanup(func() { dropDatabase(t, "cli_unreadable") })
			if mode[0] == "run" { // else the program's mode is what hides a guard that begins (0711, as the image has it)
				must.Happen(t, "the guard has hidden itself, and started the command", func() bool { return len(g.below(t)) > 1 })
			}
			pids := []int{g.Process.Pid, g.below(t)[0].PID} // the gate and its guard, or a sidecar's twin and its gate
			for _, pid := range pids {
				for _, file := range []string{"environ", "maps", "fd/0"} {
					if out, err := readAsThatUser(t, pid, file); err == nil {
						t.Errorf("another process of the same user reads %s of process %d: %d bytes", file, pid, len(out))
					}
				}
			}
			// The test can fail: what is not hidden is read.
			plain := exec.CommandContext(t.Context(), "sleep", "300")
			plain.Env, plain.SysProcAttr = []string{"SECRET=" + canary}, g.SysProcAttr
			must.Do(t, plain.Start())
			defer func() {
				_ = plain.Process.Kill()
				_ = plain.Wait()
			}()
			must.Happen(t, "the environment of a plain process to be readable", func() bool {
				out, err := readAsThatUser(t, plain.Process.Pid, "environ")
				return err == nil && bytes.Contains(out, []byte(canary))
			})
		})
	}
}

func readAsThatUser(t *testing.T, pid int, file string) ([]byte, error) {
	t.Helper()
	cat := exec.CommandContext(t.Context(), "cat", filepath.Join("/proc", strconv.Itoa(pid), file))
	if strings.HasPrefix(file, "fd/") {
		cat = exec.CommandContext(t.Context(), "readlink", filepath.Join("/proc", strconv.Itoa(pid), file))
	}
	cat.SysProcAttr = asUser()
	return cat.Output()
}

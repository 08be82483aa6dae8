//go:build linux

package guard_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

const (
	markName = "GUARD_TEST_MARK"
	// slack is for two noisy cores, on top of what is promised.
	slack = 1500 * time.Millisecond
	// quickExit: a binary built with -race otherwise takes a second to exit.
	quickExit = "GORACE=atexit_sleep_ms=0"
)

// rig is one gate with guard and command, watched from outside.
type rig struct {
	t      *testing.T
	gate   *exec.Cmd
	orders *os.File
	pipe   *os.File // of the events
	events *json.Decoder
	mark   string
	dir    string
	begun  event // of what is up
}

func shell(script string) gateSpec { return gateSpec{Path: "/bin/sh", Args: []string{"-c", script}} }

// start runs a gate. Unsaid durations are those of a lease that is long and a kill budget that is short.
func start(t *testing.T, s gateSpec, tweak ...func(*exec.Cmd)) *rig {
	t.Helper()
	r := &rig{t: t, mark: rand.Text(), dir: t.TempDir()}
	for _, d := range []struct {
		value *time.Duration
		unset time.Duration
	}{{&s.Kill, time.Second}, {&s.KillAfter, 300 * time.Millisecond}, {&s.Confirm, 10 * time.Second}, {&s.Lease, time.Hour}} {
		if *d.value == 0 {
			*d.value = d.unset
		}
	}
	s.Env = append(append(os.Environ(), s.Env...), markName+"="+r.mark, "DIR="+r.dir, quickExit)
	spec := must.Get(json.Marshal(s))(t)
	if s.UID != 0 {
		for _, dir := range []string{r.dir, filepath.Dir(r.dir)} {
			must.Do(t, os.Chmod(dir, 0o777))
		}
	}
	ordersIn, orders := pipe(t)
	events, eventsOut := pipe(t)
	r.orders, r.events, r.pipe = orders, json.NewDecoder(events), events
	stdout := must.Get(os.Create(r.path("stdout")))(t)
	r.gate = exec.Command(os.Args[0], gateName, string(spec))
	r.gate.Stdout, r.gate.Stderr = stdout, stdout
	r.gate.Env = append(os.Environ(), quickExit)
	r.gate.ExtraFiles = []*os.File{ordersIn, eventsOut}
	for _, change := range tweak {
		change(r.gate)
	}
	must.Do(t, r.gate.Start())
	for _, f := range []*os.File{ordersIn, eventsOut, stdout} {
		f.Close()
	}
	t.Cleanup(r.end)
	return r
}

// up is start, up to the command's word that it is up.
func up(t *testing.T, s gateSpec, tweak ...func(*exec.Cmd)) *rig {
	t.Helper()
	r := start(t, s, tweak...)
	r.begun = r.next("start")
	r.untilFile("up")
	return r
}

func pipe(t *testing.T) (in, out *os.File) {
	t.Helper()
	in, out, err := os.Pipe()
	must.Do(t, err)
	t.Cleanup(func() { in.Close(); out.Close() })
	return in, out
}

// end leaves nothing behind, whatever a failed test has left.
func (r *rig) end() {
	_ = r.gate.Process.Kill()
	for range 100 {
		left := r.left()
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			_ = p.Signal(syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = r.gate.Wait()
	if r.t.Failed() {
		r.t.Logf("output of the gate's processes:\n%s", r.read("stdout"))
	}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) read(name string) string {
	b, err := os.ReadFile(r.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(b)
}

// left are the living processes of guard and command, of the guard only if we are root.
func (r *rig) left() []proctree.Process {
	marked := must.Get(proctree.Marked(markName, r.mark))(r.t)
	return marked
}

// untilFile waits for a file that the command writes.
func (r *rig) untilFile(name string) string {
	r.t.Helper()
	must.Happen(r.t, "file "+name, func() bool { return strings.HasSuffix(r.read(name), "\n") })
	return strings.TrimSpace(r.read(name))
}

// pid is the process id that the command writes into a file.
func (r *rig) pid(name string) int {
	r.t.Helper()
	return must.Get(strconv.Atoi(r.untilFile(name)))(r.t)
}

func (r *rig) untilGone(within time.Duration) {
	r.t.Helper()
	must.HappenWithin(r.t, within, "no process of the tree is left", func() bool { return len(r.left()) == 0 })
}

// guard finds the guard: the gate's only child. It is not looked for by its
// mark: only root may read the environment of a process that is not dumpable.
func (r *rig) guard() proctree.Process {
	r.t.Helper()
	var found proctree.Process
	must.Happen(r.t, "a guard", func() bool {
		all := must.Get(proctree.Scan())(r.t)
		for _, p := range all {
			if p.PPID == r.gate.Process.Pid && isGuard(p) {
				found = p
			}
		}
		return found.PID != 0
	})
	return found
}

func isGuard(p proctree.Process) bool {
	cmdline, err := os.ReadFile("/proc/" + itoa(p.PID) + "/cmdline")
	return err == nil && bytes.Contains(cmdline, []byte("\x00"+guard.Name+"\x00"))
}

func (r *rig) signal(p proctree.Process, sig syscall.Signal) {
	r.t.Helper()
	must.Do(r.t, p.Signal(sig))
}

func (r *rig) signalGate(sig syscall.Signal) {
	r.t.Helper()
	must.Do(r.t, r.gate.Process.Signal(sig))
}

func (r *rig) order(line string) {
	r.t.Helper()
	must.Get(io.WriteString(r.orders, line+"\n"))(r.t)
}

// next waits for the next event and wants it to be of one of the kinds.
func (r *rig) next(kinds ...string) event {
	r.t.Helper()
	var e event
	if err := r.pipe.SetReadDeadline(time.Now().Add(must.Patience)); err != nil { // each event has its own
		r.t.Fatal(err)
	}
	if err := r.events.Decode(&e); err != nil {
		r.t.Fatalf("waiting for %v: %v", kinds, err)
	}
	if !slices.Contains(kinds, e.Kind) {
		r.t.Fatalf("event %+v, want %v", e, kinds)
	}
	return e
}

// How a command ended: by itself, or because it was asked to.
const unasked, asked = true, false

// gone waits for the evidence, and wants the command to have ended with a code.
func (r *rig) gone(code int, unasked bool) event {
	r.t.Helper()
	e := r.next("gone")
	if e.Code != code || e.Unasked != unasked {
		r.t.Errorf("gone: %+v, want code %d, unasked %v", e, code, unasked)
	}
	return e
}

// nothingLeft is asked for after the evidence.
func (r *rig) nothingLeft() {
	r.t.Helper()
	if left := r.left(); len(left) > 0 {
		r.t.Errorf("left after the evidence: %v", left)
	}
}

func now() time.Duration { return gate.BootClock().Now() }

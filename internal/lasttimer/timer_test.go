//go:build linux

package lasttimer_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/lasttimer"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// The test binary is also the process that is stopped.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "__timed" {
		os.Exit(timed(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// timed arms its timers, says so, and counts aloud for as long as it lives.
// Its arguments: when to wake and when to kill, how often they are moved on by as much, and what then.
func timed(args []string) int {
	wake, kill, moves := number(args[0]), number(args[1]), number(args[2])
	t, err := lasttimer.New()
	clock := gate.BootClock()
	at := func(after int) time.Duration {
		return clock.Now() + time.Duration(after)*time.Millisecond
	}
	for range moves + 1 {
		arm := t.Set
		if args[3] == "wake" {
			arm = t.Wake
		}
		err = errors.Join(err, arm(at(wake), at(kill)))
		if moves > 0 {
			time.Sleep(time.Duration(kill) * time.Millisecond / 2)
		}
	}
	switch args[3] {
	case "disarm":
		err = errors.Join(err, t.Disarm())
	case "close":
		err = errors.Join(err, t.Close())
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("armed")
	for {
		time.Sleep(10 * time.Millisecond)
		fmt.Println("runs")
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// process is a timed process that has armed.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	ended chan error
}

func start(t *testing.T, attr *syscall.SysProcAttr, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], append([]string{"__timed"}, args...)...), lines: make(chan string), ended: make(chan error, 1)}
	p.cmd.SysProcAttr = attr
	out := must.Get(p.cmd.StdoutPipe())(t)
	must.Do(t, p.cmd.Start())
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case p.lines <- s.Text():
			default: // nobody looks now
			}
		}
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	select {
	case line := <-p.lines:
		if line != "armed" && line != "runs" {
			t.Fatal(line)
		}
	case err := <-p.ended:
		t.Fatalf("ended before it had armed: %v", err)
	case <-time.After(must.Patience):
		t.Fatal("not armed")
	}
	return p
}

func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(unix.SIGSTOP); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

func (p *process) killed(within time.Duration) bool {
	select {
	case err := <-p.ended:
		p.ended <- err
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
			p.t.Fatalf("ended with %v, want SIGKILL", err)
		}
		return true
	case <-time.After(within):
		return false
	}
}

func TestStoppedProcessIsKilledByItsOwnTimer(t *testing.T) {
	p := start(t, nil, "1490", "1500", "0", "")
	p.stop()
	must.Happen(t, "a stopped process is killed by its own timer", func() bool {
		p.stop() // whatever wakes it
		return p.killed(time.Millisecond)
	})
}

func TestStoppedProcessIsWokenByItsOwnTimer(t *testing.T) {
	p := start(t, nil, "1500", "9500", "0", "")
	p.stop()
	for drained := false; !drained; { // of what it had written before
		select {
		case <-p.lines:
		case <-time.After(300 * time.Millisecond):
			drained = true
		}
	}
	for range 3 { // and again and again
		must.Come(t, p.lines, "a stopped process is woken by its own timer")
		p.stop()
	}
}

// PID 1 of a namespace is spared by SIGKILL of its own timer, and woken all the same.
func TestStoppedPID1IsWoken(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a process namespace")
	}
	p := start(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, "900", "1000", "0", "")
	p.stop()
	if p.killed(1500 * time.Millisecond) {
		t.Fatal("PID 1 was killed by its own timer: the package says that it is not")
	}
	must.Come(t, p.lines, "a stopped PID 1 is woken by its own timer")
}

func TestProcessThatMovesItOnLives(t *testing.T) {
	p := start(t, nil, "500", "600", "4", "disarm") // armed for 600 ms, five times, for 1.5 s
	p.stop()
	if p.killed(1500 * time.Millisecond) {
		t.Fatal("killed by a timer that was disarmed")
	}
}

func TestTimerThatDoesNotKill(t *testing.T) {
	for name, args := range map[string][]string{
		"it is to wake only": {"100", "500", "0", "wake"},
		"it was closed":      {"400", "500", "0", "close"},
	} {
		t.Run(name, func(t *testing.T) {
			if start(t, nil, args...).killed(time.Second) {
				t.Fatal("killed")
			}
		})
	}
}

func TestInstantThatHasPassedIsNow(t *testing.T) {
	out, err := exec.Command(os.Args[0], "__timed", "-6000", "-5000", "0", "").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Fatalf("%v, want SIGKILL; output %q", err, out)
	}
}

func TestNilTimerDoesNothing(t *testing.T) {
	var none *lasttimer.Timer
	must.Do(t, errors.Join(none.Set(1, 1), none.Wake(1, 1), none.Disarm(), none.Close()))
}

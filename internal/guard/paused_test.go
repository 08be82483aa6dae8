//go:build linux

package guard_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// A command that is stopped is continued when it is to end, by whichever signal, and so is what it has started.
func TestStoppedCommandIsContinuedToEnd(t *testing.T) {
	for name, script := range map[string]string{
		"the command": `trap 'echo asked >"$DIR/asked"; exit 0' TERM; echo $$ >"$DIR/up"; while :; do sleep 0.02; done`,
		"its child":   `trap 'echo asked >"$DIR/asked"' TERM; sh -c 'echo $$ >"$DIR/up"; sleep 0.3; exit 0' & wait $!; wait $!; exit 0`,
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, shell(script))
			r.next("start")
			pid, err := strconv.Atoi(r.untilFile("up"))
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			until(t, patience, "it is stopped", func() bool { p, err := proctree.Look(pid); return err == nil && p.State == 'T' })
			r.order("forward " + itoa(int(unix.SIGTERM)))
			r.untilFile("asked")
			if e := r.next("gone"); e.Code != 0 || e.Unasked {
				t.Errorf("gone: %+v", e)
			}
		})
	}
}

// A job in the background that looks at its terminal before the guard has left the session
// is stopped by the kernel. Nobody would continue it: it gets an error instead.
func TestBackgroundLookAtTheTerminal(t *testing.T) {
	for range 20 {
		r := start(t, shell(`kill -TTIN $$; echo on >"$DIR/on"`))
		r.next("start")
		r.untilFile("on")
		r.next("gone")
		r.end()
	}
}

// What stops it for good is not undone.
func TestStoppedCommandStaysStopped(t *testing.T) {
	r := start(t, shell(`echo $$ >"$DIR/up"; while :; do sleep 0.02; done`))
	r.next("start")
	pid, err := strconv.Atoi(r.untilFile("up"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.order("forward " + itoa(int(unix.SIGUSR1)))
	}
	time.Sleep(200 * time.Millisecond) // what must not happen would have happened
	until(t, patience, "it is stopped", func() bool { p, err := proctree.Look(pid); return err == nil && p.State == 'T' })
	r.signalGate(syscall.SIGKILL)
	r.untilGone(slack)
}

//go:build linux

package guard_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

const leavesDaemon = `
setsid sh -c 'trap "" TERM; echo up >"$DIR/up"; while [ ! -e "$DIR/enough" ]; do sleep 0.02; done; echo done >"$DIR/done"' &
while [ ! -s "$DIR/up" ]; do sleep 0.01; done
echo $$ >"$DIR/main"
exit 5`

// untilMainEnded waits until the guard has taken note of the end of the command itself.
func (r *rig) untilMainEnded() {
	r.t.Helper()
	pid, err := strconv.Atoi(r.untilFile("main"))
	if err != nil {
		r.t.Fatal(err)
	}
	until(r.t, patience, "the command itself has been reaped", func() bool {
		_, err := proctree.Look(pid)
		return err != nil
	})
}

func TestWhatIsLeftIsStopped(t *testing.T) {
	r := start(t, shell(leavesDaemon))
	r.next("start")
	e := r.next("gone")
	if e.Code != 5 || !e.Unasked {
		t.Errorf("gone: %+v, want code 5, unasked", e)
	}
	if left := r.left(); len(left) > 0 {
		t.Errorf("left after the evidence: %v", left)
	}
}

func TestWaitTree(t *testing.T) {
	s := shell(leavesDaemon)
	s.WaitTree, s.KillAfter, s.Kill = true, time.Millisecond, 10*time.Millisecond
	r := start(t, s)
	r.next("start")
	r.untilMainEnded()
	for end := now() + 200*time.Millisecond; now() < end; time.Sleep(10 * time.Millisecond) {
		if len(r.left()) == 0 {
			t.Fatal("the tree was not waited for")
		}
	}
	if err := os.WriteFile(r.path("enough"), []byte("now\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := r.next("gone"); e.Code != 5 || !e.Unasked {
		t.Errorf("gone: %+v, want code 5, unasked", e)
	}
	if r.read("done") == "" {
		t.Error("the daemon did not end by itself")
	}
}

func TestWaitTreeEndsAtTheDeadline(t *testing.T) {
	s := shell(leavesDaemon)
	s.WaitTree, s.Lease = true, time.Second
	r := start(t, s)
	begun := r.next("start")
	e := r.next("gone")
	if e.At < begun.Until || e.At > begun.Until+300*time.Millisecond+slack {
		t.Errorf("gone %v after the deadline", e.At-begun.Until)
	}
	if e.Unasked {
		t.Errorf("gone: %+v, want asked for", e)
	}
}

func TestWaitTreeStopsWhenAsked(t *testing.T) {
	s := shell(strings.Replace(leavesDaemon, `trap "" TERM; `, "", 1))
	s.WaitTree = true
	r := start(t, s)
	r.next("start")
	r.untilMainEnded()
	r.order("forward " + itoa(int(unix.SIGTERM)))
	if e := r.next("gone"); e.Code != 5 || e.Unasked {
		t.Errorf("gone: %+v, want code 5, asked for", e)
	}
}

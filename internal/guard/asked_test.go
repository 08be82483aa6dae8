//go:build linux

package guard

import (
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/pkg/gate"
)

// A request to stop that comes between the lock and the start is not lost: nothing is started.
func TestForwardBeforeStart(t *testing.T) {
	w, err := New(Command{
		Path: "/bin/sleep", Args: []string{"60"}, Clock: gate.BootClock(), Log: logr.Discard(),
		Budget: gate.Budget{Kill: time.Second, KillAfter: time.Second / 2}, Confirm: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Forward(syscall.SIGWINCH) // asks nobody to stop
	w.Forward(syscall.SIGTERM)
	w.Start(gate.Grant{Key: "k", Token: 1, Deadline: gate.BootClock().Now() + time.Minute})
	select {
	case ended := <-w.Gone():
		if ended.Code != 128+int(syscall.SIGTERM) || ended.Unasked || ended.Err != nil {
			t.Errorf("ended as %+v, want 143, asked", ended)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the command was started")
	}
}

//go:build linux

package proctree

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// withFiles runs f while this process may open only so many files more.
func withFiles(t *testing.T, n int, f func()) {
	t.Helper()
	var old unix.Rlimit
	must.Do(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	next := must.Get(os.Open("/dev/null"))(t) // the lowest number that is free
	low := old
	low.Cur = uint64(next.Fd()) + 64 // numbers below the limit may be free: they are used up
	var used []*os.File
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
		for _, f := range append(used, next) {
			_ = f.Close()
		}
	}()
	must.Do(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		used = append(used, f)
	}
	for range n {
		_ = used[len(used)-1].Close()
		used = used[:len(used)-1]
	}
	f()
}

// TestScanThatIsNotWhole: a list with processes missing says so; what could be seen is signalled all the same.
func TestScanThatIsNotWhole(t *testing.T) {
	_, c := child(t, nil, "sleep", "1000")
	withFiles(t, 1, func() { // the directory, and no process
		if all, err := Scan(); !errors.Is(err, unix.EMFILE) {
			t.Errorf("%d processes, %v", len(all), err)
		}
		if found, err := Descendants(os.Getpid()); !errors.Is(err, unix.EMFILE) {
			t.Errorf("descendants: %v, %v", found, err)
		}
		if alive, err := KillPass(os.Getpid()); !errors.Is(err, unix.EMFILE) {
			t.Errorf("a pass that saw %d alive: %v", alive, err)
		}
		if found, err := Marked("NONE", "none"); !errors.Is(err, unix.EMFILE) {
			t.Errorf("marked: %v, %v", found, err)
		}
	})
	withFiles(t, 0, func() { // who cannot look does not know that it has ended
		if err := c.check(); !errors.Is(err, unix.EMFILE) || errors.Is(err, ErrGone) {
			t.Errorf("check: %v", err)
		}
		if err := c.Signal(unix.SIGCONT); err == nil || errors.Is(err, ErrGone) {
			t.Errorf("signal: %v", err)
		}
	})
	all, err := Scan()
	if err != nil || len(all) == 0 {
		t.Errorf("with files to spare: %d processes, %v", len(all), err)
	}
	if now, err := Look(c.PID); err != nil || !now.Alive() {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestWhatIsSeenIsSignalled: a list that is not whole is better than none where something must be killed.
func TestWhatIsSeenIsSignalled(t *testing.T) {
	failed := errors.New("one could not be read")
	_, c := child(t, nil, "sleep", "1000")
	found, err := below([]Process{c}, os.Getpid(), nil), failed
	alive, err := kill(found, err)
	if alive != 1 || !errors.Is(err, failed) {
		t.Errorf("%d alive, %v", alive, err)
	}
	must.Happen(t, "killed", func() bool { now, err := Look(c.PID); return err != nil || !now.Alive() })
}

//go:build linux

// Package lasttimer lets the kernel wake and end a process that can no longer
// do it itself: one that was stopped (SIGSTOP, a cgroup's freezer, a debugger) or hangs.
//
//	t, err := lasttimer.New()
//	t.Set(deadline, deadline+budget)  // again with each renewal: the newest counts
//	t.Disarm()                        // at an orderly end
//
// Promised: at wake, and [wakings] times between wake and kill, the process gets
// SIGCONT from its own timers, so that one that was stopped goes on and can do
// what is due; at kill it gets SIGKILL, in whatever state it is. Both are instants
// of CLOCK_BOOTTIME, which also runs through suspend; one that has passed is now.
// Nobody else can move or remove the timers; exec removes them, a fork does not inherit them.
//
// After a suspend, or where a virtual machine was paused, both may be due at once,
// and the kernel kills before the process can run. One whose end would leave
// something unwatched is only to be woken: [Timer.Wake].
//
// Not promised: SIGKILL for PID 1 of a process namespace, which the kernel
// spares (SIGCONT reaches it). Whoever stops the process again and again may
// keep it from working between wake and kill.
package lasttimer

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wakings is how often a process is woken. It is that many timers and not one
// with an interval: the kernel goes on with an interval only when the signal
// before has been taken, and SIGSTOP takes a SIGCONT away that still waits.
const wakings = 8

// Timer is a set of kernel timers of this process. It may be used by many
// goroutines. A nil *Timer does nothing, for where none can be made.
type Timer struct {
	mu   sync.Mutex
	wake []int32
	kill int32
}

// event is struct sigevent (sigevent(3type)): 64 bytes on every platform.
type event struct {
	value  uintptr
	signal int32
	notify int32
	rest   [64 - 8 - unsafe.Sizeof(uintptr(0))]byte
}

// absolute is TIMER_ABSTIME of timer_settime(2), which x/sys does not name.
const absolute = 1

// New makes a timer that is not armed. It fails where the kernel lacks the
// clock or the user has no pending signals left (RLIMIT_SIGPENDING).
func New() (*Timer, error) {
	t := new(Timer)
	var err error
	if t.kill, err = create(unix.SIGKILL); err != nil {
		return nil, err
	}
	for range wakings {
		id, err := create(unix.SIGCONT)
		if err != nil {
			return nil, errors.Join(err, t.Close())
		}
		t.wake = append(t.wake, id)
	}
	return t, nil
}

// Set arms the timers, or moves them.
func (t *Timer) Set(wake, kill time.Duration) error { return t.set(wake, kill, max(kill, 1)) }

// Wake is Set without an end: nothing kills the process.
func (t *Timer) Wake(from, until time.Duration) error { return t.set(from, until, 0) }

// Disarm stops the timers until they are set again.
func (t *Timer) Disarm() error { return t.set(0, 0, 0) }

func (t *Timer) set(from, until, kill time.Duration) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// The one that kills first: should this process be stopped in between, the old instant must not end it.
	if err := set(t.kill, kill); err != nil {
		return err
	}
	for i, id := range t.wake {
		at := time.Duration(0)
		if until != 0 {
			// An instant that is zero or before would disarm.
			at = max(from+(until-from)*time.Duration(i)/wakings, 1)
		}
		if err := set(id, at); err != nil {
			return err
		}
	}
	return nil
}

// Close removes the timers.
func (t *Timer) Close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := remove(t.kill)
	for _, id := range t.wake {
		err = errors.Join(err, remove(id))
	}
	t.wake = nil
	return err
}

func create(sig unix.Signal) (id int32, err error) {
	e := event{signal: int32(sig)}                                                                                                     //nolint:gosec // at most 64; notify is 0, SIGEV_SIGNAL: to the process
	_, _, errno := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&e)), uintptr(unsafe.Pointer(&id))) //nolint:gosec // the kernel's interface
	if errno != 0 {
		return 0, fmt.Errorf("make a kernel timer for signal %d: %w", int(sig), errno)
	}
	return id, nil
}

func set(id int32, at time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at.Nanoseconds())}
	_, _, errno := unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(id), absolute, uintptr(unsafe.Pointer(&spec)), 0, 0, 0) //nolint:gosec // the kernel's interface
	if errno != 0 {
		return fmt.Errorf("set a kernel timer: %w", errno)
	}
	return nil
}

func remove(id int32) error {
	if _, _, errno := unix.Syscall(unix.SYS_TIMER_DELETE, uintptr(id), 0, 0); errno != 0 { //nolint:gosec // a small number
		return fmt.Errorf("remove a kernel timer: %w", errno)
	}
	return nil
}

//go:build linux

package guard_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/pkg/gate"
)

// gateName makes the test binary a gate: it does what it is told on
// descriptor 3 and writes what happens on descriptor 4.
const gateName = "__gate"

// gateSpec is what a test wants of its gate.
type gateSpec struct {
	Path, Dir             string
	Args, Env, Strip      []string
	Kill, KillAfter       time.Duration
	Confirm, Lease, Renew time.Duration // Renew: how often the lease is extended by Lease; 0 is never
	WaitTree              bool
	React                 bool // to Broken as the state machine does: terminate, then kill
	Forward               bool // the signals it gets
	Flock                 string
	UID                   int           // become this user first
	Skew                  time.Duration // of the gate's clock: how much it is behind
	Starts                int           // how many runs; 0 is one
	MountProc             bool          // in a mount namespace of its own
	Isolation             guard.Isolation
}

// event is one line of what the gate tells.
type event struct {
	Kind    string        // start, broken, gone, signal, stuck, closed
	At      time.Duration // CLOCK_BOOTTIME
	Code    int           `json:",omitempty"`
	Unasked bool          `json:",omitempty"`
	Err     string        `json:",omitempty"`
	Until   time.Duration `json:",omitempty"` // of start: the deadline
	// Foreground says, of gone, whether the gate's group has the terminal.
	Foreground bool `json:",omitempty"`
}

type skewed struct{ behind time.Duration }

func (c skewed) Now() time.Duration { return gate.BootClock().Now() - c.behind }

func gateMain(arg string) int {
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	out := json.NewEncoder(os.NewFile(4, "events"))
	var s gateSpec
	if err := json.Unmarshal([]byte(arg), &s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 64
	}
	emit := func(e event) {
		e.At = gate.BootClock().Now()
		_ = out.Encode(e)
	}
	signals, err := guard.Signals()
	if err == nil && s.UID != 0 {
		err = syscall.Setuid(s.UID)
	}
	if err == nil && s.MountProc {
		err = errors.Join(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""), unix.Mount("proc", "/proc", "proc", 0, ""))
	}
	var flock *os.File
	if err == nil && s.Flock != "" {
		if flock, err = os.Open(s.Flock); err == nil {
			err = unix.Flock(int(flock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 64
	}
	w, err := guard.New(guard.Command{
		Path: s.Path, Args: s.Args, Env: s.Env, Strip: s.Strip, Dir: s.Dir,
		Budget: gate.Budget{Kill: s.Kill, KillAfter: s.KillAfter}, Confirm: s.Confirm,
		Flock: func() *os.File { return flock }, WaitTree: s.WaitTree, Isolation: s.Isolation, Log: logr.Discard(), Clock: skewed{s.Skew},
		StuckPID1: func() { emit(event{Kind: "stuck"}); os.Exit(88) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 64
	}
	g := &testGate{spec: s, w: w, emit: emit}
	if s.Forward {
		g.signals = make(chan os.Signal, 16)
		signal.Notify(g.signals, signals...)
	}
	code := 0
	for range max(s.Starts, 1) {
		code = g.hold()
	}
	w.Close()
	emit(event{Kind: "closed"})
	return code
}

type testGate struct {
	spec    gateSpec
	w       *guard.Workload
	emit    func(event)
	signals chan os.Signal
}

// hold is one lease, from its start to the evidence.
func (g *testGate) hold() int {
	s := g.spec
	deadline := gate.BootClock().Now() - s.Skew + s.Lease
	g.w.Start(gate.Grant{Key: "the/key", Token: 42, Deadline: deadline})
	g.emit(event{Kind: "start", Until: deadline})
	var renew, kill <-chan time.Time
	if s.Renew > 0 {
		ticker := time.NewTicker(s.Renew)
		defer ticker.Stop()
		renew = ticker.C
	}
	orders := readOrders()
	for {
		select {
		case <-renew:
			g.w.Extend(gate.BootClock().Now() + s.Lease)
		case sig := <-g.signals:
			g.emit(event{Kind: "signal", Code: int(sig.(syscall.Signal))})
			g.w.Forward(sig)
		case err := <-g.w.Broken():
			g.emit(event{Kind: "broken", Err: err.Error()})
			if s.React {
				g.w.Terminate()
				kill = time.After(s.KillAfter)
			}
		case <-kill:
			g.w.Kill()
		case ended := <-g.w.Gone():
			e := event{Kind: "gone", Code: ended.Code, Unasked: ended.Unasked}
			group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
			e.Foreground = err == nil && group == unix.Getpgrp()
			if ended.Err != nil {
				e.Err = ended.Err.Error()
			}
			g.emit(e)
			return ended.Code
		case order := <-orders:
			switch word, arg, _ := strings.Cut(order, " "); word {
			case "terminate":
				g.w.Terminate()
			case "kill":
				g.w.Kill()
			case "forward":
				n, _ := strconv.Atoi(arg)
				g.w.Forward(syscall.Signal(n))
			case "burst": // of more than the pipe holds
				for range 10_000 {
					g.w.Extend(gate.BootClock().Now() + s.Lease)
				}
				g.emit(event{Kind: "burst"})
			case "norenew":
				renew = nil
			}
		}
	}
}

var orders chan string

func readOrders() <-chan string {
	if orders == nil {
		orders = make(chan string)
		go func() {
			lines := bufio.NewScanner(os.NewFile(3, "orders"))
			for lines.Scan() {
				orders <- lines.Text()
			}
		}()
	}
	return orders
}

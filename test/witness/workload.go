//go:build linux

package witness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// Work is a workload that the witness can follow.
type Work struct {
	// Log is the path of the log, Note what its start line says.
	Log, Note string
	// For ends it after so long with Exit as its code; zero: it runs until it is stopped.
	For  time.Duration
	Exit int
	// Deaf ignores SIGTERM.
	Deaf bool
	// Daemon starts, before the beat begins, a deaf process that forks twice: it has a session of its
	// own and another parent than the workload, and is left behind when that ends.
	Daemon bool
	// Attack is done After the start to guard and gate (Watchers, found by the workload), by the daemon if there is one.
	Attack   string
	After    time.Duration
	Watchers string
}

// beatEvery is the time between two beats of a process.
const beatEvery = 50 * time.Millisecond

// Args is the workload as arguments of [Main].
func (w Work) Args() []string {
	args := []string{
		"-log", w.Log, "-for", w.For.String(), "-exit", strconv.Itoa(w.Exit), "-note", w.Note,
		"-attack", w.Attack, "-after", w.After.String(), "-watchers", w.Watchers,
	}
	for name, on := range map[string]bool{"-deaf": w.Deaf, "-daemon": w.Daemon} {
		if on {
			args = append(args, name)
		}
	}
	return args
}

// Main is the process of a workload, from its arguments to its exit code. It
// takes key and ID from the environment, and the token from MONGOGATE_TOKEN.
func Main(args []string) int {
	began := gate.BootClock().Now()
	var (
		w    Work
		role string
	)
	flags := flag.NewFlagSet("witness", flag.ContinueOnError)
	flags.StringVar(&w.Log, "log", "", "append to this log")
	flags.StringVar(&w.Note, "note", "", "say this in the first line")
	flags.DurationVar(&w.For, "for", 0, "end after so long; 0s: when stopped")
	flags.IntVar(&w.Exit, "exit", 0, "exit code at that end")
	flags.BoolVar(&w.Deaf, "deaf", false, "ignore SIGTERM")
	flags.BoolVar(&w.Daemon, "daemon", false, "start a daemon that ignores SIGTERM")
	flags.StringVar(&w.Attack, "attack", "", "do this to guard and gate")
	flags.DurationVar(&w.After, "after", 0, "when")
	flags.StringVar(&w.Watchers, "watchers", "", "their process ids, of a process of the workload that it has started itself")
	flags.StringVar(&role, "role", "", "of a process of the workload that it has started itself")
	if err := flags.Parse(args); err != nil {
		return 64
	}
	code, err := w.process(began, role)
	if err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		return 70
	}
	return code
}

// The roles of the processes that a workload starts: one that only starts the next one and ends, and the daemon.
const (
	roleBetween = "between"
	roleDaemon  = "daemon"
)

func (w Work) process(began time.Duration, role string) (int, error) {
	e := Entry{At: began, Event: Start, Key: os.Getenv(EnvKey), ID: os.Getenv(EnvID), PID: os.Getpid(), Note: w.Note}
	var err error
	if e.Token, err = strconv.ParseInt(os.Getenv("MONGOGATE_TOKEN"), 10, 64); err != nil {
		return 0, fmt.Errorf("MONGOGATE_TOKEN: %w", err)
	}
	if e.Key == "" || e.ID == "" {
		return 0, errors.New(EnvKey + " and " + EnvID + " must be set")
	}
	log, err := Open(w.Log)
	if err != nil {
		return 0, err
	}
	switch role {
	case roleBetween:
		return 0, errors.Join(w.startDaemon(roleDaemon).err, log.Close())
	case roleDaemon:
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		fmt.Println("beating") // whoever waits for the daemon
		e.At, e.Event, e.Note = 0, Beat, "daemon"
		if err := w.attackLater(log, e); err != nil {
			return 0, err
		}
		return 0, beat(context.Background(), log, e)
	}
	if e.Beside, err = beside(e.Key, e.ID); err != nil {
		return 0, err
	}
	if err := log.Write(e); err != nil {
		return 0, err
	}
	return w.run(log, e)
}

func (w Work) run(log *Log, e Entry) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if w.Deaf {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	}
	if w.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.For, errEnough)
		defer cancel()
	}
	e.At, e.Event, e.Note, e.Beside = 0, Beat, "", nil
	if w.Attack != "" {
		var err error
		if w.Watchers, err = watchers(); err != nil {
			return 0, err
		}
		if !w.Daemon {
			if err := w.attackLater(log, e); err != nil {
				return 0, err
			}
		}
	}
	if w.Daemon {
		d := w.startDaemon(roleBetween)
		if d.err == nil {
			_, d.err = io.ReadFull(d.out, make([]byte, 1))
		}
		if d.err != nil {
			return 0, fmt.Errorf("starting the daemon: %w", d.err)
		}
	}
	if err := beat(ctx, log, e); err != nil {
		return 0, err
	}
	e.Event = End
	if errors.Is(context.Cause(ctx), errEnough) {
		return w.Exit, log.Write(e)
	}
	e.Note = "told to stop"
	return 128 + int(syscall.SIGTERM), log.Write(e)
}

var errEnough = errors.New("it has run for long enough")

func beat(ctx context.Context, log *Log, e Entry) error {
	for {
		if err := log.Write(e); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(beatEvery):
		}
	}
}

type started struct {
	out io.Reader
	err error
}

// startDaemon executes this program again, in a session of its own, and does
// not wait for it. What is started in between has standard output for the daemon.
func (w Work) startDaemon(role string) started {
	cmd := exec.Command("/proc/self/exe", append(w.Args(), "-role", role)...) // it shall live on
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if role == roleDaemon {
		return started{err: cmd.Start()}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return started{err: err}
	}
	cmd.Stdout = write
	err = cmd.Run() // the one in between ends at once; a file is not waited for
	return started{out: read, err: errors.Join(err, write.Close())}
}

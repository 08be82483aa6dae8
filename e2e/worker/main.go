// Command worker is the workload of the end-to-end scenarios: it says when it
// runs, and behaves as badly as it is told to. The witness knows it by its name
// and by the variable E2E_KEY in its environment.
//
// It takes no part in any locking.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	ignoreTerm bool
	termDelay  time.Duration
	lasts      time.Duration
	code       int
	fork       int
	http       string
	readyAfter time.Duration
	alloc      int
	obey       string
	appendTo   string
	post       string
	child      bool
	attack     string
	byChild    bool
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("worker", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&o.ignoreTerm, "ignore-term", false, "do not end on SIGTERM")
	f.DurationVar(&o.termDelay, "term-delay", 0, "end so long after SIGTERM")
	f.DurationVar(&o.lasts, "for", 0, "end by itself after so long, with the exit code of -code")
	f.IntVar(&o.code, "code", 0, "exit code at the end of -for")
	f.IntVar(&o.fork, "fork", 0, "start so many children that leave the session and ignore SIGTERM")
	f.StringVar(&o.http, "http", "", "answer /healthz and /readyz at this address; POST /healthz?ok=false and /readyz?ok=false switch them")
	f.DurationVar(&o.readyAfter, "ready-after", 0, "say no to /healthz and /readyz for so long")
	f.IntVar(&o.alloc, "alloc", 0, "use so many MiB of memory")
	f.StringVar(&o.obey, "obey", "", "end when this file is there")
	f.StringVar(&o.appendTo, "append", "", "append a line to this file at the start")
	f.StringVar(&o.post, "post", "", "send a POST to this URL and end: the switch of -http, for images without a shell")
	f.StringVar(&o.attack, "attack", "", "on SIGUSR1: "+strings.Join(attacks(), ", "))
	f.BoolVar(&o.byChild, "attack-by-child", false, "leave that to the children of -fork")
	f.BoolVar(&o.child, "child", false, "be one of the children of -fork")
	if err := f.Parse(args); err != nil {
		return 64
	}
	if o.post != "" {
		return post(o.post, stderr)
	}
	if o.attack != "" && !slices.Contains(attacks(), o.attack) {
		_, _ = fmt.Fprintf(stderr, "worker: -attack is one of %s\n", strings.Join(attacks(), ", "))
		return 64
	}
	code, err := work(o, stdout)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "worker:", err)
		return 1
	}
	return code
}

// work does what was asked until it is time to end, and says with which exit code.
// An error is one of setting up.
func work(o options, out io.Writer) (code int, err error) {
	// Before anything else: a signal that comes early must not be missed.
	signals, told := make(chan os.Signal, 8), make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(told, syscall.SIGUSR1)

	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%s worker %d %s\n", time.Now().UTC().Format("15:04:05.000"), os.Getpid(), fmt.Sprintf(format, args...))
	}
	say("start: %s", who())
	defer say("end")
	if o.appendTo != "" {
		if err := appendLine(o.appendTo); err != nil {
			return 0, err
		}
	}
	for range o.fork {
		if err := fork(o); err != nil {
			return 0, err
		}
	}
	if o.http != "" {
		serve(o, say)
	}
	defer runtime.KeepAlive(allocate(o.alloc))

	var ended, obeyed <-chan time.Time
	if o.lasts > 0 {
		ended = time.After(o.lasts)
	}
	if o.obey != "" {
		obeyed = time.Tick(50 * time.Millisecond)
	}
	beat, stopping := time.Tick(time.Second), false
	for {
		select {
		case <-beat:
			if !o.child {
				say("beat")
			}
		case s := <-signals:
			say("signal: %v", s)
			if !o.ignoreTerm && !stopping {
				// Ends as a good server does: with 0, whatever -code says of its natural end.
				stopping, ended = true, time.After(o.termDelay)
			}
		case <-ended:
			if stopping {
				return 0, nil
			}
			return o.code, nil
		case <-told:
			if o.attack != "" && !o.byChild {
				say("%s: %v", o.attack, attack(o.attack))
			}
		case <-obeyed:
			if _, err := os.Stat(o.obey); err == nil {
				say("obeys %s", o.obey)
				return 0, nil
			}
		}
	}
}

// who is what the gate and the pod have told us, for the log.
func who() string {
	var known []string
	for _, name := range []string{"E2E_KEY", "E2E_CLUSTER", "POD_NAME", "MONGOGATE_KEY", "MONGOGATE_TOKEN", "MONGOGATE_HOLDER"} {
		if v := os.Getenv(name); v != "" {
			known = append(known, name+"="+v)
		}
	}
	return strings.Join(known, " ")
}

func appendLine(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = fmt.Fprintf(f, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), who())
	return err
}

// fork starts one child that is hard to get rid of.
func fork(o options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"-child", "-ignore-term"}
	if o.byChild {
		args = append(args, "-attack="+o.attack)
	}
	cmd := exec.CommandContext(context.Background(), self, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting a child: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// allocate uses memory for good: every page is written.
func allocate(mib int) []byte {
	memory := make([]byte, mib<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	return memory
}

func post(url string, stderr io.Writer) int {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, nil)
	if err == nil {
		var answer *http.Response
		if answer, err = http.DefaultClient.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode < 300 {
				return 0
			}
			err = fmt.Errorf("%s", answer.Status)
		}
	}
	_, _ = fmt.Fprintln(stderr, "worker:", err)
	return 1
}

//go:build linux

package witness

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/must"
)

// asWorkload makes this program the workload: the witness is tested with processes that are ones.
const asWorkload = "WITNESS_TEST_WORKLOAD"

func TestMain(m *testing.M) {
	if os.Getenv(asWorkload) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// bench is a log with an observer.
type bench struct {
	*testing.T
	path     string
	log      *Log
	observer *Observer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, path: filepath.Join(t.TempDir(), "log"), observer: NewObserver()}
	t.Cleanup(b.observer.Close)
	b.log = must.Get(Open(b.path))(t)
	must.AtEnd(t, b.log.Close)
	return b
}

// start starts a workload and returns when its first line is there.
func (b *bench) start(id string, token int, w Work) *exec.Cmd {
	b.Helper()
	w.Log = b.path
	cmd := exec.Command(os.Args[0], w.Args()...)
	cmd.Env = append(os.Environ(), asWorkload+"=1", EnvKey+"="+b.Name(), EnvID+"="+id, "MONGOGATE_TOKEN="+strconv.Itoa(token))
	cmd.Stderr = os.Stderr
	must.Do(b, cmd.Start())
	b.Cleanup(func() {
		left, err := Processes(id)
		if err != nil {
			b.Error(err)
		}
		for _, p := range left {
			_ = p.Signal(syscall.SIGKILL)
		}
		_ = cmd.Wait() // once more does nothing
	})
	b.until(func(e Entry) bool { return e.ID == id })
	return cmd
}

// until waits for a line.
func (b *bench) until(wanted func(Entry) bool) {
	b.Helper()
	must.Happen(b, "the line", func() bool { return slices.ContainsFunc(b.entries(), wanted) })
}

func (b *bench) entries() []Entry {
	b.Helper()
	return must.Get(NewReader(b.path).Next())(b)
}

func (b *bench) gone(id string) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	return must.Get(b.observer.AwaitGone(ctx, b.log, b.Name(), id))(b)
}

func (b *bench) alive(id string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*pause)
	defer cancel()
	if at, err := b.observer.AwaitGone(ctx, b.log, b.Name(), id); err == nil {
		b.Fatalf("%s lives and was seen gone at %v", id, at)
	}
}

func TestHandOver(t *testing.T) {
	b := newBench(t)
	first := b.start("first", 1, Work{})
	b.alive("first")
	must.Do(t, first.Process.Signal(syscall.SIGTERM))
	b.gone("first")
	b.start("second", 2, Work{For: time.Millisecond})
	b.gone("second")
	v := Judge(b.entries())
	if !v.Clean() || len(v.Runs) != 2 {
		t.Errorf("%+v", v)
	}
	if r := v.Of("first"); r.Ended == 0 || r.Ended > r.Gone {
		t.Errorf("first: %+v", r)
	}
}

// TestZombieIsGone: what has ended and was not waited for holds nothing.
func TestZombieIsGone(t *testing.T) {
	b := newBench(t)
	cmd := b.start("z", 1, Work{})
	must.Do(t, cmd.Process.Kill())
	b.gone("z")
	if v := Judge(b.entries()); !v.Clean() {
		t.Error(v.Faults)
	}
}

func TestOverlapOfProcesses(t *testing.T) {
	b := newBench(t)
	first := b.start("first", 1, Work{})
	second := b.start("second", 2, Work{})
	for _, cmd := range []*exec.Cmd{first, second} {
		must.Do(t, cmd.Process.Kill())
	}
	b.gone("first")
	b.gone("second")
	v := Judge(b.entries())
	if len(v.Overlaps) != 1 || len(v.Faults) != 1 || !slices.Equal(v.Of("second").Beside, []string{"first"}) {
		t.Errorf("%+v", v)
	}
}

// TestDaemon: what forked twice and has another parent and a session of its own is a part of the workload.
func TestDaemon(t *testing.T) {
	b := newBench(t)
	cmd := b.start("first", 1, Work{Daemon: true, For: time.Millisecond})
	must.Do(t, cmd.Wait())
	b.alive("first")
	left, err := Processes("first")
	if err != nil || len(left) != 1 {
		t.Fatalf("left: %v, %v", left, err)
	}
	if d := left[0]; d.PPID == cmd.Process.Pid || d.Session != d.PID && d.Session == os.Getpid() {
		t.Errorf("no daemon: %+v", d)
	}
	must.Do(t, left[0].Signal(syscall.SIGTERM))
	b.alive("first") // deaf
	b.start("second", 2, Work{For: time.Millisecond})
	must.Do(t, left[0].Signal(syscall.SIGKILL))
	b.gone("first")
	b.gone("second")
	if v := Judge(b.entries()); len(v.Overlaps) != 1 {
		t.Errorf("the daemon ran beside the next one, and: %+v", v)
	}
}

func TestDeaf(t *testing.T) {
	b := newBench(t)
	cmd := b.start("d", 1, Work{Deaf: true})
	b.until(func(e Entry) bool { return e.Event == Beat })
	must.Do(t, cmd.Process.Signal(syscall.SIGTERM))
	b.alive("d")
}

func TestExitCode(t *testing.T) {
	b := newBench(t)
	cmd := b.start("e", 1, Work{For: time.Millisecond, Exit: 3})
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Error(err)
	}
}

func TestLinesOfManyWriters(t *testing.T) {
	b := newBench(t)
	const writers, lines = 8, 200
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			log, err := Open(b.path)
			if err != nil {
				t.Error(err)
				return
			}
			for range lines {
				if err := log.Write(Entry{Event: Beat, ID: strconv.Itoa(w), Note: strings.Repeat("x", w*50)}); err != nil {
					t.Error(err)
				}
			}
			if err := log.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(b.entries()); got != writers*lines {
		t.Errorf("%d lines, want %d", got, writers*lines)
	}
}

// TestReaderGoesOn: each line is given once, a line that is not finished yet later.
func TestReaderGoesOn(t *testing.T) {
	b := newBench(t)
	r := NewReader(b.path)
	for i := range 3 {
		if got, err := r.Next(); err != nil || len(got) != 0 {
			t.Fatalf("%v, %v", got, err)
		}
		must.Do(t, b.log.Write(Entry{Event: Beat, PID: i + 1}))
		must.Get(b.log.file.WriteString("{\"at\":1,"))(t)
		if got, err := r.Next(); err != nil || len(got) != 1 || got[0].PID != i+1 {
			t.Fatalf("%v, %v", got, err)
		}
		must.Get(b.log.file.WriteString("\"event\":\"beat\",\"pid\":9}\n"))(t)
		if got, err := r.Next(); err != nil || len(got) != 1 || got[0].PID != 9 {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

func TestNothingIsPassedOver(t *testing.T) {
	for _, text := range []string{"{\"at\":1,\"event\":\"beat\"}\nno entry\n", "{}\n", "{\"at\":1,\"event\":\"be"} {
		path := filepath.Join(t.TempDir(), "log")
		must.Do(t, os.WriteFile(path, []byte(text), 0o600))
		if all, err := Read(path); err == nil {
			t.Errorf("%q read as %v", text, all)
		}
	}
}

//go:build linux

package agent

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// work is a workload that looks at the lease file whenever it is told something.
type work struct {
	dir  *statedir.Dir
	gone chan gate.Ended

	mu   sync.Mutex
	seen []statedir.Lease
}

func (w *work) look() {
	l, _ := w.dir.ReadLease()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, l)
}

func (w *work) Start(gate.Grant)            { w.look() }
func (w *work) Extend(time.Duration)        {}
func (w *work) Warn(string) <-chan struct{} { return nil }
func (w *work) Terminate()                  {}
func (w *work) Kill()                       {}
func (w *work) Broken() <-chan error        { return nil }
func (w *work) Gone() <-chan gate.Ended     { return w.gone }

func recorded(t *testing.T, warn func(error)) (*recorder, *work) {
	t.Helper()
	d := stateDir(t, t.TempDir(), "key")
	if err := d.TryLock(); err != nil {
		t.Fatal(err)
	}
	w := &work{dir: d, gone: make(chan gate.Ended, 1)}
	return newRecorder(w, d, "owner", 4*time.Second, warn), w
}

func fail(t *testing.T) func(error) { return func(err error) { t.Errorf("warned: %v", err) } }

func read(t *testing.T, w *work) statedir.Lease {
	t.Helper()
	l, err := w.dir.ReadLease()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRecorder(t *testing.T) {
	r, w := recorded(t, fail(t))
	defer r.Close()
	r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
	want := statedir.Lease{Key: "key", Holder: "owner", Token: 7, BootID: w.dir.BootID(), Deadline: 100, KillBudget: 4 * time.Second, Open: true}
	want.Place = w.seen[0].Place // of this directory
	if w.seen[0] != want {
		t.Errorf("when the workload started the file said %+v", w.seen[0])
	}
	r.Extend(200)
	for end := time.Now().Add(20 * time.Second); read(t, w).Deadline != 200; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the deadline did not move")
		}
	}
	<-r.Warn("lost")
	if read(t, w).Open {
		t.Error("open after the loss")
	}
	r.Extend(300) // an acknowledgement that comes late
	r.Start(gate.Grant{Key: "key", Token: 8, Deadline: 400})
	if l := w.seen[1]; !l.Open || l.Token != 8 || l.Deadline != 400 {
		t.Errorf("the next lease: %+v", l)
	}
}

// A file that cannot be written is said when the workload has begun: who lives by the file ends it then, and not before there is anything to end.
func TestRecorderSaysWhatWasNotWritten(t *testing.T) {
	var r *recorder
	var w *work
	told := make(chan int, 10)
	r, w = recorded(t, func(error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		told <- len(w.seen)
	})
	defer r.Close()
	r.write = func(statedir.Lease) error { return syscall.ENOSPC }
	r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
	for _, what := range []string{"start", "renewal"} {
		select {
		case begun := <-told:
			if begun != 1 {
				t.Errorf("the %s is told when %d workloads have begun", what, begun)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("a %s that was not written is not told", what)
		}
		r.Extend(200)
	}
}

// The end of the workload is told, so that the lease is given back, when the file says that the gate is shut.
func TestFileIsShutBeforeTheEndIsTold(t *testing.T) {
	for range 50 {
		r, w := recorded(t, fail(t))
		r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
		r.Extend(200)
		w.gone <- gate.Ended{Code: 3}
		r.Extend(300)
		if ended := <-r.Gone(); ended.Code != 3 {
			t.Errorf("%+v", ended)
		}
		if read(t, w).Open {
			t.Fatal("the workload has ended, and the file shows an open gate")
		}
		r.Close()
	}
}

func TestCloseShutsTheFile(t *testing.T) {
	r, w := recorded(t, fail(t))
	r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
	r.Close()
	if read(t, w).Open {
		t.Error("open after the end")
	}
}

// Nothing was held: nothing is written.
func TestCloseWithoutALease(t *testing.T) {
	r, w := recorded(t, fail(t))
	r.Close()
	if l, err := w.dir.ReadLease(); !errors.Is(err, statedir.ErrNoLease) {
		t.Errorf("%+v, %v", l, err)
	}
}

// A directory that is gone costs the file, and a warning.
func TestFileThatCannotBeWritten(t *testing.T) {
	warned := make(chan error, 10)
	r, w := recorded(t, func(err error) { warned <- err })
	if err := os.RemoveAll(w.dir.Path()); err != nil {
		t.Fatal(err)
	}
	r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
	if err := <-warned; !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	<-r.Warn("lost")
	w.gone <- gate.Ended{}
	<-r.Gone()
	r.Close()
}

// A file system that hangs holds up the file, never the workload.
func TestFileSystemThatHangs(t *testing.T) {
	hang := make(chan struct{})
	r, w := recorded(t, func(error) { <-hang }) // the writer does not come back
	r.budget = 100 * time.Millisecond
	if err := os.RemoveAll(w.dir.Path()); err != nil {
		t.Fatal(err)
	}
	steps := make(chan string)
	go func() {
		r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
		steps <- "start"
		r.Extend(200)
		steps <- "extend"
		r.Warn("lost")
		steps <- "warn"
		w.gone <- gate.Ended{}
		<-r.Gone()
		steps <- "gone"
	}()
	for range 4 {
		select {
		case <-steps:
		case <-time.After(20 * time.Second):
			t.Fatal("held up")
		}
	}
	close(hang)
	r.Close()
}

// The lease file is no way to make the gate write elsewhere or wait for a reader.
func TestFifoInPlaceOfTheFile(t *testing.T) {
	r, w := recorded(t, fail(t))
	if err := syscall.Mkfifo(filepath.Join(w.dir.Path(), "lease"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	d := w.dir
	w.dir = stateDir(t, t.TempDir(), "other") // the workload itself does not look
	go func() {
		defer close(done)
		r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("held up")
	}
	if l, err := d.ReadLease(); err != nil || l.Token != 7 {
		t.Errorf("%+v, %v", l, err)
	}
	r.Close()
}

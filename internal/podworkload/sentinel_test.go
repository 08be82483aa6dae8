//go:build linux

package podworkload

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// A sentinel that cannot be written is refused before there is a lock that it is to protect.
func TestSentinelIsTriedFirst(t *testing.T) {
	full := small(t)
	fill(t, full)
	dir := t.TempDir()
	for name, path := range map[string]string{
		"no such file system": "/proc/nope/x",
		"a directory":         dir,
		"below a file":        filepath.Join(file(t), "lost"),
		"full":                filepath.Join(full, "lost"),
	} {
		cfg := config(t)
		cfg.Sentinel = path
		for _, before := range []*statedir.Lease{nil, {Open: true, Deadline: cfg.Clock.Now() + time.Hour}} {
			w, err := New(cfg, before)
			if !errors.Is(err, ErrSentinel) {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil {
				w.Close()
			}
		}
	}
}

// A name without a directory is of the working directory, whatever else there is for temporary files.
func TestSentinelBesideTheProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", "/proc/nope")
	s := &sentinel{path: "lost"}
	must.Do(t, s.prepare())
	prepared := must.Get(os.Stat(s.prepared()))(t)
	must.Do(t, s.ready())
	if again := must.Get(os.Stat(s.prepared()))(t); !os.SameFile(prepared, again) {
		t.Error("what is there was prepared once more")
	}
	must.Do(t, s.writer("lost")())
	if b := must.Get(os.ReadFile("lost"))(t); string(b) != "lost\n" {
		t.Errorf("it says %q", b)
	}
}

// What becomes unwritable while the lock is held is a loss, where nothing else stops the workload; and the sentinel is
// there on a full file system, for its room has been kept.
func TestSentinelWhileHeld(t *testing.T) {
	dir := filepath.Join(small(t), "state")
	cfg := config(t)
	cfg.Sentinel, cfg.Log = filepath.Join(dir, "lost"), logr.Discard()
	w := start(t, cfg, nil)
	w.Start(gate.Grant{Token: 1})
	fill(t, filepath.Dir(dir))
	select {
	case err := <-w.Broken():
		t.Fatalf("lost although there is room kept: %v", err)
	case <-time.After(3 * sentinelEvery):
	}
	<-w.Warn("lost")
	if b, err := os.ReadFile(cfg.Sentinel); err != nil || len(b) == 0 {
		t.Fatalf("on a full disk: %q, %v", b, err)
	}
	// Held again, and there is no room for the next: it is not opened.
	w.Start(gate.Grant{Token: 2})
	brokenBy(t, w, ErrSentinel)
	if w.Opened() {
		t.Error("open")
	}
}

func TestSentinelLosesItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	cfg := config(t)
	cfg.Sentinel, cfg.Log = filepath.Join(dir, "lost"), logr.Discard()
	w := start(t, cfg, nil)
	w.Start(gate.Grant{Token: 1})
	must.Happen(t, "a file in the directory's place", func() bool { return os.RemoveAll(dir) == nil && os.WriteFile(dir, nil, 0o600) == nil })
	brokenBy(t, w, ErrSentinel)
	<-w.Warn("lost")
	// As soon as it can be written it is.
	must.Do(t, os.Remove(dir))
	must.Happen(t, "written after all", func() bool { return is(cfg.Sentinel) })
}

// brokenBy waits for the loss of a lease that was held.
func brokenBy(t *testing.T, w *Workload, want error) {
	t.Helper()
	if err := must.Come(t, w.Broken(), "a loss"); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must.Do(t, os.WriteFile(path, nil, 0o600))
	return path
}

// small is a file system of 64 KiB.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("small", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("not shown here: a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill leaves no room in a file system, until the file that it names is removed.
func fill(t *testing.T, dir string) (name string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	for b := make([]byte, 4096); err == nil; {
		_, err = f.Write(b)
	}
	_ = f.Close()
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return f.Name()
}

//go:build linux

package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/test/must"
)

// sticky is a directory like /tmp.
func sticky(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must.Do(t, os.Chmod(dir, 0o777|os.ModeSticky))
	return dir
}

func TestBaseInATemporaryDirectory(t *testing.T) {
	tmp := sticky(t)
	base := filepath.Join(tmp, "mongogate-1")
	open(t, base, "key")
	mode := func() os.FileMode {
		info := must.Get(os.Lstat(base))(t)
		return info.Mode().Perm()
	}
	if mode() != 0o700 {
		t.Errorf("made with mode %o, want 700", mode())
	}
	// Made by an older version, or with a friendlier mode: it is taken back.
	must.Do(t, os.Chmod(base, 0o777))
	open(t, base, "key")
	if mode() != 0o700 {
		t.Errorf("left with mode %o, want 700", mode())
	}
}

func TestBaseOfAnotherIsRefused(t *testing.T) {
	tmp := sticky(t)
	mine := filepath.Join(tmp, "mine")
	must.Do(t, os.Mkdir(mine, 0o700))
	link, file := filepath.Join(tmp, "link"), filepath.Join(tmp, "file")
	must.Do(t, os.Symlink(mine, link))
	must.Do(t, os.WriteFile(file, nil, 0o600))
	cases := map[string]string{link: "link", file: "not a directory"}
	if os.Geteuid() == 0 {
		theirs := filepath.Join(tmp, "theirs")
		must.Do(t, os.Mkdir(theirs, 0o700))
		must.Do(t, os.Chown(theirs, 4711, 4711))
		cases[theirs] = "another user"
	}
	for base, want := range cases {
		if _, err := Open(base, "key"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(base), err, want)
		}
		if _, err := BeginEpoch(base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("an epoch in %s: %v, want %q", filepath.Base(base), err, want)
		}
	}
	if left, _ := os.ReadDir(mine); len(left) > 0 {
		t.Errorf("by way of the link there is now %v", left)
	}
}

// What would fail while the lock is held fails before it is taken.
func TestOpenTriesWhatAGateWillDo(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		full := filepath.Join(t.TempDir(), "full")
		must.Do(t, os.Mkdir(full, 0o700))
		if err := unix.Mount("none", full, "tmpfs", 0, "size=8k,nr_inodes=20"); err != nil {
			t.Skipf("no file system of our own: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(full, unix.MNT_DETACH) })
		must.Do(t, os.WriteFile(filepath.Join(full, "fill"), make([]byte, 8192), 0o600))
		if _, err := Open(full, "key"); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v, want no space left", err)
		}
	})
	t.Run("made by root, used by another", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("needs root, and another user")
		}
		base := t.TempDir()
		open(t, base, "key")
		for _, dir := range []string{filepath.Dir(base), base} {
			must.Do(t, os.Chmod(dir, 0o755))
		}
		err := asUser(4711, func() error { _, err := Open(base, "key"); return err })
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%v, want permission denied", err)
		}
	})
	t.Run("no files left", func(t *testing.T) {
		base := t.TempDir()
		open(t, base, "key")
		var before unix.Rlimit
		must.Do(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
		must.Do(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 0, Max: before.Max}))
		_, err := Open(base, "key")
		must.Do(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before))
		if err == nil || !strings.Contains(err.Error(), "file too large") {
			t.Errorf("%v, want the limit", err)
		}
	})
}

// asUser does something with another user's rights to files, and the capabilities that go with being root.
func asUser(uid uintptr, do func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // it is not given back: the thread ends with its other user
		for _, call := range []uintptr{unix.SYS_SETFSUID, unix.SYS_SETFSGID} {
			if _, _, errno := unix.RawSyscall(call, uid, 0, 0); errno != 0 {
				result <- errno
				return
			}
		}
		result <- do()
	}()
	return <-result
}

func TestWhoHoldsTheFlock(t *testing.T) {
	base := t.TempDir()
	said, c := startChild(t, "lock", base)
	if said != "ok" {
		t.Fatal(said)
	}
	d := open(t, base, "key")
	if got, want := d.Holder(), fmt.Sprintf("process %d (", c.Process.Pid); !strings.HasPrefix(got, want) {
		t.Errorf("held by %q, want %q…", got, want)
	}
	_ = c.Process.Signal(syscall.SIGKILL)
	must.Happen(t, "the flock is free", func() bool { return d.TryLock() == nil })
}

// Whatever somebody who may write in the directory has put in the place of a file: it is not waited for, and not read without end.
func TestStateFilesAreSmall(t *testing.T) {
	d := open(t, t.TempDir(), "k")
	for name, put := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a large file": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30))
		},
	} {
		path := filepath.Join(d.Path(), leaseFile)
		must.Do(t, errors.Join(os.RemoveAll(path), put(path)))
		read := make(chan error, 1)
		go func() {
			_, err := d.ReadLease()
			read <- err
		}()
		if err := must.Come(t, read, "an answer about "+name); !errors.Is(err, smallfile.ErrIrregular) && !errors.Is(err, smallfile.ErrLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

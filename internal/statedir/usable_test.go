//go:build linux

package statedir

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sticky is a directory like /tmp.
func sticky(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBaseInATemporaryDirectory(t *testing.T) {
	tmp := sticky(t)
	base := filepath.Join(tmp, "mongogate-1")
	open(t, base, "key")
	mode := func() os.FileMode {
		info, err := os.Lstat(base)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode() != 0o700 {
		t.Errorf("made with mode %o, want 700", mode())
	}
	// Made by an older version, or with a friendlier mode: it is taken back.
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	open(t, base, "key")
	if mode() != 0o700 {
		t.Errorf("left with mode %o, want 700", mode())
	}
}

func TestBaseOfAnotherIsRefused(t *testing.T) {
	tmp := sticky(t)
	mine := filepath.Join(tmp, "mine")
	if err := os.Mkdir(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	link, file := filepath.Join(tmp, "link"), filepath.Join(tmp, "file")
	if err := os.Symlink(mine, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{link: "link", file: "not a directory"}
	if os.Geteuid() == 0 {
		theirs := filepath.Join(tmp, "theirs")
		if err := os.Mkdir(theirs, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(theirs, 4711, 4711); err != nil {
			t.Fatal(err)
		}
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
		if err := os.Mkdir(full, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("none", full, "tmpfs", 0, "size=8k,nr_inodes=20"); err != nil {
			t.Skipf("no file system of our own: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(full, unix.MNT_DETACH) })
		if err := os.WriteFile(filepath.Join(full, "fill"), make([]byte, 8192), 0o600); err != nil {
			t.Fatal(err)
		}
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
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := asUser(t, 4711, func() error { _, err := Open(base, "key"); return err })
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%v, want permission denied", err)
		}
	})
	t.Run("no files left", func(t *testing.T) {
		base := t.TempDir()
		open(t, base, "key")
		var before unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 0, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		_, err := Open(base, "key")
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		if err == nil || !strings.Contains(err.Error(), "file too large") {
			t.Errorf("%v, want the limit", err)
		}
	})
}

// asUser does something with another user's rights to files.
func asUser(t *testing.T, uid int, do func() error) error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		// The thread is not given back: it ends with its other user.
		lockThread()
		if err := setFSUser(uid); err != nil {
			result <- err
			return
		}
		result <- do()
	}()
	return <-result
}

func TestWhoHoldsTheFlock(t *testing.T) {
	base := t.TempDir()
	said, c, _ := startChild(t, "lock", base)
	if said != "ok" {
		t.Fatal(said)
	}
	d := open(t, base, "key")
	if got, want := d.Holder(), "process "+itoa(c.Process.Pid)+" ("; !strings.HasPrefix(got, want) {
		t.Errorf("held by %q, want %q…", got, want)
	}
	_ = c.Process.Signal(syscall.SIGKILL)
	until(t, "the flock is free", func() bool { return d.TryLock() == nil })
}

func itoa(n int) string { return strconv.Itoa(n) }

func lockThread() { runtime.LockOSThread() }

// setFSUser changes the user of this thread for access to files only, with the capabilities that go with being root.
func setFSUser(uid int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETFSGID, uintptr(uid), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

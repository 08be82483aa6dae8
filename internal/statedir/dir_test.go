//go:build linux

package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

func TestFlockOfProcesses(t *testing.T) {
	base := t.TempDir()
	said, first := startChild(t, "lock", base)
	if said != "ok" {
		t.Fatal(said)
	}
	d := open(t, base, "key")
	if err := d.TryLock(); !errors.Is(err, ErrBusy) || d.Locked() || d.LockFile() != nil {
		t.Errorf("beside another process: %v, locked %v", err, d.Locked())
	}
	if said, _ := startChild(t, "lock", base); said != ErrBusy.Error() {
		t.Errorf("a third process: %s", said)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	if err := d.TryLock(); err != nil || !d.Locked() {
		t.Errorf("after the holder was killed: %v", err)
	}
	if err := d.TryLock(); err != nil {
		t.Errorf("once more by the same: %v", err)
	}
}

// Two gates of one process are two gates.
func TestFlockOfOneProcess(t *testing.T) {
	base := t.TempDir()
	a, b := open(t, base, "key"), open(t, base, "key")
	must.Do(t, a.TryLock())
	if err := b.TryLock(); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if err := a.Close(); err != nil || a.Locked() {
		t.Errorf("%v, locked %v", err, a.Locked())
	}
	must.Do(t, b.TryLock())
	if err := open(t, base, "other").TryLock(); err != nil {
		t.Errorf("another key: %v", err)
	}
}

// The guard keeps the lock when the gate has been killed.
func TestInheritedLockOutlivesItsGate(t *testing.T) {
	base := t.TempDir()
	heir, gate := startChild(t, "bequeath", base)
	_ = gate.Wait()
	d := open(t, base, "key")
	if err := d.TryLock(); !errors.Is(err, ErrBusy) {
		t.Errorf("while the heir lives: %v", err)
	}
	killPID(t, heir)
	must.Happen(t, "the lock is free", func() bool { return d.TryLock() == nil })
}

// What is executed without being handed the lock, as the command is, does not keep it.
func TestLockIsNotInheritedByChance(t *testing.T) {
	base := t.TempDir()
	command, gate := startChild(t, "spawn", base)
	defer killPID(t, command)
	_ = gate.Wait()
	if err := open(t, base, "key").TryLock(); err != nil {
		t.Errorf("while a process lives that was not handed the lock: %v", err)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 150)
	keys := []string{
		"a", "A", "a/b", "a%2Fb", "..", ".", "../../etc", "/", "a b", "日本", strings.Repeat("x/", 300), strings.Repeat("x/", 300) + "y",
		strings.Repeat("日", 100), "-", "a\x00b", "a\nb", long, long + strings.Repeat("b", 60), long + strings.Repeat("c", 60),
	}
	base := t.TempDir()
	seen := map[string]string{}
	for _, key := range keys {
		d := open(t, base, key)
		if filepath.Dir(d.Path()) != base {
			t.Errorf("key %q is at %s, not directly below %s", key, d.Path(), base)
		}
		if n := filepath.Base(d.Path()); len(n) > 255 {
			t.Errorf("key %q has a name of %d bytes", key, len(n))
		}
		if other, ok := seen[d.Path()]; ok {
			t.Errorf("keys %q and %q share %s", key, other, d.Path())
		}
		seen[d.Path()] = key
		// Nobody can choose a key that has another's shortened name.
		if again := name(filepath.Base(d.Path())); again == filepath.Base(d.Path()) && again != key {
			t.Errorf("key %q has the directory of key %q", again, key)
		}
	}
	if n := name("reports-2026-11-22"); n != "reports-2026-11-22" {
		t.Errorf("a plain key is called %s", n)
	}
}

// A follower of another user and the same group must be able to lock and to leave its word.
func TestModesDoNotDependOnTheUmask(t *testing.T) {
	parent := t.TempDir()
	must.Do(t, os.Chmod(parent, 0o770|os.ModeSetgid))
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	d := open(t, parent, "key")
	must.Do(t, errors.Join(d.TryLock(), d.WriteLease(Lease{Key: "key"}), d.AddNonce("n"), d.MarkIdle(1)))
	for file, want := range map[string]os.FileMode{
		"": 0o770 | os.ModeDir | os.ModeSetgid, leaseFile: 0o640, nonceFile: 0o600, stoppedFile: 0o660, gateLock: 0o660, followerLock: 0o660,
	} {
		info, err := os.Stat(d.path(file))
		if err != nil || info.Mode() != want {
			t.Errorf("%q: %v, %v, want %v", file, info.Mode(), err, want)
		}
	}
}

func TestNetworkFileSystemsAreRefused(t *testing.T) {
	for magic, fs := range map[int64]string{
		0x6969: "NFS", 0x517b: "SMB", 0xfe534d42: "SMB", 0xff534d42: "CIFS", 0x00c36400: "Ceph", 0x5346414f: "AFS", 0x73757245: "Coda",
		0x0bd00bd0: "Lustre", 0x47504653: "GPFS",
	} {
		if err := refuse("/d", magic); err == nil || !strings.Contains(err.Error(), "/d is on "+fs+":") {
			t.Errorf("%#x: %v, want a refusal of %s", magic, err, fs)
		}
	}
	for _, magic := range []int64{unix.TMPFS_MAGIC, unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC} {
		if err := refuse("/d", magic); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefusesWhatIsNoDirectory(t *testing.T) {
	base := t.TempDir()
	must.Do(t, os.WriteFile(filepath.Join(base, "key"), nil, 0o600))
	if _, err := Open(base, "key"); !errors.Is(err, unix.ENOTDIR) {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(base, "key"), "key"); !errors.Is(err, unix.ENOTDIR) {
		t.Error(err)
	}
}

//go:build linux

package statedir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another process holds the flock.
var ErrBusy = errors.New("another gate on this machine holds the state directory")

// Dir is the directory of one key. It may be used by many goroutines.
type Dir struct {
	dir  string
	key  string
	boot string
	// clock names the time namespace.
	clock string

	mu   sync.Mutex
	lock *os.File // gate.lock, while held

	// A file system that hangs holds up writers, and not who asks for the lock.
	writing sync.Mutex
	shut    int64 // the highest token that was shut: its lease file never shows an open gate again
}

// Open makes the directory of a key below base, if it is not there.
func Open(base, key string) (*Dir, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	clock, err := timeNamespace()
	if err != nil {
		return nil, err
	}
	d := &Dir{dir: filepath.Join(base, name(key)), key: key, boot: boot, clock: clock}
	if err := d.make(); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := local(d.dir); err != nil {
		return nil, err
	}
	if err := d.try(); err != nil {
		return nil, err
	}
	return d, nil
}

// groups is the mode of a directory in which a follower of another container
// of the pod, of another user and the same group, takes locks and leaves its word.
const groups = 0o770

// make makes the directory. Its mode does not depend on the umask.
func (d *Dir) make() error {
	if err := makeBase(filepath.Dir(d.dir)); err != nil {
		return err
	}
	err := os.Mkdir(d.dir, groups)
	if errors.Is(err, os.ErrExist) {
		return os.MkdirAll(d.dir, groups) // which complains about what is no directory
	}
	if err == nil {
		err = os.Chmod(d.dir, groups|setgid(filepath.Dir(d.dir)))
	}
	return err
}

// setgid is the bit by which a directory inherits its group, if its parent has it: a volume with an fsGroup does.
func setgid(parent string) os.FileMode {
	info, err := os.Stat(parent)
	if err != nil {
		return 0
	}
	return info.Mode() & os.ModeSetgid
}

// Path is where the directory is.
func (d *Dir) Path() string { return d.dir }

// name is the key as one file name that people can still read. No escaped key
// holds "%." so that a shortened name is never another key's.
func name(key string) string {
	n := url.PathEscape(key)
	if len(n) <= 200 && n != "." && n != ".." {
		return n
	}
	sum := sha256.Sum256([]byte(key))
	return n[:min(len(n), 150)] + "%." + hex.EncodeToString(sum[:8])
}

// remote are the magic numbers of network file systems (statfs(2), linux/magic.h): a flock there may
// be local to the machine, be lost at a reconnection, or hang.
var remote = map[int64]string{ //nolint:gochecknoglobals // a constant table
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	0x0bd00bd0:            "Lustre", // lustre_user.h
	0x47504653:            "GPFS",   // its four letters
}

func local(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("state directory %s: %w", dir, err)
	}
	return refuse(dir, int64(st.Type)) //nolint:unconvert // int32 on some machines
}

func refuse(dir string, magic int64) error {
	if fs, ok := remote[magic]; ok {
		return fmt.Errorf("state directory %s is on %s: use a local file system, such as a memory-backed volume", dir, fs)
	}
	return nil
}

// TryLock takes the gate's flock, or returns [ErrBusy]. The lock ends with [Dir.Close] and the end of
// every process that inherited [Dir.LockFile].
func (d *Dir) TryLock() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		return nil
	}
	f, err := flock(d.path(gateLock))
	if err == nil {
		d.lock = f
	}
	return err
}

// LockWithin is TryLock, repeated for as long as within: the process that holds the flock may be dying.
func (d *Dir) LockWithin(within time.Duration) error {
	err := d.TryLock()
	for end := time.Now().Add(within); errors.Is(err, ErrBusy) && time.Now().Before(end); err = d.TryLock() {
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// Locked is true while this process holds the gate's flock.
func (d *Dir) Locked() bool { return d.LockFile() != nil }

// LockFile is what the guard inherits; nil while the flock is not held.
func (d *Dir) LockFile() *os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lock
}

// errReplaced says that what is written would be in a directory that no follower and no other gate of before knows.
var errReplaced = errors.New("another directory has replaced the one in which this gate has its lock")

// same fails where the directory is not that of our flock any more: it was removed, or moved away and made anew.
func (d *Dir) same() error {
	lock := d.LockFile()
	if lock == nil {
		return nil
	}
	ours, err := lock.Stat()
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	there, err := os.Stat(d.path(gateLock))
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if !os.SameFile(ours, there) {
		return fmt.Errorf("state directory %s: %w", d.dir, errReplaced)
	}
	return nil
}

// Close gives the flock up, as far as this process has it.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return nil
	}
	f := d.lock
	d.lock = nil
	return f.Close()
}

// openLock opens a file that is never renamed or removed.
func openLock(path string) (*os.File, error) {
	const mode = 0o660
	f, err := os.OpenFile(path, os.O_RDONLY, 0) //nolint:gosec // our own directory
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_RDONLY, mode); err == nil { //nolint:gosec // the group's
			_ = f.Chmod(mode)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return f, nil
}

// flock locks such a file without waiting.
func flock(path string) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrBusy
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}

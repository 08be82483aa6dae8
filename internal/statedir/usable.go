//go:build linux

package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// worldWritable: whoever may write into a directory can be there first with a name.
const worldWritable = 0o002

// makeBase makes the base directory. Below one that everybody can write into,
// such as /tmp, it is ours alone: neither a link nor another user's, and nobody
// else may write there, who could give a follower a lease of his own.
func makeBase(base string) error {
	parent, err := os.Stat(filepath.Dir(base))
	if err != nil || parent.Mode().Perm()&worldWritable == 0 {
		return os.MkdirAll(base, groups)
	}
	const own = 0o700
	err = os.Mkdir(base, own)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The name is looked at and not what it leads to, and what was looked at is what is changed.
	fd, err := unix.Open(base, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s is a link or not a directory, in a world-writable directory", base)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	dir := os.NewFile(uintptr(fd), base)
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user, in a world-writable directory", base)
	}
	if info.Mode().Perm()&^own != 0 {
		return dir.Chmod(own)
	}
	return nil
}

// try does what a gate does here, but for the locking: what fails later would fail now.
func (d *Dir) try() error {
	for _, name := range []string{gateLock, followerLock} {
		f, err := openLock(d.path(name))
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	// As large as they get: nonces and a lease.
	if err := d.write(tryFile, 0o600, make([]byte, 4096)); err != nil {
		return err
	}
	if err := os.Remove(d.path(tryFile)); err != nil && !errors.Is(err, fs.ErrNotExist) { // another one tries at the same time
		return fmt.Errorf("state directory: %w", err)
	}
	for _, name := range []string{leaseFile, stoppedFile} { // nonce and hold are not a follower's, who may be another user
		if f, err := os.Open(d.path(name)); err == nil {
			_ = f.Close()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	return nil
}

// Holder says who has taken the gate's flock, as far as the kernel tells it:
// "process 12 (mongogate)". Empty where it does not.
func (d *Dir) Holder() string { return takenBy(d.path(gateLock)) }

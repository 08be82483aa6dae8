//go:build linux

package statedir

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// place names a directory by the file of its flock: by what no copy has, on
// this machine or on another one. Who holds the flock of a copy holds another flock, and keeps
// nobody away from the original. The boot id beside it tells machines apart, whose numbers may be the same.
func place(dir string) (string, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir+"/"+gateLock, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return "", fmt.Errorf("state directory: %s: %w", dir, err)
	}
	name := fmt.Sprintf("%d:%d:%d", st.Dev_major, st.Dev_minor, st.Ino)
	if st.Mask&unix.STATX_BTIME != 0 {
		name += fmt.Sprintf(":%d.%09d", st.Btime.Sec, st.Btime.Nsec)
	}
	return name, nil
}

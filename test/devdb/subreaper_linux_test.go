package devdb

import (
	"testing"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes this process the parent of its children's orphans, as PID
// 1 of a container is. Without it the kernel wakes a frozen orphan with
// SIGHUP, for nobody is left in its session who could.
func adoptOrphans(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
}

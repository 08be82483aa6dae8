package devdb

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// adoptOrphans makes this process the parent of its children's orphans, as PID
// 1 of a container is. Without it the kernel wakes a frozen orphan with
// SIGHUP, for nobody is left in its session who could.
func adoptOrphans(t *testing.T) {
	t.Helper()
	must.Do(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	must.AtEnd(t, func() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

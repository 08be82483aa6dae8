//go:build linux

package podworkload

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoFilesNoEvidence: a gate that may not open another file sees no processes, which is no proof that there are none.
func TestNoFilesNoEvidence(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	targets, err := newTargets()
	if err != nil {
		t.Fatal(err)
	}
	c := container(t, "work", "exec sleep 1000")
	if targets.none() == nil {
		t.Fatal("evidence, but the workload lives")
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	low.Cur = 64
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var used []*os.File
	for f, err := os.Open("/dev/null"); err == nil; f, err = os.Open("/dev/null") {
		used = append(used, f)
	}
	given := -1
	for free := range min(4, len(used)) { // so many files may be opened: the list, what is in it, what is asked of that
		for range 20 {
			if targets.none() == nil {
				given = free
			}
		}
		_ = used[free].Close()
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if given >= 0 {
		t.Errorf("evidence with %d files to open, but the workload lives", given)
	}
	if !alive(c.Process.Pid) {
		t.Error("it does not live: nothing was shown")
	}
	for _, f := range used {
		_ = f.Close()
	}
	_ = c.Process.Kill()
	until(t, "evidence, with files to open", func() bool { return targets.none() == nil })
}

//go:build linux

package podworkload

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// TestNoFilesNoEvidence: a gate that may not open another file sees no processes, which is no proof that there are none.
func TestNoFilesNoEvidence(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	targets := must.Get(newTargets())(t)
	c := container(t, "work", "exec sleep 1000")
	if targets.none() == nil {
		t.Fatal("evidence, but the workload lives")
	}
	var old unix.Rlimit
	must.Do(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	low := old
	low.Cur = 64
	must.Do(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
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
	must.Do(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old))
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
	must.Happen(t, "evidence, with files to open", func() bool { return targets.none() == nil })
}

// A process that moves on by forking is never overlooked, whenever the list is made.
func TestForksAreNotOverlooked(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	targets := must.Get(newTargets())(t)
	script := filepath.Join(t.TempDir(), "hop")
	must.Do(t, os.WriteFile(script, []byte("#!/bin/sh\n[ -e $0.end ] && exit\nsh $0 &\nexit\n"), 0o600))
	container(t, "work", "sh "+script)
	missed := 0
	for range 3000 {
		others := must.Get(targets.find())(t)
		if len(others) == 0 {
			missed++ // by a plain list
		}
		if targets.none() == nil {
			t.Fatal("evidence, but the workload lives")
		}
	}
	t.Logf("a plain list missed it %d times", missed)
	must.Do(t, os.WriteFile(script+".end", nil, 0o600))
	must.Happen(t, "evidence", func() bool { return targets.none() == nil })
}

// A chain of processes, each of which lives only to start the next.
func TestKillCatchesAMovingTarget(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	w := held(t)
	dir := t.TempDir()
	script, hops := filepath.Join(dir, "hop"), filepath.Join(dir, "hops")
	must.Do(t, os.WriteFile(script, []byte(`#!/bin/sh
		hop() {
			echo >>`+hops+`
			n=$((n+1)); [ $n -lt 900 ] || exec sh $0 # a shell recurses a thousand times at most
			hop & exit 0
		}
		hop`), 0o600))
	count := func() int { b, _ := os.ReadFile(hops); return len(b) }
	container(t, "work", "sh "+script)
	must.Happen(t, "the chain is running", func() bool { return count() > 50 })
	<-w.Warn("lost")
	killed := time.Now()
	w.Kill()
	goneIs(t, w, true)
	t.Logf("gone after %v", time.Since(killed))
	at := count()
	if found, err := w.targets.find(); err != nil || len(found) > 0 || count() != at {
		t.Errorf("left after the evidence: %v, %v", found, err)
	}
}

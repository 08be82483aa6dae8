//go:build linux

package podworkload

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// A chain of processes, each of which lives only to start the next.
func TestKillCatchesAMovingTarget(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	cfg := config(t)
	cfg.Kill = true
	w := start(t, cfg, nil)
	w.Start(gate.Grant{Token: 1})
	dir := t.TempDir()
	script, hops := filepath.Join(dir, "hop"), filepath.Join(dir, "hops")
	if err := os.WriteFile(script, []byte(`#!/bin/sh
		hop() {
			echo >>`+hops+`
			n=$((n+1)); [ $n -lt 900 ] || exec sh $0 # a shell recurses a thousand times at most
			hop & exit 0
		}
		hop`), 0o600); err != nil {
		t.Fatal(err)
	}
	count := func() int { b, _ := os.ReadFile(hops); return len(b) }
	container(t, "work", "sh "+script)
	until(t, "the chain is running", func() bool { return count() > 50 })
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

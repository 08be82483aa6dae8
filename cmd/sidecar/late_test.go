//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSidecarFencesWithoutAStore: a sidecar that comes back beside a workload
// fences it, whatever it takes to find the store: its name cannot be looked up, or it does not say which it is.
func TestSidecarFencesWithoutAStore(t *testing.T) {
	for why, env := range map[string][]string{
		"no name":   {"MONGOGATE_URI=mongodb+srv://mongogate.invalid/"},
		"no answer": {"MONGOGATE_URI=mongodb://127.0.0.1:1/", "MONGOGATE_EXPECT_STORE=one"},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			sentinel := filepath.Join(dir, "lost")
			g := startGate(t, append(env,
				"MONGOGATE_KEY=late", "MONGOGATE_STATE_DIR="+filepath.Join(dir, "state"), "MONGOGATE_PROTECTION=sentinel", "MONGOGATE_SENTINEL="+sentinel,
				"MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=1s", "MONGOGATE_OPERATION_TIMEOUT=1s"), false, "sidecar")
			eventually(t, "the sentinel", func() bool {
				_, err := os.Stat(sentinel)
				return err == nil
			})
			g.await(t, "retrying") // and not an exit, which some versions of Kubernetes take for the pod's
		})
	}
}

//go:build linux

package main

import (
	"syscall"
	"testing"
	"time"
)

// TestRunWaitsForTheStore: whatever it takes to find the store, a run waits for it as it waits for the lock: its
// name cannot be looked up, nobody listens, or it has to say which it is.
func TestRunWaitsForTheStore(t *testing.T) {
	for why, env := range map[string][]string{
		"no name":             {"MONGOGATE_URI=mongodb+srv://mongogate.invalid/"},
		"nobody":              {"MONGOGATE_URI=mongodb://127.0.0.1:1/"},
		"nobody says who":     {"MONGOGATE_URI=mongodb://127.0.0.1:1/", "MONGOGATE_EXPECT_STORE=one"},
		"no name and no word": {"MONGOGATE_URI=mongodb+srv://mongogate.invalid/", "MONGOGATE_EXPECT_STORE=one"},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			env := append(env, "MONGOGATE_KEY=late", "MONGOGATE_STATE_DIR="+t.TempDir(), "MONGOGATE_OPERATION_TIMEOUT=500ms", "MONGOGATE_HEARTBEAT=1s")
			begun := time.Now()
			if code, out := builtBinary(t, env, "run", "--timeout", "4s", "--", "true"); code != 69 || time.Since(begun) < 4*time.Second {
				t.Errorf("with a time for waiting: exit code %d, want 69, after %v:\n%s", code, time.Since(begun), out)
			}
			g := startGate(t, env, false, "run", "--", "true")
			time.Sleep(2 * time.Second) // it may be at any point of its start
			g.signal(t, syscall.SIGTERM)
			g.endsWith(t, 128+15)
		})
	}
}

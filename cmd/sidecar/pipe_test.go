//go:build linux

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestConnectionStringFromAPipe: it is read once, and looking for another holds nothing up.
func TestConnectionStringFromAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "uri")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGate(t, []string{
		"MONGOGATE_URI_FILE=" + pipe, "MONGOGATE_KEY=pipe", "MONGOGATE_STATE_DIR=" + t.TempDir(),
		"MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=1s", "MONGOGATE_OPERATION_TIMEOUT=3s",
	}, false, "run", "--", "sleep", "300")
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(rig.server.URI); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g.await(t, "gate open")
	g.await(t, "changes to it are not noticed")
	g.stop(t) // complains if it does not end
}

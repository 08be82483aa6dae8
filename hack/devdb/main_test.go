//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
)

// TestLifeOfAResident runs the built program: up, up again, uri, down. The
// server behind it is one of the test's own, so that nothing is installed.
func TestLifeOfAResident(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	server := must.Get(devdb.Start(ctx, 0))(t)
	fmt.Println(server.Banner())
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	program := filepath.Join(t.TempDir(), "devdb")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cache := t.TempDir()
	devdb := func(wantCode int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), "MONGOGATE_CACHE="+cache, "MONGOGATE_TEST_URI="+server.URI)
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != wantCode {
			t.Errorf("%v: %v, want exit code %d; %s", args, err, wantCode, errs.String())
		}
		return strings.TrimSpace(out.String()), errs.String()
	}
	devdb(1, "uri")
	devdb(1, "down")
	if uri, banner := devdb(0, "up"); uri != server.URI || !strings.HasPrefix(banner, "database: ") {
		t.Errorf("up: %q, %q", uri, banner)
	}
	if uri, banner := devdb(0, "up"); uri != server.URI || !strings.Contains(banner, "it was running") {
		t.Errorf("up again: %q, %q", uri, banner)
	}
	if uri, _ := devdb(0, "uri"); uri != server.URI {
		t.Errorf("uri: %q", uri)
	}
	devdb(0, "down")
	devdb(1, "uri")
	if _, stderr := devdb(1, "up", "-kind", "oracle"); !strings.Contains(stderr, "oracle") {
		t.Errorf("a server that does not start: %s", stderr)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"sideways"}, {"up", "-port", "x"}, {"up", "more"}, {"up", "-need", "speed"}} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), args, &stdout, &stderr); code != 64 || !strings.Contains(stderr.String(), "usage: devdb") || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
	}
}

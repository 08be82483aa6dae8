//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// TestFilesWithoutEnd: a device, a file of 3 GB or a pipe that nobody writes into, wherever a file is named, is an
// error that says so, soon and within little memory.
func TestFilesWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	huge, pipe := filepath.Join(dir, "huge"), filepath.Join(dir, "pipe")
	f := must.Get(os.Create(huge))(t)
	must.Do(t, f.Truncate(3<<30))
	_ = f.Close()
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	plain := "MONGOGATE_URI=mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50"
	ways := map[string]func(file string) []string{
		"uri-file":    func(file string) []string { return []string{"MONGOGATE_URI_FILE=" + file} },
		"config":      func(file string) []string { return []string{plain, "MONGOGATE_CONFIG=" + file} },
		"tls-ca-file": func(file string) []string { return []string{plain, "MONGOGATE_TLS_CA_FILE=" + file} },
		"pod-labels":  func(file string) []string { return []string{plain, "MONGOGATE_POD_LABELS=" + file} },
		"a certificate in the URI": func(file string) []string {
			return []string{"MONGOGATE_URI=mongodb://127.0.0.1:1/?tls=true&tlsCertificateKeyFile=" + file}
		},
	}
	for way, env := range ways {
		for _, file := range []string{"/dev/zero", huge, pipe, "/dev"} {
			if file == pipe && way == "a certificate in the URI" {
				continue // the driver reads it, and waits for its writer
			}
			t.Run(way+" "+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 2*must.Patience)
				defer cancel()
				// 4 GB of addresses: whoever reads without end dies of it.
				c := exec.CommandContext(ctx, "sh", "-c", "ulimit -v 4000000; exec "+rig.binary+" list")
				c.Env = append(env(file), "PATH="+os.Getenv("PATH"))
				if way == "pod-labels" {
					c.Args[2] = "ulimit -v 4000000; exec " + rig.binary + " show"
				}
				began := time.Now()
				out, _ := c.CombinedOutput()
				if code := c.ProcessState.ExitCode(); code != 64 {
					t.Errorf("exit code %d after %v: %.500s", code, time.Since(began), out)
				}
				if rss := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; rss > 200<<10 {
					t.Errorf("%d MB of memory", rss>>10)
				}
				if strings.Contains(string(out), "panic") || strings.Contains(string(out), "goroutine") {
					t.Errorf("%.500s", out)
				}
			})
		}
	}
}

// TestConnectionStringFromAPipe: it is read once, and looking for another holds nothing up.
func TestConnectionStringFromAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "uri")
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	g := startGate(t, []string{
		"MONGOGATE_URI_FILE=" + pipe, "MONGOGATE_KEY=pipe", "MONGOGATE_STATE_DIR=" + t.TempDir(),
		"MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=1s", "MONGOGATE_OPERATION_TIMEOUT=3s",
	}, false, "run", "--", "sleep", "300")
	w := must.Get(os.OpenFile(pipe, os.O_WRONLY, 0))(t)
	must.Get(w.WriteString(rig.server.URI))(t)
	must.Do(t, w.Close())
	g.await(t, "gate open")
	g.await(t, "changes to it are not noticed")
	g.stop(t) // complains if it does not end
}

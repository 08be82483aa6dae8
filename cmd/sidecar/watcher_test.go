//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// asWatcher makes the test binary a process that reads whatever it can of all others, until its input ends.
const asWatcher = "SIDECAR_TEST_WATCHER"

// watch looks at every process that begins after it, at its environment and, through its root, at a file, and prints
// of how many processes it has read either.
func watch(file string) int {
	before := map[string]bool{}
	pids := func() []string {
		all, _ := filepath.Glob("/proc/[0-9]*")
		return all
	}
	for _, p := range pids() {
		before[p] = true
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	fmt.Println("watching")
	environ, through := map[string]bool{}, map[string]bool{}
	for {
		select {
		case <-ended:
			fmt.Printf("environment %d file %d\n", len(environ), len(through))
			return 0
		default:
		}
		for _, p := range pids() {
			if before[p] {
				continue
			}
			if b, err := os.ReadFile(p + "/environ"); err == nil && bytes.Contains(b, []byte("SECRET="+canary)) {
				environ[p] = true
			}
			if b, err := os.ReadFile(p + "/root" + file); err == nil && bytes.Contains(b, []byte(canary)) {
				through[p] = true
			}
		}
	}
}

// asUser is for processes of nobody, where the test is root.
func asUser() *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// watched runs f under the eyes of a process of the same user, and says of how many processes that has read the environment and a file.
func watched(t *testing.T, file string, f func()) (environ, through int) {
	t.Helper()
	self := must.Get(os.Executable())(t)
	program := filepath.Join(publicDir(t), "watcher") // go test's own directory is closed to others
	copyFile(t, self, program, 0o755)
	c := exec.CommandContext(t.Context(), program)
	c.Env, c.SysProcAttr, c.Dir = []string{asWatcher + "=" + file}, asUser(), "/"
	in := must.Get(c.StdinPipe())(t)
	out := must.Get(c.StdoutPipe())(t)
	must.Do(t, c.Start())
	line := make([]byte, len("watching\n"))
	must.Get(io.ReadFull(out, line))(t)
	f()
	_ = in.Close()
	said := must.Get(io.ReadAll(out))(t)
	if _, err := fmt.Sscanf(string(said), "environment %d file %d", &environ, &through); err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	must.Do(t, c.Wait())
	return environ, through
}

// publicDir is a directory into which every user may look.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := must.Get(os.MkdirTemp("", "public"))(t) //nolint:usetesting // t.TempDir is in a directory that only we may enter
	t.Cleanup(func() { must.Do(t, os.RemoveAll(dir)) })
	must.Do(t, os.Chmod(dir, 0o755))
	return dir
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	b := must.Get(os.ReadFile(from))(t)
	must.Do(t, os.WriteFile(to, b, mode))
	if err := os.Chmod(to, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// TestAWatcherReadsNothing: a process of the same user that looks at all others all the time reads the environment of no
// probe and no gate that starts, where the program is not to be read by that user: root's with mode 0711, as in the image, or a copy
// that the user himself has installed.
func TestAWatcherReadsNothing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is needed for a program of another user")
	}
	const each = 20
	programs := map[string]func(t *testing.T, dir string) string{
		"root's 0711": func(t *testing.T, dir string) string {
			copyFile(t, rig.binary, filepath.Join(dir, "mongogate"), 0o711)
			return filepath.Join(dir, "mongogate")
		},
		"the user's own copy": func(t *testing.T, dir string) string {
			to := filepath.Join(dir, "bin")
			must.Do(t, os.Mkdir(to, 0o755))
			must.Do(t, os.Chown(to, nobody, nobody))
			c := exec.CommandContext(t.Context(), rig.binary, "install", to)
			c.SysProcAttr = asUser()
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return filepath.Join(to, "mongogate")
		},
		"0755": func(_ *testing.T, _ string) string { return rig.binary }, // so that the test can fail
	}
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			dir := publicDir(t)
			path := program(t, dir)
			ran := 0
			run := func(args ...string) {
				ctx, cancel := context.WithTimeout(t.Context(), must.Patience)
				defer cancel()
				c := exec.CommandContext(ctx, path, args...)
				c.Env = []string{
					"SECRET=" + canary, "MONGOGATE_URI=mongodb://u:" + canary + "@127.0.0.1:1/?serverSelectionTimeoutMS=50", "MONGOGATE_KEY=k", "MONGOGATE_TIMEOUT=100ms",
					"MONGOGATE_PROBE_ADDRESS=unix:/nowhere", "MONGOGATE_STATE_DIR=" + filepath.Join(dir, strconv.Itoa(ran)), "PATH=" + os.Getenv("PATH"),
				}
				c.SysProcAttr, c.Dir = asUser(), "/"
				if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "mongogate") {
					t.Errorf("%v: %v: %s", args, err, out)
				}
				ran++
			}
			environ, _ := watched(t, "/none", func() {
				for range each {
					run("probe", "live")
					run("run", "--operation-timeout", "100ms", "--", "true")
				}
			})
			t.Logf("%s: the environment of %d of %d processes was read", name, environ, ran)
			if hidden := name != "0755"; hidden && environ != 0 || !hidden && environ == 0 {
				t.Errorf("%s: the environment of %d of %d processes was read", name, environ, ran)
			}
		})
	}
}

// TestAWatcherReadsNoSecretFile: through /proc/PID/root a process of the same user reaches files that only the gate's container has.
func TestAWatcherReadsNoSecretFile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is needed for another root directory")
	}
	const each = 20
	for mode, hidden := range map[os.FileMode]bool{0o755: false, 0o711: true} {
		root := publicDir(t)
		copyFile(t, rig.binary, filepath.Join(root, "mongogate"), mode)
		must.Do(t, os.WriteFile(filepath.Join(root, "secret-uri"), []byte("mongodb://u:"+canary+"@127.0.0.1:1/?serverSelectionTimeoutMS=50"), 0o444))
		_, through := watched(t, "/secret-uri", func() {
			for range each {
				c := exec.CommandContext(t.Context(), "/mongogate", "list", "--operation-timeout", "100ms")
				c.Env = []string{"MONGOGATE_URI_FILE=/secret-uri"}
				c.SysProcAttr, c.Dir = asUser(), "/"
				c.SysProcAttr.Chroot = root
				_ = c.Run()
			}
		})
		t.Logf("mode %v: the file was read through %d of %d processes", mode, through, each)
		if hidden && through != 0 || !hidden && through == 0 {
			t.Errorf("mode %v: the file was read through %d of %d processes", mode, through, each)
		}
	}
}

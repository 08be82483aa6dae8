//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// maxBinary is the budget of the issue.
const maxBinary = 20_000_000

func TestBinarySize(t *testing.T) {
	info := must.Get(os.Stat(rig.binary))(t)
	fmt.Printf("cases: 1 binary of %.1f MB\n", float64(info.Size())/1e6)
	if info.Size() > maxBinary {
		t.Errorf("the binary has %d bytes, the budget is %d", info.Size(), maxBinary)
	}
}

// TestListeners: nothing listens but what was asked for, and TCP not at all unless it was.
func TestListeners(t *testing.T) {
	t.Cleanup(func() { dropDatabase(t, "cli_listeners") })
	for _, c := range []struct {
		why  string
		args []string
		tcp  int
		unix []string // names in the state directory
	}{
		{"run", []string{"run", "--", "sleep", "300"}, 0, nil},
		{"sidecar", []string{"sidecar"}, 0, []string{"probe.sock"}},
		{"sidecar without probes", []string{"sidecar", "--probe-address", "none"}, 0, nil},
		{"run with probes", []string{"run", "--probe-address", "unix:STATE/p", "--metrics-address", "unix:STATE/m", "--", "sleep", "300"}, 0, []string{"m", "p"}},
		{"run with metrics", []string{"run", "--metrics-address", "127.0.0.1:PORT", "--", "sleep", "300"}, 1, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			for i := range c.args {
				c.args[i] = strings.NewReplacer("STATE", state, "PORT", freePort(t)).Replace(c.args[i])
			}
			g := startGate(t, []string{"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=cli_listeners", "MONGOGATE_KEY=" + c.why, "MONGOGATE_STATE_DIR=" + state}, false, c.args...)
			g.await(t, "gate open")
			sockets := socketsOf(t, g.Process.Pid)
			for _, p := range g.below(t) {
				sockets = append(sockets, socketsOf(t, p.PID)...)
			}
			if tcp := listening(t, "tcp", sockets); len(tcp) != c.tcp {
				t.Errorf("it listens on TCP at %v, want %d", tcp, c.tcp)
			}
			if tcp6 := listening(t, "tcp6", sockets); len(tcp6) != 0 {
				t.Errorf("it listens on TCP at %v", tcp6)
			}
			unix := listeningUnix(t, sockets)
			if len(unix) != len(c.unix) {
				t.Errorf("it listens at %v, want %v", unix, c.unix)
			}
			for _, name := range c.unix {
				if !strings.Contains(strings.Join(unix, " ")+" ", filepath.Join(state, name)+" ") {
					t.Errorf("it listens at %v, want %s", unix, name)
				}
			}
		})
	}
}

var socketInode = regexp.MustCompile(`^socket:\[(\d+)\]$`)

// socketsOf are the inodes of a process's sockets.
func socketsOf(t *testing.T, pid int) []string {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds := must.Get(os.ReadDir(dir))(t)
	var inodes []string
	for _, fd := range fds {
		to, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if m := socketInode.FindStringSubmatch(to); m != nil {
			inodes = append(inodes, m[1])
		}
	}
	return inodes
}

// listening are the local addresses, in hexadecimal, of the listeners among the sockets: proc_net_tcp of Linux's documentation, state 0A.
func listening(t *testing.T, table string, sockets []string) []string {
	t.Helper()
	var at []string
	for line := range strings.Lines(procFile(t, os.Getpid(), "net/"+table)) {
		f := strings.Fields(line)
		if len(f) > 9 && f[3] == "0A" && slices.Contains(sockets, f[9]) {
			at = append(at, f[1])
		}
	}
	return at
}

// listeningUnix are the paths of the listeners among the sockets: unix(7), flag __SO_ACCEPTCON.
func listeningUnix(t *testing.T, sockets []string) []string {
	t.Helper()
	var at []string
	for line := range strings.Lines(procFile(t, os.Getpid(), "net/unix")) {
		f := strings.Fields(line)
		if len(f) > 7 && f[3] == "00010000" && slices.Contains(sockets, f[6]) {
			at = append(at, f[7])
		}
	}
	return at
}

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/mongogate/mongogate/test/devdb"
)

// What /proc says of processes: proc(5).

// cpuTime is what the living threads of a process have run. It is in ns, where
// stat counts in hundredths of a second; Go's threads do not end.
func cpuTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f, err)
		}
		sum += time.Duration(ns)
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("process %d has ended, or this kernel keeps no schedstat", pid)
	}
	return sum, nil
}

// status is a number of /proc/PID/status, in its own unit.
func status(pid int, field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("process %d: no %s in its status", pid, field)
}

// children are the processes whose parent is pid.
func children(pid int) []int {
	var found []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, err := status(child, "PPid"); err == nil && int(parent) == pid {
			found = append(found, child)
		}
	}
	return found
}

// descendants are all processes below pid.
func descendants(pid int) []int {
	var all []int
	for _, c := range children(pid) {
		all = append(append(all, c), descendants(c)...)
	}
	return all
}

// commandLine is what a process was started with.
func commandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
}

// serverTime is what a server of devdb's has run, all of its processes; zero if it is not ours.
func serverTime(s *devdb.Server) time.Duration {
	mark := map[devdb.Kind]string{devdb.Engine: "engine.js", devdb.Secantus: "serve.py", devdb.Mongod: "mongod"}[s.Kind]
	if mark == "" {
		return 0
	}
	var sum time.Duration
	for _, pid := range descendants(os.Getpid()) {
		if strings.Contains(commandLine(pid), mark) {
			if t, err := cpuTime(pid); err == nil {
				sum += t
			}
		}
	}
	return sum
}

// machine is what the figures were measured on.
func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// load is the machine's load average over the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

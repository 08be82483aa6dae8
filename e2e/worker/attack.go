package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What a workload does to everybody whom it may signal, in its process namespace.
const (
	stopAll  = "stop-all"  // kill -STOP -1
	killAll  = "kill-all"  // kill -9 -1
	stopGate = "stop-gate" // kill -STOP of gate and guard
)

func attacks() []string { return []string{stopAll, killAll, stopGate} }

// attack does it once, and says what the kernel did not allow.
func attack(how string) error {
	switch how {
	case stopAll:
		return syscall.Kill(-1, syscall.SIGSTOP)
	case killAll:
		return syscall.Kill(-1, syscall.SIGKILL)
	}
	found, err := filepath.Glob("/proc/[0-9]*/comm")
	errs := []error{err}
	for _, file := range found {
		// The guard is named by the link to the file that the gate has executed.
		name, err := os.ReadFile(file)
		if comm := strings.TrimSpace(string(name)); err != nil || comm != "mongogate" && comm != "exe" {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			errs = append(errs, syscall.Kill(pid, syscall.SIGSTOP))
		}
	}
	return errors.Join(errs...)
}

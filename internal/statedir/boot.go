//go:build linux

package statedir

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// bootID names this boot of the kernel (random(4)).
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// timeNamespace says by how much CLOCK_BOOTTIME of this process is off the
// kernel's (time_namespaces(7)): empty for not at all. Instants of two processes
// can be compared only where it is the same.
func timeNamespace() (string, error) {
	own, err := os.Readlink("/proc/self/ns/time")
	if errors.Is(err, os.ErrNotExist) {
		return "", nil // a kernel without time namespaces
	}
	if err != nil {
		return "", fmt.Errorf("time namespace: %w", err)
	}
	// The offsets that can be read are those of children.
	if children, err := os.Readlink("/proc/self/ns/time_for_children"); err != nil || children != own {
		return own, nil
	}
	offsets, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return own, nil
	}
	for line := range strings.Lines(string(offsets)) {
		if f := strings.Fields(line); len(f) == 3 && (f[0] == "boottime" || f[0] == "7") {
			if f[1] == "0" && f[2] == "0" {
				return "", nil
			}
			return "boottime " + f[1] + "." + f[2], nil
		}
	}
	return own, nil
}

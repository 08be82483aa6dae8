//go:build linux

package kube

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CPUOf is the time that the container of a role's process has used since it
// was made, by its cgroup: probes in it are counted too.
func (p *Pod) CPUOf(role Role) time.Duration {
	p.s.t.Helper()
	cgroup, err := p.one(role).Cgroup()
	if err != nil {
		p.s.t.Fatal(err)
	}
	for line := range strings.Lines(cgroup) { // version 1: number:controllers:path
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), "cpuacct") {
			return p.number("/sys/fs/cgroup/cpuacct"+parts[2]+"/cpuacct.usage", "", time.Nanosecond)
		}
	}
	return p.number("/sys/fs/cgroup"+strings.TrimSpace(cgroup)+"/cpu.stat", "usage_usec ", time.Microsecond)
}

// number is the one that follows a name in a file, in a unit.
func (p *Pod) number(file, name string, unit time.Duration) time.Duration {
	p.s.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		p.s.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				p.s.t.Fatalf("%s: %v", file, err)
			}
			return time.Duration(n) * unit
		}
	}
	p.s.t.Fatalf("%s has no %s", file, name)
	return 0
}

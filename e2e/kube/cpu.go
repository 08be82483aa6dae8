//go:build linux

package kube

import (
	"slices"
	"strings"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// CPUOf is the time that the container of a role's process has used since it
// was made, by its cgroup: probes in it are counted too.
func (p *Pod) CPUOf(role Role) time.Duration {
	p.s.t.Helper()
	cgroup := must.Get(p.one(role).Cgroup())(p.s.t)
	for line := range strings.Lines(cgroup) { // version 1: number:controllers:path
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), "cpuacct") {
			return time.Duration(p.number("/sys/fs/cgroup/cpuacct"+parts[2]+"/cpuacct.usage", ""))
		}
	}
	return time.Duration(p.number("/sys/fs/cgroup"+strings.TrimSpace(cgroup)+"/cpu.stat", "usage_usec ")) * time.Microsecond
}

//go:build linux

// Package witness sees, from outside of all clusters, which workloads run.
//
// It looks at the machine's own table of processes, in which those of every
// container appear, some fifty times a second. A workload's process is one that
// is called "worker" and has E2E_KEY in its environment; which pod and which
// container it belongs to says its cgroup. Neither Kubernetes nor a gate is asked.
//
// Promised: a run that is reported as gone had no process left, a frozen one or
// an orphan included, at one look of the table, which then began after every
// process of it had been missing. Two runs that are said to overlap did.
//
// Not promised: a run that lives for less than two looks (about 50 ms) may be
// missed, and so may an overlap that is shorter. On a machine that is too busy
// for fifty looks a second it is more than that: Away says how much. A container's
// processes on another machine are not seen.
package witness

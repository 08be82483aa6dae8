//go:build linux

// Package twin is the second process of a sidecar: the container's first one,
// small, that starts the gate as its child and knows the deadline as the gate does.
//
//	twin ── starts, passes signals on ──▶ gate
//	     ◀─ news: held until, stopping, shut; repeated every second or two ───
//	     ── confirmations ──▶
//
// Promised: when the gate is dead, frozen or hangs at the deadline, in the middle of a
// loss, or while nothing may run, the twin ends it and does what the protection says: it writes the sentinel, kills the
// workload in a shared process namespace within the kill budget, and ends the container with exit code 88, so
// that a restart rule applies. A gate that was killed while it held is started again at
// once, unless its end is the protection. When the twin has died the gate dies with it, by the
// kernel; when it no longer confirms, [Link.Beat] says so. Both have kernel timers that wake them where they were stopped.
//
// Not promised: anything while both are frozen by other means than SIGSTOP (a frozen
// cgroup, a machine out of CPU), or when both are killed: then the container has ended, and it is for the kubelet to begin it anew.
package twin

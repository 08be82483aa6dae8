//go:build linux

// Package podworkload is what a sidecar does to a workload that it did not start: a
// sentinel file, signals in a shared process namespace, or its own exit.
//
// Promised: the sentinel is written before anything is signalled and removed
// before the gate opens; with Kill, every process of the workload is signalled, and again
// at each scan while the gate is shut, where the workload is everything in a shared process namespace that is not proven to
// be something else; Gone is told only on evidence: no process of the workload to be seen there, a follower's word under its flock, or a pod's status that says so for good.
//
// Not promised: that a workload obeys a sentinel; that a container which the
// kubelet restarts does nothing before the next scan; anything while this
// process is frozen or dead.
package podworkload

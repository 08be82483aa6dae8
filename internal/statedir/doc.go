//go:build linux

// Package statedir is what a gate keeps on its machine for those who come
// after it and those who follow it: one directory per key, on a local,
// preferably memory-backed file system.
//
//	lease      what is held and until when: rewritten by rename at each renewal, read by followers and probes
//	nonce      the nonces by which a restarted gate may adopt its own lease (mode 0600)
//	gate.lock  the flock of the gate; inherited by its guard, never by the command
//	follower.lock  the flock of a follower; inherited by its guard
//	hold       the epoch of the pod in which the gate held last, for the protection restart
//	stopped    the follower's word: the token under which it runs, or none of its processes is left
//	try        written and removed at the start, to see that there is room
//
// Beside these directories there is the file %.epoch, which names the epoch.
//
// Promised: without gate.lock nobody writes here, adopts, or starts a second
// tree of processes; the lock is free only when the gate and its guard have
// both ended. A lease of another boot, of another time namespace, or past its deadline reads as lost.
//
// Not promised: anything on a network file system (refused where it can be told).
package statedir

import "path/filepath"

// The files of a directory.
const (
	leaseFile    = "lease"
	nonceFile    = "nonce"
	gateLock     = "gate.lock"
	followerLock = "follower.lock"
	stoppedFile  = "stopped"
	holdFile     = "hold"
	tryFile      = "try"
)

func (d *Dir) path(name string) string { return filepath.Join(d.dir, name) }

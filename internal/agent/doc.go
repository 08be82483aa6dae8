//go:build linux

// Package agent takes a gate from its settings to its end: what the commands run, sidecar and init do.
//
// A session has what they have in common: the log, the state directory, the store's client, the Kubernetes API,
// files with credentials. [Run], [Sidecar] and [Init] put a lock, a gate and a workload's protection together and return how it
// ended, as an error with an exit code. The process itself ends in main.
//
// Promised: whatever a session began has ended when these return, or hangs in something outside that is left to the end of
// the process after a bounded time. A gate that has to leave at once, for its exit is the protection, closes nothing.
package agent

import (
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/internal/twin"
)

// World is what a gate knows of its surroundings.
type World struct {
	settings.Outside
	// Version is this program's.
	Version string
	// Lines takes what this process has to say, and nobody waits for it.
	Lines *telemetry.Lines
	// Twin is the process that has started this one as a sidecar's gate; nil for all others.
	Twin *twin.Link
}

//go:build !linux

package mongolock

import (
	"syscall"
	"time"
)

// userTimeout is for Linux; elsewhere keep-alive alone finds a dead peer.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }

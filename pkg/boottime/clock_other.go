//go:build !linux

package boottime

import "time"

var start = time.Now() //nolint:gochecknoglobals // the instant from which this process measures

func now() time.Duration { return time.Since(start) }

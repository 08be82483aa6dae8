//go:build unix && !linux

package devdb

import "testing"

func adoptOrphans(*testing.T) {}

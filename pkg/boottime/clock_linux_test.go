package boottime_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/boottime"
)

// /proc/uptime is the kernel's CLOCK_BOOTTIME in hundredths of a second (fs/proc/uptime.c).
func TestClockIsUptime(t *testing.T) {
	uptime := func() time.Duration {
		b, err := os.ReadFile("/proc/uptime")
		if err != nil {
			t.Fatal(err)
		}
		var s, hundredths int64
		if _, err := fmt.Sscanf(string(b), "%d.%d", &s, &hundredths); err != nil {
			t.Fatalf("/proc/uptime %q: %v", b, err)
		}
		return time.Duration(s)*time.Second + time.Duration(hundredths)*10*time.Millisecond
	}
	clock := boottime.Clock{}
	for range 100 {
		before, now, after := uptime(), clock.Now(), uptime()
		if now < before || now > after+10*time.Millisecond {
			t.Fatalf("the clock says %v between %v and %v", now, before, after)
		}
	}
}

func TestClockNeverSteps(t *testing.T) {
	var clock, other boottime.Clock
	last := clock.Now()
	for range 10_000 {
		now := other.Now() // two clocks are one
		if now < last {
			t.Fatalf("%v after %v", now, last)
		}
		last, clock, other = now, other, clock
	}
}

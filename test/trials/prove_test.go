//go:build linux

package trials

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/must"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestProof is the part of the proof that every change has to pass: all kinds
// of faults in turn. `go run ./hack/prove` runs the whole.
func TestProof(t *testing.T) {
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	begin, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	rig := must.Get(Open(begin, "", "mongogate_prove"))(t)
	defer func() {
		if err := rig.Close(); err != nil {
			t.Error(err)
		}
	}()
	fmt.Println(rig.Server.Banner())
	results := rig.Run(ctx, Short, os.Stdout)
	fmt.Print(Table(Counts(results)))
	fmt.Println(Summary(results))
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Kind, r.Err)
		}
	}
	floor(t, results)
}

// floor: fewer trials than these prove too little, however well they went.
func floor(t *testing.T, results []Result) {
	t.Helper()
	passed := map[string]int{}
	for _, c := range Counts(results) {
		passed[c.Kind] = c.Passed
	}
	lost := 0
	for _, l := range losses(0) {
		lost += passed[l.name]
		if passed[l.name] < 3 {
			t.Errorf("%s: %d trials passed, want 3 at least", l.name, passed[l.name])
		}
	}
	for _, k := range unreads() {
		if passed[k.kind] < 1 {
			t.Errorf("%s: no trial passed", k.kind)
		}
	}
	for _, c := range []struct {
		kind       string
		have, want int
	}{{"lost leases", lost, 30}, {kindHandOver, passed[kindHandOver], 20}, {kindFresh, passed[kindFresh], 4}, {kindSkip, passed[kindSkip], 4}} {
		if c.have < c.want {
			t.Errorf("%s: %d trials passed, want %d at least", c.kind, c.have, c.want)
		}
	}
}

func TestLastSent(t *testing.T) {
	const ms = time.Millisecond
	answers := []answer{{100 * ms, 110 * ms}, {700 * ms, 710 * ms}, {1400 * ms, 1500 * ms}}
	for _, c := range []struct {
		name  string
		sent  time.Duration
		fault time.Duration
		dead  bool
		want  time.Duration
		err   string
	}{
		{"the newest", 1399 * ms, 2000 * ms, false, 1399 * ms, ""},
		{"one whose successor was no renewal", 699 * ms, 2000 * ms, false, 699 * ms, ""},
		{"counted from the reply", 1500 * ms, 2000 * ms, false, 0, "knows of no request"},
		{"counted from the reply, and renewed after that", 110 * ms, 2000 * ms, false, 0, "knows of no request"},
		{"counted from nothing", 4000 * ms, 2000 * ms, false, 0, "knows of no request"},
		{"died before it wrote", 699 * ms, 1600 * ms, true, 1400 * ms, ""},
		{"answered after the fault", 699 * ms, 1450 * ms, true, 699 * ms, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := lastSent(c.sent, answers, c.fault, c.dead)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, %v; want %v, %q", got, err, c.want, c.err)
			}
		})
	}
}

func TestStallsAddUp(t *testing.T) {
	const ms = time.Millisecond
	s := &stalls{all: []stall{{100 * ms, 200 * ms}, {400 * ms, 500 * ms}, {900 * ms, 2000 * ms}}}
	for _, c := range []struct {
		from, to time.Duration
		want     bool
	}{
		{0, 600 * ms, true},
		{0, 450 * ms, false},
		{150 * ms, 600 * ms, false},
		{1000 * ms, 1150 * ms, false},
		{1000 * ms, 1200 * ms, true},
		{3000 * ms, 9000 * ms, false},
	} {
		if got := s.during(c.from, c.to); got != c.want {
			t.Errorf("between %v and %v: %t", c.from, c.to, got)
		}
	}
}

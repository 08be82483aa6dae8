package bucket

import (
	"testing"
	"time"
)

// Behind a change of the clocks by half an hour the library finds other ticks from another place: those that count are those of the
// controller, which has walked there tick by tick. The instants are some of those at which a walk that begins at the change is wrong.
func TestTicksBehindAChange(t *testing.T) {
	loc, err := time.LoadLocation("Australia/Lord_Howe")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ expr, at string }{
		{"0 0 * * *", "2026-10-05T02:36:40+11:00"},
		{"15 0 * * *", "2026-04-06T03:13:22+10:30"},
		{"0 */5 * * *", "2026-04-05T06:13:45+10:30"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		job, err := parseCronJob(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		var before time.Time
		after := job.after(at.AddDate(0, -2, 0), loc)
		for !after.After(at) {
			before, after = after, job.after(after, loc)
		}
		if last, next := job.around(at, loc); !last.Equal(before) || !next.Equal(after) {
			t.Errorf("%q at %s: between %v and %v, want %v and %v", c.expr, c.at, last, next, before, after)
		}
	}
}

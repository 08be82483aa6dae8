//go:build linux

package electproxy

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
)

// TestElections: the real driver goes through elections of every kind, twelve
// of them at least, under three contenders for each key. Elections and leases are short, so what is
// seen here is safety and that it goes on; what a real lease lives through is measured by `go run ./hack/prove`.
func TestElections(t *testing.T) {
	report := tried(t, Trial{
		Election: time.Second, Faults: Faults(), Elections: 3, Sets: 4,
		Timing: mongolock.Timing{TTL: 3 * time.Second, AllowShort: true}.WithDefaults(),
	})
	if report.Elections < 12 || report.Runs < 24 || report.Buckets < 24 || report.Borne < 8 {
		t.Errorf("%s: too few", report.Summary())
	}
}

// TestElectionsAtRealTimes measures, with the server's times and a real ttl: MONGOGATE_ELECTIONS is how many.
func TestElectionsAtRealTimes(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("MONGOGATE_ELECTIONS"))
	if err != nil {
		t.Skip("MONGOGATE_ELECTIONS is not set")
	}
	ttl := must.Get(time.ParseDuration(os.Getenv("MONGOGATE_ELECTIONS_TTL")))(t)
	tried(t, Trial{Election: 10 * time.Second, Faults: Faults(), Elections: n, Sets: 6, Timing: mongolock.Timing{TTL: ttl}.WithDefaults()})
}

func tried(t *testing.T, trial Trial) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	all, err := trial.Run(ctx, database.Addr())
	if err != nil {
		t.Error(err)
	}
	fmt.Print(all.Table(trial.Faults))
	fmt.Println(all.Summary())
	for _, w := range all.Wrong {
		t.Error(w)
	}
	if all.Overlaps > 0 || all.Others > 0 || all.NotOnce > 0 || all.Late > 0 || all.Unborne > 0 {
		t.Errorf("%s", all.Summary())
	}
	return all
}

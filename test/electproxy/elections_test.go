package electproxy

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// TestElections: the real driver goes through elections of every kind, twelve
// of them at least, under three contenders for each key. Elections and leases are short, so what is
// seen here is safety and that it goes on; what a real lease lives through is measured by `go run ./hack/prove`.
func TestElections(t *testing.T) {
	report := trials(t, 4, Trial{
		Election: time.Second, Faults: Faults(), Elections: 3,
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
	ttl, err := time.ParseDuration(os.Getenv("MONGOGATE_ELECTIONS_TTL"))
	if err != nil {
		t.Fatal(err)
	}
	trials(t, 6, Trial{Election: 10 * time.Second, Faults: Faults(), Elections: n, Timing: mongolock.Timing{TTL: ttl}.WithDefaults()})
}

// trials are some at once, each with a set of its own, and each beginning with another fault.
func trials(t *testing.T, sets int, trial Trial) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	all := &Report{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i := range sets {
		wait.Go(func() {
			own := trial
			own.Database = fmt.Sprintf("elections_%d_%d", time.Now().UnixNano(), i)
			own.Faults = nil
			for k := range trial.Faults {
				own.Faults = append(own.Faults, trial.Faults[(i*trial.Elections+k)%len(trial.Faults)])
			}
			report, err := own.Run(ctx, database.Addr())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			all.Add(report)
		})
	}
	wait.Wait()
	fmt.Print(all.Table(trial.Faults))
	fmt.Println(all.Summary())
	for _, w := range all.Wrong {
		t.Error(w)
	}
	if all.Overlaps > 0 || all.TokenFaults > 0 || all.NotOnce > 0 || all.Late > 0 || all.Unborne > 0 {
		t.Errorf("%s", all.Summary())
	}
	return all
}

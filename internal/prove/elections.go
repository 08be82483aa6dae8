//go:build linux

package prove

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/devdb"
	"github.com/mongogate/mongogate/internal/electproxy"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// electionSets is how many sets have their elections at once; they mostly wait.
const electionSets = 6

// Elections has n elections under the library, with the server's own times and
// the default ttl, and tells in Markdown what became of leases, buckets and releases. The
// error is of what must never be: an overlap, a token that does not grow, a bucket that is not done exactly
// once, or a lease that is lost by a gap that the arithmetic bears.
func (r *Rig) Elections(ctx context.Context, n int) (string, error) {
	if n == 0 {
		return "", nil
	}
	server, err := devdb.StartKind(ctx, devdb.Engine, devdb.Options{})
	if err != nil {
		return "", fmt.Errorf("elections: %w", err)
	}
	defer server.Close()
	faults := electproxy.Faults()
	timing := mongolock.Timing{}.WithDefaults()
	all, each := &electproxy.Report{}, (n+electionSets-1)/electionSets
	var (
		mu     sync.Mutex
		failed []error
		sets   sync.WaitGroup
	)
	for i := range electionSets {
		sets.Go(func() {
			trial := electproxy.Trial{
				Election: 10 * time.Second, Timing: timing, Elections: each,
				Database: fmt.Sprintf("elections_%d_%d", time.Now().UnixNano(), i),
			}
			for k := range faults { // each begins with another one
				trial.Faults = append(trial.Faults, faults[(i*each+k)%len(faults)])
			}
			report, err := trial.Run(ctx, server.Addr())
			mu.Lock()
			defer mu.Unlock()
			if failed = append(failed, err); err == nil {
				all.Add(report)
			}
		})
	}
	sets.Wait()
	if err := errors.Join(failed...); err != nil {
		return "", err
	}
	text := all.Table(faults) + "\n" + all.Summary() + ".\n"
	if len(all.Wrong) > 0 {
		return "", fmt.Errorf("elections: %s\n%s", strings.Join(all.Wrong, "; "), text)
	}
	return text, nil
}

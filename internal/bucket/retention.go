package bucket

import (
	"fmt"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
)

// DefaultRetention is how long done records are kept where nothing longer is needed.
const DefaultRetention = 7 * day

// Stale says whether the bucket is so old at now that its done record may have
// been purged: whether it has been run can no longer be known, so it is to be
// skipped. now is best the server's time. Without a bucket nothing is stale.
func (r *Result) Stale(now time.Time, retention time.Duration) bool {
	return r.Bucket != "" && now.Sub(r.BucketTime) > retention
}

// Retention returns how long a done record is kept where the user has not said
// it: a week, or twice the least that CheckRetention allows.
func Retention(startingDeadline, period time.Duration) time.Duration {
	return max(DefaultRetention, 2*(startingDeadline+period))
}

// CheckRetention refuses a retention in which a done record could be purged
// while its run may still be started: a run starts up to the starting deadline
// after its tick, and a cluster may come to it one period later still. The
// period is the longest of the rule, so that what is accepted at one run is not
// refused at the next. Zero means not known. The error is a [problem.Problem].
func CheckRetention(retention, startingDeadline, period time.Duration) error {
	least := startingDeadline + period
	if retention >= least {
		return nil
	}
	return problem.Problem{
		Field: "retention", Value: retention.String(),
		Message: fmt.Sprintf("retention %v < starting deadline %v + period %v = %v: a latecomer would find no record and run again", retention, startingDeadline, period, least),
		Remedy:  fmt.Sprintf("give at least %v", least),
	}
}

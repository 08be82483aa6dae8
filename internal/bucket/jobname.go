package bucket

import (
	"strconv"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
)

// The controller of CronJobs names a Job after the CronJob and the scheduled
// minute, counted from 1970: getJobName and getTimeHashInMinutes in
// kubernetes/pkg/controller/cronjob (cronjob_controllerv2.go, utils.go):
// fmt.Sprintf("%s-%d", cj.Name, scheduledTime.Unix()/60). The pods carry the
// Job's name in the label batch.kubernetes.io/job-name. It is the same name in
// every cluster where name, schedule and timeZone are the same.
//
// The minutes have had eight digits since 1989. A date at the end of a name
// (report-20261122) has eight as well, so minutes are believed only from the
// release of that controller on (Kubernetes 1.20, December 2020 = 26.8
// million), which no date of the form yyyymmdd reaches before the year 2680.
const (
	minuteDigits   = 8
	earliestMinute = 26_780_000
)

// ManualJob says that a Job carries no scheduled minute in its name: it was
// made by hand (kubectl create job --from), or not by a CronJob at all.
type ManualJob struct {
	Name   string
	Reason string
}

func (e *ManualJob) Error() string { return e.Problem().String() }

// Problem says what is wrong with the Job's name, and what the user can do.
func (e *ManualJob) Problem() problem.Problem {
	return problem.Problem{
		Field: "job-name", Value: e.Name, Message: "this Job carries no scheduled minute, so it has no bucket: " + e.Reason,
		Remedy: "give --manual run to run it without a bucket, --manual skip to end at once with exit code 0, or --bucket none",
		Cause:  e,
	}
}

// SplitJobName returns the CronJob and the scheduled minute of one of its
// Jobs. The error is a *[ManualJob].
func SplitJobName(name string) (cronJob string, scheduled time.Time, err error) {
	manual := func(reason string) (string, time.Time, error) {
		return "", time.Time{}, &ManualJob{Name: name, Reason: reason}
	}
	i := strings.LastIndexByte(name, '-')
	if i < 1 {
		return manual("its name is not CRONJOB-MINUTES")
	}
	digits := name[i+1:]
	if len(digits) != minuteDigits {
		return manual("its name does not end in the eight digits of a minute since 1970")
	}
	minutes, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return manual("its name does not end in the eight digits of a minute since 1970")
	}
	if minutes < earliestMinute {
		return manual("its number would be a minute before there were such names: a date?")
	}
	return name[:i], time.Unix(int64(minutes)*60, 0).UTC(), nil
}

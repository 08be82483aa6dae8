package main

const (
	bucketUnit = "./internal/bucket -run=Test(BucketsAroundTheClock|JobsMadeByHand|TicksAreThose)"
	bucketYear = "./internal/bucket -run=TestYearOfRunsInEveryZone/^cron"
	bucketKube = "./internal/bucket -run=^TestTicksBehindAChange$|^TestYearOfRunsInEveryZone$/pod"
	zoneUnit   = "./internal/settings -run=Test(Zone|CronTZ)"
	runsUnit   = "./internal/settings -run=Test(IfHeld|RunSettings|LateStarts)"
)

// bucketMutants are of which run a start belongs to, and of what becomes of it.
var bucketMutants = []mutant{
	take("bucket-nearest-tick", "P9: a bucket is never taken from the future",
		edits{{"Spec.of", "if ahead <= skew && (begin.IsZero() || 10*ahead < next.Sub(begin)) {", "if ahead < t.Sub(begin) {"}}, bucketUnit, bucketYear),
	take("bucket-skew-of-a-minute-for-all", "P9: a start that is late by nine tenths of a short period is the same run",
		edits{{"Spec.of", "(begin.IsZero() || 10*ahead < next.Sub(begin))", "true"}}, bucketUnit, bucketYear),
	take("bucket-no-skew", "P9: a clock that is behind has the tick of the others", edits{{"Spec.Of", "return s.of(start, zone, ClockSkew)", "return s.of(start, zone, 0)"}}, bucketUnit, bucketYear),
	take("bucket-scheduled-by-clock", "P9: a scheduled minute has no skew",
		edits{{"Spec.Scheduled", "return s.of(minute, zone, 0)", "return s.of(minute, zone, ClockSkew)"}}, "./internal/bucket -run=TestScheduledMinutesHaveNoSkew"),
	take("bucket-gap-not-moved", "P9: a tick that the clocks skip is the run that cron makes after the gap",
		edits{{"crontab.ticks", "return gap <= correction", "return false"}}, bucketUnit, bucketYear),
	take("bucket-overlap-twice", "P9: a tick that comes twice is the one run that cron makes", edits{{"crontab.ticks", "return overlap > correction", "return true"}}, bucketUnit, bucketYear),
	take("bucket-cron-tz-moves", "P9: under CRON_TZ the clock's reading alone counts", edits{{"crontab.ticks", "!c.wild && !cronTZ", "!c.wild"}}, bucketYear, zoneUnit),
	take("bucket-walk-from-the-change", "P9: the ticks of a CronJob behind a change of the clocks are those of its controller",
		edits{{"cronJob.around", "if way >= 3 {", "if !last.IsZero() {"}, {"cronJob.around", "settled = change", "_ = change"}}, bucketKube),
	take("bucket-minute-ahead", "P9: a Job's name with a minute of the future is no CronJob's", edits{{"slotOf", "ahead > maxAhead", "false"}}, bucketUnit),
	take("job-of-anybody", "P9: a Job that no CronJob owns is no scheduled run, where the API may be asked",
		edits{{"Client.ScheduledBy", `return "no CronJob owns it", nil`, `return "", nil`}}, "./cmd/sidecar -run=TestJobsOfNoCronJob"),
	take("job-of-another-minute", "P9: a Job that was made for another minute is not of the one in its name",
		edits{{"Client.ScheduledBy", "!at.Truncate(time.Minute).Equal(minute)", "false"}}, "./cmd/sidecar -run=TestJobsOfNoCronJob"),
	take("job-unproven-in-silence", "P9: a run that is taken from a Job's name says that nothing proves it",
		edits{{"session.sayRun", `if s.JobName != "" && !s.KubeOwner {`, "if false {"}}, "./cmd/sidecar -run=^TestJobsOfNoCronJob$"),
	take("chart-weekday-seven", "charts: a schedule that Kubernetes refuses is refused",
		edits{{"mongogate.schedule.field", "{{- $high := index (list 59 23 31 12 6) .index -}}", "{{- $high := index (list 59 23 31 12 7) .index -}}"}}, "-C e2e ./render -run=TestChartSchedulesAreKubernetes"),
	take("chart-leap-day", "charts: records outlive the longest time between two runs",
		edits{{"mongogate.period", "{{ mulf 2922.0 $day }}", "{{ mulf 366.0 $day }}"}}, "-C e2e ./render -run=TestChartSchedulesAreKubernetes"),
	take("zone-always-utc", "the zone of a plain machine is the one that cron counts in", edits{{"loader.pickZone", "case hasMachine: chosen = machine", ""}}, zoneUnit),
	take("zone-of-a-crontab", "TZ in a crontab is not taken for cron's zone", edits{{"loader.pickZone", "!sameClock(tz.zone, machine.zone, step, s.start)", "false"}}, zoneUnit),
	take("zone-of-a-pod", "days and schedules in a pod have a zone by name", edits{{"loader.checkZone", "case s.kubernetes && s.Timezone == nil && step == 0:", "case false:"}}, zoneUnit),
	take("runs-skip-by-default", "a run that nobody starts again is not left to a holder that may fail",
		edits{{"loader.ifHeld", "return Wait", "return Skip"}}, runsUnit, "./cmd/sidecar -run=TestRunOfAWinnerThatLosesItsLease"),
	take("chart-run-left-to-nobody", "charts: a run that nothing tries again is not left to a holder that may fail",
		edits{{"mongogate.ifHeld", `(or (eq (toString $f.job.backoffLimit) "0") (eq (toString $f.job.backoffLimitPerIndex) "0"))`, `(eq (toString $f.job.backoffLimit) "-1")`}},
		chartTest+"TestChartWaitsWhereNothingTriesAgain"),
	take("runs-late-in-silence", "a start that is far from its tick says so", edits{{"Settings.StartWarnings", "r.Late <= min(lateness, r.Period/2)", "true"}}, runsUnit),
}

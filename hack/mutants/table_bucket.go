package main

const (
	specGo    = "internal/bucket/spec.go"
	crontabGo = "internal/bucket/crontab.go"
	cronJobGo = "internal/bucket/cronjob.go"
	madeGo    = "internal/kube/made.go"
	keyGo     = "internal/bucket/key.go"
	zoneGo    = "internal/settings/zone.go"
	loadGo    = "internal/settings/load.go"
	runsGo    = "internal/settings/runs.go"

	bucketUnit = "./internal/bucket -run=Test(BucketsAroundTheClock|JobsMadeByHand|TicksAreThose)"
	bucketYear = "./internal/bucket -run=TestYearOfRunsInEveryZone/^cron"
	bucketKube = "./internal/bucket -run=^TestTicksBehindAChange$|^TestYearOfRunsInEveryZone$/pod"
	zoneUnit   = "./internal/settings -run=Test(Zone|CronTZ)"
	runsUnit   = "./internal/settings -run=Test(IfHeld|RunSettings|LateStarts)"
)

// bucketMutants are of which run a start belongs to, and of what becomes of it.
func bucketMutants() []mutant {
	return []mutant{
		{
			name: "bucket-nearest-tick", protects: "P9: a bucket is never taken from the future",
			edits: []edit{{specGo, "if ahead <= skew && (begin.IsZero() || 10*ahead < next.Sub(begin)) {", "if ahead < t.Sub(begin) {"}},
			tests: []string{bucketUnit, bucketYear},
		},
		{
			name: "bucket-skew-of-a-minute-for-all", protects: "P9: a start that is late by nine tenths of a short period is the same run",
			edits: []edit{{specGo, "(begin.IsZero() || 10*ahead < next.Sub(begin))", "true"}},
			tests: []string{bucketUnit, bucketYear},
		},
		{
			name: "bucket-no-skew", protects: "P9: a clock that is behind has the tick of the others",
			edits: []edit{{specGo, "return s.of(start, zone, ClockSkew)", "return s.of(start, zone, 0)"}},
			tests: []string{bucketUnit, bucketYear},
		},
		{
			name: "bucket-scheduled-by-clock", protects: "P9: a scheduled minute has no skew",
			edits: []edit{{specGo, "return s.of(minute, zone, 0)", "return s.of(minute, zone, ClockSkew)"}},
			tests: []string{"./internal/bucket -run=TestScheduledMinutesHaveNoSkew"},
		},
		{
			name: "bucket-gap-not-moved", protects: "P9: a tick that the clocks skip is the run that cron makes after the gap",
			edits: []edit{{crontabGo, "return gap <= correction", "return false"}},
			tests: []string{bucketUnit, bucketYear},
		},
		{
			name: "bucket-overlap-twice", protects: "P9: a tick that comes twice is the one run that cron makes",
			edits: []edit{{crontabGo, "return overlap > correction", "return true"}},
			tests: []string{bucketUnit, bucketYear},
		},
		{
			name: "bucket-cron-tz-moves", protects: "P9: under CRON_TZ the clock's reading alone counts",
			edits: []edit{{crontabGo, "!c.wild && !cronTZ", "!c.wild"}},
			tests: []string{bucketYear, zoneUnit},
		},
		{
			name: "bucket-walk-from-the-change", protects: "P9: the ticks of a CronJob behind a change of the clocks are those of its controller",
			edits: []edit{{cronJobGo, "if way >= 3 {", "if !last.IsZero() {"}, {cronJobGo, "settled = change", "_ = change"}},
			tests: []string{bucketKube},
		},
		{
			name: "bucket-minute-ahead", protects: "P9: a Job's name with a minute of the future is no CronJob's",
			edits: []edit{{keyGo, "ahead > maxAhead", "false"}},
			tests: []string{bucketUnit},
		},
		{
			name: "job-of-anybody", protects: "P9: a Job that no CronJob owns is no scheduled run, where the API may be asked",
			edits: []edit{{madeGo, "return \"no CronJob owns it\", nil", "return \"\", nil"}},
			tests: []string{"./cmd/sidecar -run=TestJobsOfNoCronJob"},
		},
		{
			name: "job-of-another-minute", protects: "P9: a Job that was made for another minute is not of the one in its name",
			edits: []edit{{madeGo, "!at.Truncate(time.Minute).Equal(minute)", "false"}},
			tests: []string{"./cmd/sidecar -run=TestJobsOfNoCronJob"},
		},
		{
			name: "job-unproven-in-silence", protects: "P9: a run that is taken from a Job's name says that nothing proves it",
			edits: []edit{{"internal/agent/runfacts.go", `if s.JobName != "" && !s.KubeOwner {`, "if false {"}},
			tests: []string{"./cmd/sidecar -run=^TestJobsOfNoCronJob$"},
		},
		{
			name: "chart-weekday-seven", protects: "charts: a schedule that Kubernetes refuses is refused",
			edits: []edit{{"charts/mongogate-lib/templates/_schedule.tpl", "{{- $high := index (list 59 23 31 12 6) .index -}}", "{{- $high := index (list 59 23 31 12 7) .index -}}"}},
			tests: []string{"-C e2e ./render -run=TestChartSchedulesAreKubernetes"},
		},
		{
			name: "chart-leap-day", protects: "charts: records outlive the longest time between two runs",
			edits: []edit{{"charts/mongogate-lib/templates/_schedule.tpl", "{{ mulf 2922.0 $day }}", "{{ mulf 366.0 $day }}"}},
			tests: []string{"-C e2e ./render -run=TestChartSchedulesAreKubernetes"},
		},
		{
			name: "zone-always-utc", protects: "the zone of a plain machine is the one that cron counts in",
			edits: []edit{{zoneGo, "\tcase hasMachine:\n\t\tchosen = machine\n", ""}},
			tests: []string{zoneUnit},
		},
		{
			name: "zone-of-a-crontab", protects: "TZ in a crontab is not taken for cron's zone",
			edits: []edit{{zoneGo, "!sameClock(tz.zone, machine.zone, step, s.start)", "false"}},
			tests: []string{zoneUnit},
		},
		{
			name: "zone-of-a-pod", protects: "days and schedules in a pod have a zone by name",
			edits: []edit{{zoneGo, "case s.kubernetes && s.Timezone == nil && step == 0:", "case false:"}},
			tests: []string{zoneUnit},
		},
		{
			name: "runs-skip-by-default", protects: "a run that nobody starts again is not left to a holder that may fail",
			edits: []edit{{loadGo, "\treturn Wait\n}\n", "\treturn Skip\n}\n"}},
			tests: []string{runsUnit, "./cmd/sidecar -run=TestRunOfAWinnerThatLosesItsLease"},
		},
		{
			name: "chart-run-left-to-nobody", protects: "charts: a run that nothing tries again is not left to a holder that may fail",
			edits: []edit{{libEnv, `(or (eq (toString $f.job.backoffLimit) "0") (eq (toString $f.job.backoffLimitPerIndex) "0"))`, `(eq (toString $f.job.backoffLimit) "-1")`}},
			tests: []string{chartTest + "TestChartWaitsWhereNothingTriesAgain"},
		},
		{
			name: "runs-late-in-silence", protects: "a start that is far from its tick says so",
			edits: []edit{{runsGo, "r.Late <= min(lateness, r.Period/2)", "true"}},
			tests: []string{runsUnit},
		},
	}
}

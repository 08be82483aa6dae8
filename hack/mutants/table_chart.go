package main

const (
	libEnv    = "charts/mongogate-lib/templates/_env.tpl"
	libCheck  = "charts/mongogate-lib/templates/_check.tpl"
	libJob    = "charts/mongogate-lib/templates/_job.tpl"
	libNames  = "charts/mongogate-lib/templates/_names.tpl"
	libLock   = "charts/mongogate-lib/templates/_lock.tpl"
	libVolume = "charts/mongogate-lib/templates/_volumes.tpl"
	appNames  = "charts/mongogate/templates/_names.tpl"
	chartTest = "-C e2e ./render -run="
)

// chartMutants are of what the charts refuse, and of names that others could take.
func chartMutants() []mutant {
	return []mutant{
		{
			name: "chart-name-too-long", protects: "one key for each workload: a name that is too long is refused",
			edits: []edit{{libNames, "{{- if gt (len $name) $max -}}", "{{- if gt (len $name) 253 -}}"}},
			tests: []string{chartTest + "TestChartRefuses/long-CronJob"},
		},
		{
			name: "chart-name-cut", protects: "one key for each workload: no name is cut",
			edits: []edit{{appNames, "(contains $chart .Release.Name)) -}}", "(contains $chart .Release.Name)) | trunc 52 -}}"}},
			tests: []string{chartTest + "TestChartRefuses/long-CronJob"},
		},
		{
			name: "chart-statefulset-limit", protects: "names that the API takes: a StatefulSet's leaves room for its revision",
			edits: []edit{{libNames, `{{- $max = 52 -}}{{- $why = "the label of its revision`, `{{- $max = 63 -}}{{- $why = "the label of its revision`}},
			tests: []string{chartTest + "TestChartRefuses/long-StatefulSet"},
		},
		{
			name: "chart-lock-changes", protects: "one lock for the old pods and the new: an upgrade to another is refused",
			edits: []edit{{libVolume, "{{- include \"mongogate.sameLock\" . -}}", ""}},
			tests: []string{chartTest + "TestChartKeepsTheLock/^key$"},
		},
		{
			name: "chart-lock-bucket", protects: "one lock for the old pods and the new: the bucket is a part of it",
			edits: []edit{{libLock, `list "key" "bucket" "collection" "Secret" "store" -}}`, `list "key" "collection" "Secret" "store" -}}`}},
			tests: []string{chartTest + "TestChartKeepsTheLock/^bucket$"},
		},
		{
			name: "chart-lock-renamed", protects: "one lock for the old pods and the new: a workload with another name or kind is the one before",
			edits: []edit{{libLock, "{{- if .root.Release.IsUpgrade -}}", "{{- if false -}}"}},
			tests: []string{chartTest + "TestChartKeepsTheLock/^nameOverride$"},
		},
		{
			name: "chart-lock-accepted-for-ever", protects: "one lock for the old pods and the new: what was accepted once is not accepted again",
			edits: []edit{{libLock, "(ne (toString $ctx.values.keyChange) $mark)", "(not $ctx.values.keyChange)"}},
			tests: []string{chartTest + "TestChartKeepsTheLock/^key$"},
		},
		{
			name: "chart-retries-in-vain", protects: "a Job made by hand burns no retries",
			edits: []edit{{libJob, "{{- $codes := list 64 -}}", "{{- $codes := list -}}"}},
			tests: []string{chartTest + "TestChartJobIsNotTriedInVain"},
		},
		{
			name: "chart-deadline-counts-waiting", protects: "a Job's deadline leaves time to outlast a dead holder",
			edits: []edit{{libJob, "{{- if le $ms $silence -}}", "{{- if false -}}"}},
			tests: []string{chartTest + "TestChartRefuses/a-Job-without-time-to-wait"},
		},
		{
			name: "chart-stop-signal-untold", protects: "a request to stop is one whatever its signal: the chart tells the gate which it is",
			edits: []edit{{libEnv, `{{ $_ := set $set "STOP_SIGNAL" . }}`, ""}},
			tests: []string{chartTest + "TestChartPodFields"},
		},
		{
			name: "chart-stop-signal-uncatchable", protects: "a request to stop is one whatever its signal: one that the gate cannot take is refused",
			edits: []edit{{libCheck, `{{- if has . (list "SIGKILL"`, `{{- if has . (list "none"`}},
			tests: []string{chartTest + "TestChartRefuses/a-signal-that-nobody-can-catch"},
		},
		{
			name: "chart-generic-template", protects: "the key is this chart's: no template with a name that an umbrella has",
			edits: []edit{{appNames, `{{- define "mongogate.app.name" -}}`, `{{- define "mongogate.app.name" -}}{{ include "app.name" . }}{{- end -}}{{- define "app.name" -}}`}},
			tests: []string{chartTest + "TestChartUnderAnUmbrella", chartTest + "TestChartTemplatesArePrefixed"},
		},
	}
}

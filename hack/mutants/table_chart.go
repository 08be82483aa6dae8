package main

const chartTest = "-C e2e ./render -run="

// chartMutants are of what the charts refuse, and of names that others could take.
var chartMutants = []mutant{
	take("chart-name-too-long", "one key for each workload: a name that is too long is refused",
		edits{{"mongogate.problems.names", "{{- if gt (len $name) $max -}}", "{{- if gt (len $name) 253 -}}"}}, chartTest+"TestChartRefuses/long-CronJob"),
	take("chart-name-cut", "one key for each workload: no name is cut",
		edits{{"mongogate.app.name", "(contains $chart .Release.Name)) -}}", "(contains $chart .Release.Name)) | trunc 52 -}}"}}, chartTest+"TestChartRefuses/long-CronJob"),
	take("chart-statefulset-limit", "names that the API takes: a StatefulSet's leaves room for its revision",
		edits{{"mongogate.problems.names", `{{- $max = 52 -}}{{- $why = "the label of its revision`, `{{- $max = 63 -}}{{- $why = "the label of its revision`}}, chartTest+"TestChartRefuses/long-StatefulSet"),
	take("chart-lock-changes", "one lock for the old pods and the new: an upgrade to another is refused",
		edits{{"mongogate.volumes", `{{- include "mongogate.sameLock" . -}}`, ""}}, chartTest+"TestChartKeepsTheLock/^key$"),
	take("chart-lock-bucket", "one lock for the old pods and the new: the bucket is a part of it",
		edits{{"mongogate.sameLock", `list "key" "bucket" "collection" "Secret" "store" -}}`, `list "key" "collection" "Secret" "store" -}}`}}, chartTest+"TestChartKeepsTheLock/^bucket$"),
	take("chart-lock-renamed", "one lock for the old pods and the new: a workload with another name or kind is the one before",
		edits{{"mongogate.sameLock", "{{- if .root.Release.IsUpgrade -}}", "{{- if false -}}"}}, chartTest+"TestChartKeepsTheLock/^nameOverride$"),
	take("chart-lock-accepted-for-ever", "one lock for the old pods and the new: what was accepted once is not accepted again",
		edits{{"mongogate.sameLock", "(ne (toString $ctx.values.keyChange) $mark)", "(not $ctx.values.keyChange)"}}, chartTest+"TestChartKeepsTheLock/^key$"),
	take("chart-retries-in-vain", "a Job made by hand burns no retries",
		edits{{"mongogate.podFailurePolicy", "{{- $codes := list 64 -}}", "{{- $codes := list -}}"}}, chartTest+"TestChartJobIsNotTriedInVain"),
	take("chart-deadline-counts-waiting", "a Job's deadline leaves time to outlast a dead holder",
		edits{{"mongogate.problems.waiting", "{{- if le $ms $silence -}}", "{{- if false -}}"}}, chartTest+"TestChartRefuses/a-Job-without-time-to-wait"),
	take("chart-stop-signal-untold", "a request to stop is one whatever its signal: the chart tells the gate which it is",
		edits{{"mongogate.env", `{{ $_ := set $set "STOP_SIGNAL" . }}`, ""}}, chartTest+"TestChartPodFields"),
	take("chart-stop-signal-uncatchable", "a request to stop is one whatever its signal: one that the gate cannot take is refused",
		edits{{"mongogate.problems.containers", `{{- if has . (list "SIGKILL"`, `{{- if has . (list "none"`}}, chartTest+"TestChartRefuses/a-signal-that-nobody-can-catch"),
	take("chart-generic-template", "the key is this chart's: no template with a name that an umbrella has",
		edits{{"mongogate.app.name", `{{- define "mongogate.app.name" -}}`, `{{- define "mongogate.app.name" -}}{{ include "app.name" . }}{{- end -}}{{- define "app.name" -}}`}},
		chartTest+"TestChartUnderAnUmbrella", chartTest+"TestChartTemplatesArePrefixed"),
}

package main

const (
	libNames  = "charts/mongogate-lib/templates/_names.tpl"
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
			name: "chart-generic-template", protects: "the key is this chart's: no template with a name that an umbrella has",
			edits: []edit{{appNames, `{{- define "mongogate.app.name" -}}`, `{{- define "mongogate.app.name" -}}{{ include "app.name" . }}{{- end -}}{{- define "app.name" -}}`}},
			tests: []string{chartTest + "TestChartUnderAnUmbrella", chartTest + "TestChartTemplatesArePrefixed"},
		},
	}
}

{{- define "app.chart" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* CronJobs may have 52 characters, for their Jobs get eleven more. */}}
{{- define "app.name" -}}
{{- $max := ternary 52 63 (eq .Values.kind "CronJob") -}}
{{- $chart := include "app.chart" . -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc $max | trimSuffix "-" -}}
{{- end -}}

{{- define "app.selector" -}}
app.kubernetes.io/name: {{ include "app.chart" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "app.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "app.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with omit .Values.commonLabels "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/managed-by" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "app.image" -}}
{{- $i := .Values.image -}}
{{- $registry := $i.registry -}}
{{- with dig "imageRegistry" "" (.Values.global | default dict) }}{{ $registry = . }}{{ end -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $i.repository -}}
{{- if $i.digest -}}@{{ $i.digest }}{{- else if $i.tag -}}:{{ $i.tag }}{{- end -}}
{{- end -}}

{{/* The account of the pods; empty for the namespace's. */}}
{{- define "app.serviceAccount" -}}
{{- $k := .Values.gate.kube -}}
{{- if .Values.serviceAccount.name -}}{{ .Values.serviceAccount.name }}
{{- else if or $k.events $k.label $k.evidence -}}{{ include "app.name" . }}
{{- end -}}
{{- end -}}

{{/* The gate's values, with the Secret that the chart itself makes of databaseUri. */}}
{{- define "app.gate" -}}
{{- $v := deepCopy .Values.gate -}}
{{- if .Values.databaseUri }}{{ $_ := set $v.database "existingSecret" (printf "%s-uri" (include "app.name" .)) }}{{ $_ := set $v.database "key" "uri" }}{{ end -}}
{{- toJson $v -}}
{{- end -}}

{{/* What the library is asked, as YAML: everything but $ itself. */}}
{{- define "app.request" -}}
{{- $services := list -}}
{{- if .Values.service.enabled }}{{ $services = append $services (include "app.serviceSelector" . | fromYaml) }}{{ end -}}
{{- $beside := list -}}
{{- if .Values.podDisruptionBudget.enabled }}{{ $beside = append $beside "PodDisruptionBudget" }}{{ end -}}
{{- $pod := include "app.podLabels" . | fromJson -}}
{{- range include "app.extraObjects" . | fromJsonArray -}}
{{- $beside = append $beside (toString .kind) -}}
{{- if eq (toString .kind) "Service" -}}
{{- $selector := dig "selector" dict (.spec | default dict) -}}
{{- $ours := not (empty $selector) -}}
{{- range $key, $value := $selector }}{{ if and (ne $key ($.Values.gate.kube.label | default "")) (ne (toString $value) (toString (get $pod $key))) }}{{ $ours = false }}{{ end }}{{ end -}}
{{- if $ours }}{{ $services = append $services $selector }}{{ end -}}
{{- end -}}
{{- end -}}
{{- dict
  "name" (include "app.name" .)
  "kind" .Values.kind
  "workload" (include "app.workload" . | fromYaml)
  "pod" (include "app.pod" . | fromYaml)
  "values" (include "app.gate" . | fromJson)
  "services" $services
  "beside" $beside
  "problems" (include "app.problems" . | fromJsonArray)
| toJson -}}
{{- end -}}

{{/* The extra objects as they will be: templates rendered, documents of a text and items of a List by themselves. */}}
{{- define "app.extraObjects" -}}
{{- $all := list -}}
{{- range .Values.extraObjects -}}
{{- range regexSplit "(?m)^---.*$" (tpl (ternary . (toYaml .) (kindIs "string" .)) $) -1 -}}
{{- $o := . | fromYaml -}}
{{- range $o.items | default (list $o) }}{{ if . }}{{ $all = append $all . }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* What the pods carry, but for what the library adds. */}}
{{- define "app.podLabels" -}}
{{- merge (include "app.selector" . | fromYaml) .Values.podLabels .Values.commonLabels | toJson -}}
{{- end -}}

{{- define "app.serviceSelector" -}}
{{ include "app.selector" . }}
{{- with .Values.gate.kube.label }}
{{ . }}: "true"
{{- end }}
{{- end -}}

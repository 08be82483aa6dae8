{{/* What labels call the chart. No name is cut: what is too long is refused. */}}
{{- define "mongogate.app.chart" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{- define "mongogate.app.name" -}}
{{- $chart := include "mongogate.app.chart" . -}}
{{- .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name)) -}}
{{- end -}}

{{/*
The Service of a StatefulSet's pods. It keeps its name whether another one stands in front of them or not: a
StatefulSet's serviceName cannot be changed.
*/}}
{{- define "mongogate.app.podsService" -}}
{{- include "mongogate.app.name" . }}-pods
{{- end -}}

{{- define "mongogate.app.selector" -}}
app.kubernetes.io/name: {{ include "mongogate.app.chart" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "mongogate.app.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{ include "mongogate.app.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- with omit .Values.commonLabels "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/managed-by" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "mongogate.app.image" -}}
{{- $i := .Values.image -}}
{{- $registry := $i.registry -}}
{{- with dig "imageRegistry" "" (.Values.global | default dict) }}{{ $registry = . }}{{ end -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $i.repository -}}
{{- if $i.digest -}}@{{ $i.digest }}{{- else if $i.tag -}}:{{ include "mongogate.text" $i.tag }}{{- end -}}
{{- end -}}

{{/* The account of the pods; empty for the namespace's. */}}
{{- define "mongogate.app.serviceAccount" -}}
{{- $k := .Values.gate.kube -}}
{{- if .Values.serviceAccount.name -}}{{ .Values.serviceAccount.name }}
{{- else if or $k.events $k.label $k.evidence $k.owner -}}{{ include "mongogate.app.name" . }}
{{- end -}}
{{- end -}}

{{/* The gate's values, with the Secret that the chart itself makes of databaseUri. */}}
{{- define "mongogate.app.gate" -}}
{{- $v := deepCopy .Values.gate -}}
{{- if .Values.databaseUri }}{{ $_ := set $v.database "existingSecret" (printf "%s-uri" (include "mongogate.app.name" .)) }}{{ $_ := set $v.database "key" "uri" }}{{ end -}}
{{- toJson $v -}}
{{- end -}}

{{/* What the library is asked, as YAML: everything but $ itself. */}}
{{- define "mongogate.app.request" -}}
{{- $services := list -}}
{{- if .Values.service.enabled }}{{ $services = append $services (include "mongogate.app.serviceSelector" . | fromYaml) }}{{ end -}}
{{- $beside := list -}}
{{- if .Values.podDisruptionBudget.enabled }}{{ $beside = append $beside "PodDisruptionBudget" }}{{ end -}}
{{- $pod := include "mongogate.app.podLabels" . | fromJson -}}
{{- range include "mongogate.app.extraObjects" . | fromJsonArray -}}
{{- $beside = append $beside (toString .kind) -}}
{{- if eq (toString .kind) "Service" -}}
{{- $selector := dig "selector" dict (.spec | default dict) -}}
{{- $ours := not (empty $selector) -}}
{{- range $key, $value := $selector }}{{ if and (ne $key ($.Values.gate.kube.label | default "")) (ne (toString $value) (toString (get $pod $key))) }}{{ $ours = false }}{{ end }}{{ end -}}
{{- if $ours }}{{ $services = append $services $selector }}{{ end -}}
{{- end -}}
{{- end -}}
{{- dict
  "name" (include "mongogate.app.name" .)
  "kind" .Values.kind
  "workload" (include "mongogate.app.workload" . | fromYaml)
  "pod" (include "mongogate.app.wholePod" . | fromYaml)
  "values" (include "mongogate.app.gate" . | fromJson)
  "services" $services
  "beside" $beside
  "whole" true
  "problems" (include "mongogate.app.problems" . | fromJsonArray)
| toJson -}}
{{- end -}}

{{/* The extra objects as they will be: templates rendered, documents of a text and items of a List by themselves. */}}
{{- define "mongogate.app.extraObjects" -}}
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
{{- define "mongogate.app.podLabels" -}}
{{- merge (include "mongogate.app.selector" . | fromYaml) .Values.podLabels .Values.commonLabels | toJson -}}
{{- end -}}

{{- define "mongogate.app.serviceSelector" -}}
{{ include "mongogate.app.selector" . }}
{{- with .Values.gate.kube.label }}
{{ . }}: "true"
{{- end }}
{{- end -}}

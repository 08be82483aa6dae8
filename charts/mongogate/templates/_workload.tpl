{{/* The workload's spec without its pod. */}}
{{- define "mongogate.app.workload" -}}
{{- $v := .Values -}}
{{- if eq $v.kind "Deployment" }}
{{- if not (kindIs "invalid" $v.replicas) }}
replicas: {{ $v.replicas | int64 }}
{{- end }}
{{- with $v.minReadySeconds }}
minReadySeconds: {{ . | int64 }}
{{- end }}
{{- with $v.deployment }}
revisionHistoryLimit: {{ .revisionHistoryLimit }}
progressDeadlineSeconds: {{ .progressDeadlineSeconds }}
strategy:
  {{- toYaml .strategy | nindent 2 }}
{{- end }}
{{- else if eq $v.kind "StatefulSet" }}
{{- if not (kindIs "invalid" $v.replicas) }}
replicas: {{ $v.replicas | int64 }}
{{- end }}
{{- with $v.minReadySeconds }}
minReadySeconds: {{ . | int64 }}
{{- end }}
serviceName: {{ include "mongogate.app.podsService" . | quote }}
{{- with $v.statefulSet }}
podManagementPolicy: {{ .podManagementPolicy }}
updateStrategy:
  {{- if .updateStrategy }}
  {{- toYaml .updateStrategy | nindent 2 }}
  {{- else }}
  type: RollingUpdate
  {{- if semverCompare ">=1.35.0-0" $.Capabilities.KubeVersion.Version }}
  # One that waits for its lock is not ready, and the next is not to wait for it.
  rollingUpdate:
    maxUnavailable: 100%
  {{- end }}
  {{- end }}
{{- with .persistentVolumeClaimRetentionPolicy }}
persistentVolumeClaimRetentionPolicy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .volumeClaimTemplates }}
volumeClaimTemplates:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- else if eq $v.kind "Job" }}
{{- include "mongogate.app.job" . }}
{{- else }}
{{- $c := $v.cronJob }}
schedule: {{ $c.schedule | quote }}
{{- with $c.timeZone }}
timeZone: {{ . | quote }}
{{- end }}
{{- if not (kindIs "invalid" $c.startingDeadlineSeconds) }}
startingDeadlineSeconds: {{ $c.startingDeadlineSeconds | int64 }}
{{- end }}
concurrencyPolicy: {{ $c.concurrencyPolicy }}
suspend: {{ $c.suspend }}
successfulJobsHistoryLimit: {{ $c.successfulJobsHistoryLimit }}
failedJobsHistoryLimit: {{ $c.failedJobsHistoryLimit }}
jobTemplate:
  spec:
    {{- include "mongogate.app.job" . | nindent 4 }}
{{- end }}
{{- end -}}

{{- define "mongogate.app.job" -}}
{{- with .Values.job }}
backoffLimit: {{ .backoffLimit }}
parallelism: {{ .parallelism }}
completions: {{ .completions }}
completionMode: {{ .completionMode }}
{{- if not (kindIs "invalid" .activeDeadlineSeconds) }}
activeDeadlineSeconds: {{ .activeDeadlineSeconds | int64 }}
{{- end }}
{{- if not (kindIs "invalid" .ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ .ttlSecondsAfterFinished | int64 }}
{{- end }}
{{- range $field := list "backoffLimitPerIndex" "maxFailedIndexes" }}
{{- if not (kindIs "invalid" (index $.Values.job $field)) }}
{{ $field }}: {{ index $.Values.job $field | int64 }}
{{- end }}
{{- end }}
{{- with .podReplacementPolicy }}
podReplacementPolicy: {{ . }}
{{- end }}
{{- if .suspend }}
suspend: true
{{- end }}
{{- with .podFailurePolicy }}
podFailurePolicy:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

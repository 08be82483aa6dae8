{{/* The pod as it would be without a gate; what podSpec adds is in it before anything is checked. */}}
{{- define "mongogate.app.wholePod" -}}
{{- mergeOverwrite (include "mongogate.app.pod" . | fromYaml) (.Values.podSpec | default dict) | toYaml -}}
{{- end -}}

{{- define "mongogate.app.pod" -}}
{{- $v := .Values -}}
{{- with include "mongogate.app.serviceAccount" . }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- if $v.serviceAccount.automountToken }}
automountServiceAccountToken: true
{{- end }}
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "mongogate.securityContext" $v.podSecurityContext }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- if $v.restartPolicy }}
restartPolicy: {{ $v.restartPolicy }}
{{- else if has $v.kind (list "Job" "CronJob") }}
restartPolicy: Never
{{- end }}
{{- if not (kindIs "invalid" $v.terminationGracePeriodSeconds) }}
terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds | int64 }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "runtimeClassName" "volumes" "initContainers" "hostAliases" "dnsConfig" "dnsPolicy" "schedulerName" }}
{{- with get $v $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- if $v.hostNetwork }}
hostNetwork: true
{{- end }}
{{- if kindIs "bool" $v.enableServiceLinks }}
enableServiceLinks: {{ $v.enableServiceLinks }}
{{- end }}
containers:
  - name: {{ $v.containerName | quote }}
    image: {{ include "mongogate.app.image" . | quote }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    {{- range $field := list "command" "args" "env" "envFrom" "workingDir" "ports" "resources" "livenessProbe" "readinessProbe" "startupProbe" "lifecycle" "volumeMounts" }}
    {{- with get $v $field }}
    {{ $field }}:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
    {{- with include "mongogate.securityContext" $v.securityContext }}
    securityContext:
      {{- . | nindent 6 }}
    {{- end }}
  {{- with $v.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

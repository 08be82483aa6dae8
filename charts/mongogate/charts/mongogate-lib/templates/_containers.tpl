{{/* Kubernetes' own fields of a container of ours, whatever it does. */}}
{{- define "mongogate.container" -}}
image: {{ include "mongogate.image" . | quote }}
imagePullPolicy: {{ .values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
{{- with (include "mongogate.securityContext" .values.securityContext) }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Without what is null: a platform assigns it. */}}
{{- define "mongogate.securityContext" -}}
{{- $kept := dict -}}
{{- range $k, $v := . }}{{ if not (kindIs "invalid" $v) }}{{ $_ := set $kept $k $v }}{{ end }}{{ end -}}
{{- if $kept }}{{ toYaml $kept }}{{ end -}}
{{- end -}}

{{/* Where a gate that talks to the database finds what it needs. */}}
{{- define "mongogate.gateMounts" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
- name: mongogate-state{{ $f.suffix }}
  mountPath: {{ $f.state }}
- name: mongogate-podinfo{{ $f.suffix }}
  mountPath: /etc/podinfo
  readOnly: true
- name: mongogate-uri{{ $f.suffix }}
  mountPath: /etc/mongogate/secret
  readOnly: true
{{- if or .values.caBundle.configMap .values.caBundle.secret }}
- name: mongogate-ca{{ $f.suffix }}
  mountPath: /etc/mongogate/ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "mongogate.gateEnv" -}}
{{- $ours := include "mongogate.env" . | fromJsonArray -}}
{{- include "mongogate.mergedEnv" (dict "given" .values.env "ours" $ours) | fromJsonArray | toYaml -}}
{{- end -}}

{{/* The init container that copies the binary to where the workload's container finds it. */}}
{{- define "mongogate.install" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
name: mongogate-install{{ $f.suffix }}
{{ include "mongogate.container" . }}
args: [install, /opt/mongogate]
volumeMounts:
  - name: mongogate-bin{{ $f.suffix }}
    mountPath: /opt/mongogate
{{- end -}}

{{/* The init container that gives every start of the pod's containers a number of its own. */}}
{{- define "mongogate.epoch" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
name: mongogate-epoch{{ $f.suffix }}
{{ include "mongogate.container" . }}
args: [epoch]
env:
  - name: MONGOGATE_STATE_DIR
    value: {{ $f.state }}
volumeMounts:
  - name: mongogate-state{{ $f.suffix }}
    mountPath: {{ $f.state }}
{{- end -}}

{{/* The init container that blocks until the lock is held; the sidecar adopts the lease. */}}
{{- define "mongogate.init" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
name: mongogate-wait{{ $f.suffix }}
{{ include "mongogate.container" . }}
args: [init]
env:
  {{- include "mongogate.gateEnv" (merge (dict "role" "wait") .) | nindent 2 }}
volumeMounts:
  {{- include "mongogate.gateMounts" . | nindent 2 }}
{{- end -}}

{{/* The native sidecar: its startup probe holds the other containers back until the lock is held. */}}
{{- define "mongogate.sidecar" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $p := .values.probes -}}
name: mongogate{{ $f.suffix }}
{{ include "mongogate.container" . }}
args: [sidecar]
restartPolicy: Always
{{- if $f.restart }}
# Whatever the gate ends with, but told to end: the kubelet restarts every container of the pod.
restartPolicyRules:
  - action: RestartAllContainers
    exitCodes:
      operator: NotIn
      values: [0]
{{- end }}
env:
  {{- include "mongogate.gateEnv" (merge (dict "role" "gate") .) | nindent 2 }}
{{- if or .values.metrics.enabled $f.http }}
ports:
  {{- if .values.metrics.enabled }}
  - name: {{ include "mongogate.portName" (dict "name" "metrics" "suffix" $f.suffix) }}
    containerPort: {{ .values.metrics.port | int64 }}
  {{- end }}
  {{- if $f.http }}
  - name: {{ include "mongogate.portName" (dict "name" "probes" "suffix" $f.suffix) }}
    containerPort: {{ $f.probePort | int64 }}
  {{- end }}
{{- end }}
# It waits forever: a gate that ended while its pod starts would end the pod on some versions (kubernetes#132826).
{{- range $question := list "startup" "readiness" "liveness" }}
{{ $question }}Probe:
  {{- include "mongogate.ask" (dict "question" $question "times" (get $p $question) "facts" $f "port" $f.probePort "binary" "/mongogate") | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "mongogate.gateMounts" . | nindent 2 }}
{{- end -}}

{{/* The workload's own container: its command under the gate, its probes through it. */}}
{{- define "mongogate.wrapper" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $c := deepCopy $f.mine -}}
{{- $follow := eq .values.protection "follow" -}}
{{- $role := ternary "follower" "gate" $follow -}}
{{- $argv := list "/opt/mongogate/mongogate" "run" -}}
{{- if $follow }}{{ $argv = append $argv "--follow" }}{{ end -}}
{{- $_ := set $c "command" (concat (append $argv "--") ($c.command | default list)) -}}
{{- $_ := set $c "env" (include "mongogate.mergedEnv" (dict "given" $c.env "ours" (include "mongogate.env" (merge (dict "role" $role) .) | fromJsonArray)) | fromJsonArray) -}}
{{- $mounts := list (dict "name" (printf "mongogate-bin%s" $f.suffix) "mountPath" "/opt/mongogate" "readOnly" true) -}}
{{- range (include "mongogate.gateMounts" . | fromYamlArray) -}}
{{- if or (not $follow) (has .name (list (printf "mongogate-state%s" $f.suffix) (printf "mongogate-podinfo%s" $f.suffix))) }}{{ $mounts = append $mounts . }}{{ end -}}
{{- end -}}
{{- $_ := set $c "volumeMounts" (concat ($c.volumeMounts | default list) $mounts) -}}
{{- if and .values.metrics.enabled (not $follow) -}}
{{- $_ := set $c "ports" (append ($c.ports | default list) (dict "name" (include "mongogate.portName" (dict "name" "metrics" "suffix" $f.suffix)) "containerPort" (int64 .values.metrics.port))) -}}
{{- end -}}
{{- if include "mongogate.wrapperByHttp" . -}}
{{- $_ := set $c "ports" (append ($c.ports | default list) (dict "name" (include "mongogate.portName" (dict "name" (ternary "follow" "probes" $follow) "suffix" $f.suffix)) "containerPort" (int64 $f.wrapperPort))) -}}
{{- end -}}
{{- $_ := unset $c "livenessProbe" -}}{{- $_ := unset $c "readinessProbe" -}}{{- $_ := unset $c "startupProbe" -}}
{{- $c = merge $c (include "mongogate.probes" . | fromYaml) -}}
{{- toYaml $c -}}
{{- end -}}

{{/* A container that may run without the lock: in a shared process namespace everything else is the workload. */}}
{{- define "mongogate.spared" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $c := deepCopy .mine -}}
{{- if and $f.shared (not $f.wrapper) -}}
{{- $_ := set $c "env" (include "mongogate.mergedEnv" (dict "given" $c.env "ours" (list (dict "name" "MONGOGATE_SPARED" "value" "true"))) | fromJsonArray) -}}
{{- end -}}
{{- toYaml $c -}}
{{- end -}}

{{/* A container behind a sidecar: it can read the sentinel, and carries the mark that no name of a program can overrule. */}}
{{- define "mongogate.watched" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $c := deepCopy .mine -}}
{{- if $f.shared -}}
{{- $_ := set $c "env" (include "mongogate.mergedEnv" (dict "given" $c.env "ours" (list (dict "name" "MONGOGATE_WORKLOAD" "value" "true"))) | fromJsonArray) -}}
{{- end -}}
{{- $_ := set $c "volumeMounts" (append ($c.volumeMounts | default list) (dict "name" (printf "mongogate-state%s" $f.suffix) "mountPath" $f.state "readOnly" true)) -}}
{{- toYaml $c -}}
{{- end -}}

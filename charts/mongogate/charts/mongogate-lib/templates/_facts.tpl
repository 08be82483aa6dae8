{{/*
What follows from a request. Every template of this chart takes one dict:

  root      $ of the chart that includes it
  name      the workload's name
  kind      Deployment, StatefulSet, Job or CronJob
  workload  its spec as in the Kubernetes API, without the pod
  pod       the pod's spec
  values    the gate's values: .Values.<alias of this chart>
  services  the selectors of the Services in front of it (needed for readiness: candidate)
  beside    kinds of objects that count on ready pods: PodDisruptionBudget, HorizontalPodAutoscaler
  whole     true: the chart of the caller has this one workload, and another of the release is what it was before
  problems  what the caller refuses itself, so that all of it is told at once
*/}}
{{- define "mongogate.facts" -}}
{{- if not (hasKey (.values | default dict) "protection") -}}
{{- fail "mongogate: the values of the gate are missing: give the dependency mongogate-lib an alias in Chart.yaml, and pass .Values.<alias> as values" -}}
{{- end -}}
{{- if not (has .kind (list "Deployment" "StatefulSet" "Job" "CronJob")) -}}
{{- fail (printf "mongogate: kind %s: give Deployment, StatefulSet, Job or CronJob" .kind) -}}
{{- end -}}
{{- $v := .values -}}
{{- $job := dict -}}
{{- if eq .kind "Job" }}{{ $job = .workload | default dict }}{{ end -}}
{{- if eq .kind "CronJob" }}{{ $job = (((.workload | default dict).jobTemplate | default dict).spec | default dict) }}{{ end -}}
{{- $wrapper := has $v.protection (list "run" "follow") -}}
{{- $sidecar := not (has $v.protection (list "run" "init")) -}}
{{- $inForce := prepend ($v.also | default list) $v.protection -}}
{{- $containers := .pod.containers | default list -}}
{{- $main := $v.container -}}
{{- if and (not $main) $containers }}{{ $main = (first $containers).name }}{{ end -}}
{{- $mine := dict -}}
{{- range $containers }}{{ if eq (toString .name) (toString $main) }}{{ $mine = . }}{{ end }}{{ end -}}
{{- $budget := $v.killBudget -}}
{{- if and (not $budget) (has "restart" $inForce) (lt (include "mongogate.ms" $v.ttl | float64) 42000.0) }}{{ $budget = "7s" }}{{ end -}}
{{- $hostNetwork := .pod.hostNetwork | default false -}}
{{- dict
  "job" $job
  "isJob" (has .kind (list "Job" "CronJob"))
  "wrapper" $wrapper
  "sidecar" $sidecar
  "restart" (and $sidecar (has "restart" $inForce))
  "kill" (and $sidecar (has "kill" $inForce))
  "shared" (or (and $sidecar (has "kill" $inForce)) $v.shareProcessNamespace (.pod.shareProcessNamespace | default false))
  "kube" (or $v.kube.events (not (empty $v.kube.label)) $v.kube.evidence $v.kube.owner)
  "hostNetwork" $hostNetwork
  "http" (eq ($v.probes.by | default (ternary "exec" "http" $hostNetwork)) "http")
  "probeHost" (ternary "127.0.0.1" "" $hostNetwork)
  "probePort" $v.probes.port
  "wrapperPort" (ternary (add1 $v.probes.port) $v.probes.port $sidecar)
  "main" $main
  "mine" $mine
  "killBudget" $budget
  "suffix" (ternary "" (printf "-%s" $v.suffix) (empty $v.suffix))
  "state" (printf "/run/mongogate%s" (ternary "" (printf "-%s" $v.suffix) (empty $v.suffix)))
  "indexed" (or (eq .kind "StatefulSet") (eq (toString $job.completionMode) "Indexed"))
| toJson -}}
{{- end -}}

{{/* A duration such as 30s or 1h30m in milliseconds. */}}
{{- define "mongogate.ms" -}}
{{- $unit := dict "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 "d" 86400000.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h|d)" (toString .) -1 -}}
{{- $sum = addf $sum (mulf (regexFind "^[0-9.]+" . | float64) (get $unit (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* The times that follow from the ttl where they are not given, in milliseconds. */}}
{{- define "mongogate.timing" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $ttl := include "mongogate.ms" .values.ttl | float64 -}}
{{- $heartbeat := divf $ttl 6.0 -}}{{- with .values.heartbeat }}{{ $heartbeat = include "mongogate.ms" . | float64 }}{{ end -}}
{{- $operation := divf $ttl 5.0 -}}{{- with .values.operationTimeout }}{{ $operation = include "mongogate.ms" . | float64 }}{{ end -}}
{{- $budget := divf $ttl 6.0 -}}{{- with $f.killBudget }}{{ $budget = include "mongogate.ms" . | float64 }}{{ end -}}
{{- $after := mulf 0.75 $budget -}}{{- with .values.killAfter }}{{ $after = include "mongogate.ms" . | float64 }}{{ end -}}
{{- $grace := divf $ttl 6.0 -}}{{- with .values.grace }}{{ $grace = include "mongogate.ms" . | float64 }}{{ end -}}
{{- dict "ttl" $ttl "heartbeat" $heartbeat "operation" $operation "budget" $budget "after" $after "grace" $grace | toJson -}}
{{- end -}}

{{/* Milliseconds for people. */}}
{{- define "mongogate.seconds" -}}
{{- $s := divf (float64 .) 1000.0 -}}
{{- round $s 2 -}}s
{{- end -}}

{{/* A text, or a whole number as it was written: --set gives numbers, and Helm keeps them as floats. */}}
{{- define "mongogate.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* The version of the binary that this chart was made for. */}}
{{- define "mongogate.version" -}}0.1.0{{- end -}}

{{- define "mongogate.image" -}}
{{- $i := .values.image -}}
{{- $registry := $i.registry -}}
{{- with dig "imageRegistry" "" (.root.Values.global | default dict) }}{{ $registry = . }}{{ end -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $i.repository -}}
{{- if $i.digest -}}@{{ $i.digest }}{{- else -}}:{{ include "mongogate.text" ($i.tag | default (include "mongogate.version" .)) }}{{- end -}}
{{- end -}}

{{/* What the workload's pods carry, so that people and selectors see how it is protected. */}}
{{- define "mongogate.podLabels" -}}
mongogate.dev/protection: {{ .values.protection }}
{{- end -}}

{{- define "mongogate.podAnnotations" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
kubectl.kubernetes.io/default-container: {{ $f.main | quote }}
{{- if and $f.kill .values.acceptGap }}
mongogate.dev/accept-gap: "true"
{{- end }}
{{- end -}}

{{/*
The variables of a gate. "role" says whose: gate (run, sidecar), wait (the init
container), follower (run --follow: no database), test (helm test).
*/}}
{{- define "mongogate.env" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $role := .role -}}
{{- $own := list -}}
{{- range list (list "POD_NAME" "metadata.name") (list "POD_NAMESPACE" "metadata.namespace") (list "POD_UID" "metadata.uid") (list "NODE_NAME" "spec.nodeName") -}}
{{- $own = append $own (dict "name" (index . 0) "valueFrom" (dict "fieldRef" (dict "fieldPath" (index . 1)))) -}}
{{- end -}}
{{- if ne $role "follower" -}}
{{- $own = append $own (dict "name" "MONGOGATE_URI_FILE" "value" "/etc/mongogate/secret/uri") -}}
{{- if or $v.caBundle.configMap $v.caBundle.secret -}}
{{- $own = append $own (dict "name" "MONGOGATE_TLS_CA_FILE" "value" "/etc/mongogate/ca/ca.crt") -}}
{{- end -}}
{{- end -}}

{{- $set := dict "NAME" ($v.name | default .name) "STATE_DIR" $f.state "TTL" $v.ttl -}}
{{- range $name, $value := dict
  "KEY" $v.key "JOB" $v.job "CLUSTER" $v.cluster
  "HEARTBEAT" $v.heartbeat "OPERATION_TIMEOUT" $v.operationTimeout "KILL_BUDGET" $f.killBudget "KILL_AFTER" $v.killAfter "GRACE" $v.grace
  "RETENTION" (include "mongogate.retention" .) "LOG_LEVEL" $v.logLevel "LOG_FORMAT" $v.logFormat -}}
{{- if $value }}{{ $_ := set $set $name (toString $value) }}{{ end -}}
{{- end -}}
{{- if $v.allowShortTtl }}{{ $_ := set $set "ALLOW_SHORT_TTL" "true" }}{{ end -}}
{{- /* A Job that no CronJob made has no scheduled minute, so buckets are for CronJobs. */ -}}
{{- if eq .kind "CronJob" -}}
{{- $w := .workload -}}
{{- /* A Job made by hand has a name of its own, and is to have the key of the others. */ -}}
{{- if not $v.job }}{{ $_ := set $set "JOB" ($v.name | default .name) }}{{ end -}}
{{- with $v.bucket }}{{ $_ := set $set "BUCKET" . }}{{ end -}}
{{- with $v.manual }}{{ $_ := set $set "MANUAL" . }}{{ end -}}
{{- with ($v.timezone | default $w.timeZone) }}{{ $_ := set $set "TIMEZONE" . }}{{ end -}}
{{- if not (kindIs "invalid" $w.startingDeadlineSeconds) }}{{ $_ := set $set "STARTING_DEADLINE" (printf "%ds" (int64 $w.startingDeadlineSeconds)) }}{{ end -}}
{{- else if eq .kind "Job" -}}
{{- $_ := set $set "BUCKET" "none" -}}
{{- end -}}
{{- if ne $role "follower" -}}
{{- range $name, $value := dict "DATABASE" $v.database.name "COLLECTION" $v.database.collection "EXPECT_STORE" $v.database.expectStore "POLL_INTERVAL" $v.pollInterval -}}
{{- if $value }}{{ $_ := set $set $name (toString $value) }}{{ end -}}
{{- end -}}
{{- if not $v.changeStream }}{{ $_ := set $set "CHANGE_STREAM" "false" }}{{ end -}}
{{- end -}}
{{- $gate := eq $role "gate" -}}
{{- if and $gate (eq $v.protection "run") -}}
{{- range $name, $value := dict "TIMEOUT" $v.timeout "IF_HELD" (include "mongogate.ifHeld" .) "ON_FAILURE" $v.onFailure -}}
{{- if $value }}{{ $_ := set $set $name (toString $value) }}{{ end -}}
{{- end -}}
{{- if $v.failIfHeld }}{{ $_ := set $set "FAIL_IF_HELD" "true" }}{{ end -}}
{{- if $v.noOverlap }}{{ $_ := set $set "NO_OVERLAP" "true" }}{{ end -}}
{{- end -}}
{{- if eq $role "wait" }}{{ with $v.init.timeout }}{{ $_ := set $set "TIMEOUT" . }}{{ end }}{{ end -}}
{{- if and $gate $f.sidecar -}}
{{- if $f.http }}{{ $_ := set $set "PROBE_ADDRESS" (printf "%s:%d" $f.probeHost (int64 $f.probePort)) }}{{ end -}}
{{- $_ := set $set "PROTECTION" $v.protection -}}
{{- if $v.also }}{{ $_ := set $set "ALSO" (join "," $v.also) }}{{ end -}}
{{- $_ := set $set "SENTINEL" (printf "%s/lost" $f.state) -}}
{{- range $name, $value := dict "SPARE" (join "," $v.spare) "SCAN_INTERVAL" $v.scanInterval "IDLE_RELEASE" $v.idleRelease -}}
{{- if $value }}{{ $_ := set $set $name (toString $value) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if or (and $gate (eq $v.protection "run")) (eq $role "follower") -}}
{{- /* The signal by which the kubelet asks to stop goes to the gate first. */ -}}
{{- with dig "stopSignal" "" ($f.mine.lifecycle | default dict) }}{{ $_ := set $set "STOP_SIGNAL" . }}{{ end -}}
{{- if $v.waitTree }}{{ $_ := set $set "WAIT_TREE" "true" }}{{ end -}}
{{- if $v.isolation }}{{ $_ := set $set "ISOLATION" $v.isolation }}{{ end -}}
{{- if $v.stopSignal }}{{ $_ := set $set "STOP_SIGNAL" $v.stopSignal }}{{ end -}}
{{- if eq $v.readiness "candidate" }}{{ $_ := set $set "READINESS" "candidate" }}{{ end -}}
{{- if include "mongogate.wrapperByHttp" . -}}
{{- $_ := set $set "PROBE_ADDRESS" (printf "%s:%d" $f.probeHost (int64 $f.wrapperPort)) -}}
{{- else -}}
{{- $_ := set $set "PROBE_ADDRESS" (printf "unix:%s/%s.sock" $f.state (ternary "run" "probe" (eq $role "follower"))) -}}
{{- end -}}
{{- end -}}
{{- /* A gate that stays: a sidecar that ended would leave its workload unwatched until the kubelet brings it back. */ -}}
{{- if and (or $gate (eq $role "follower")) (not $f.restart) -}}
{{- $onLoss := $v.onLoss | default (ternary "exit" "wait" (and $f.isJob $f.wrapper)) -}}
{{- if ne $onLoss "exit" }}{{ $_ := set $set "ON_LOSS" $onLoss }}{{ end -}}
{{- end -}}
{{- if and $gate $v.metrics.enabled }}{{ $_ := set $set "METRICS_ADDRESS" (printf ":%d" (int64 $v.metrics.port)) }}{{ end -}}
{{- if $gate -}}
{{- if $v.kube.events }}{{ $_ := set $set "KUBE_EVENTS" "true" }}{{ end -}}
{{- with $v.kube.label }}{{ $_ := set $set "KUBE_LABEL" . }}{{ end -}}
{{- if $v.kube.owner }}{{ $_ := set $set "KUBE_OWNER" "true" }}{{ end -}}
{{- if and $v.kube.evidence $f.sidecar }}{{ $_ := set $set "KUBE_EVIDENCE" "true" }}{{ end -}}
{{- end -}}
{{- range $name := keys $set | sortAlpha -}}
{{- $own = append $own (dict "name" (printf "MONGOGATE_%s" $name) "value" (get $set $name)) -}}
{{- end -}}
{{- /* One key for each ordinal. Indexed Jobs have JOB_COMPLETION_INDEX from their controller. */ -}}
{{- if eq .kind "StatefulSet" -}}
{{- $own = append $own (dict "name" "MONGOGATE_COMPLETION_INDEX" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.labels['apps.kubernetes.io/pod-index']"))) -}}
{{- end -}}
{{- $own | toJson -}}
{{- end -}}

{{/* What a run does that another Job holds. A Job without retries does not come back to a run that it has left to a holder who fails. */}}
{{- define "mongogate.ifHeld" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- if .values.ifHeld -}}{{ .values.ifHeld }}
{{- else if and (eq .kind "CronJob") (ne .values.bucket "none") (not .values.failIfHeld) (or (eq (toString $f.job.backoffLimit) "0") (eq (toString $f.job.backoffLimitPerIndex) "0")) -}}wait
{{- end -}}
{{- end -}}

{{/* given and ours, ours without the names that are given: a list of variables is a map by name to the API. */}}
{{- define "mongogate.mergedEnv" -}}
{{- $names := list -}}
{{- range .given }}{{ $names = append $names .name }}{{ end -}}
{{- $all := .given | default list -}}
{{- range .ours }}{{ if not (has .name $names) }}{{ $all = append $all . }}{{ end }}{{ end -}}
{{- $all | toJson -}}
{{- end -}}

{{/*
How long done records are kept: at least starting deadline and period, for in that
time a latecomer may still ask. Rendered where the binary's week is too short, for it
does not know the CronJob's schedule.
*/}}
{{- define "mongogate.retention" -}}
{{- if .values.retention -}}
{{- .values.retention -}}
{{- else if eq .kind "CronJob" -}}
{{- $least := addf (mulf 1000.0 (.workload.startingDeadlineSeconds | default 0 | float64)) (include "mongogate.period" .workload.schedule | float64) -}}
{{- /* Twice that, but no more than the ten years that the binary takes: between two 29 February lie up to eight. */ -}}
{{- $keep := maxf $least (minf (mulf 2.0 $least) 315360000000.0) -}}
{{- if gt $keep 604800000.0 }}{{ printf "%ds" (divf $keep 1000.0 | int64) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/*
The gate's variables that are set here, or say what is checked here, and so are nobody's else: settings, then what a command and a container are told.
A setting that is not among them has no value of its own, and is given as a variable.
*/}}
{{- define "mongogate.ownSettings" -}}
{{- splitList " " "ALLOW_SHORT_TTL ALSO BUCKET CHANGE_STREAM CLUSTER COLLECTION COMPLETION_INDEX CONFIG DATABASE EXPECT_STORE FAIL_IF_HELD FOLLOW GRACE HEARTBEAT IDLE_RELEASE IF_HELD ISOLATION JOB JOB_NAME JOB_UID KEY KILL_AFTER KILL_BUDGET KUBE_EVENTS KUBE_EVIDENCE KUBE_LABEL KUBE_OWNER LOG_FORMAT LOG_LEVEL MANUAL METRICS_ADDRESS NAME NAMESPACE NODE NO_OVERLAP ON_FAILURE ON_LOSS OPERATION_TIMEOUT OUTPUT OWNER POD POD_LABELS POD_UID POLL_INTERVAL PROBE_ADDRESS PROTECTION READINESS RETENTION SCAN_INTERVAL SENTINEL SPARE STARTING_DEADLINE STATE_DIR STOP_SIGNAL TIMEOUT TIMEZONE TLS_CA_FILE TRY TTL URI URI_FILE WAIT_TREE DEADLINE HELD HOLDER LEASE_FILE SPARED TOKEN WORKLOAD" | toJson -}}
{{- end -}}

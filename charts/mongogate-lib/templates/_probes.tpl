{{/*
The probes of the wrapped container. While the wrapper waits the workload does not
run, and its liveness and startup probes must not fail it for that: the gate answers
for it, and passes the question on once it runs.
*/}}
{{- define "mongogate.probes" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $c := $f.mine -}}
{{- $out := dict -}}
{{- $live := $c.livenessProbe | default .values.probes.liveness -}}
{{- with $c.startupProbe -}}
{{- $_ := set $out "startupProbe" (include "mongogate.probe" (dict "question" "startup" "probe" . "container" $c) | fromYaml) -}}
{{- if $c.livenessProbe -}}
{{- /* The startup probe passes while the gate waits, and is not asked again: the liveness probe has to allow for the start as well. */ -}}
{{- $start := mul (.failureThreshold | default 3) (.periodSeconds | default 10) -}}
{{- $period := $live.periodSeconds | default 10 | int64 -}}
{{- $live = merge (dict "failureThreshold" (add ($live.failureThreshold | default 3) (div (sub (add $start $period) 1) $period))) $live -}}
{{- end -}}
{{- end -}}
{{- $_ := set $out "livenessProbe" (include "mongogate.probe" (dict "question" "live" "probe" $live "container" $c) | fromYaml) -}}
{{- if $c.readinessProbe -}}
{{- $_ := set $out "readinessProbe" (include "mongogate.probe" (dict "question" "ready" "probe" $c.readinessProbe "container" $c) | fromYaml) -}}
{{- else if not $f.isJob -}}
{{- $_ := set $out "readinessProbe" (include "mongogate.probe" (dict "question" "ready" "probe" .values.probes.readiness "container" $c) | fromYaml) -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* One probe as an exec probe of the gate. */}}
{{- define "mongogate.probe" -}}
{{- $argv := list "/opt/mongogate/mongogate" "probe" .question -}}
{{- $p := deepCopy .probe -}}
{{- if $p.exec -}}
{{- $argv = concat (append $argv "--") $p.exec.command -}}
{{- else if $p.httpGet -}}
{{- $port := include "mongogate.port" (dict "port" $p.httpGet.port "container" .container) -}}
{{- $argv = append (append $argv "--") (printf "http://localhost:%s/%s" $port ($p.httpGet.path | default "/" | trimPrefix "/")) -}}
{{- else if $p.tcpSocket -}}
{{- $argv = append (append $argv "--") (printf "tcp://localhost:%s" (include "mongogate.port" (dict "port" $p.tcpSocket.port "container" .container))) -}}
{{- end -}}
{{- $_ := unset $p "httpGet" -}}
{{- $_ := unset $p "tcpSocket" -}}
{{- $_ := set $p "exec" (dict "command" $argv) -}}
{{- toYaml $p -}}
{{- end -}}

{{/* The number of a port that is given by number or name; empty if there is none of that name. */}}
{{- define "mongogate.port" -}}
{{- $given := .port -}}
{{- if regexMatch "^[0-9]+$" (toString $given) -}}
{{- $given | int64 -}}
{{- else -}}
{{- range .container.ports }}{{ if eq (toString .name) (toString $given) }}{{ .containerPort | int64 }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}

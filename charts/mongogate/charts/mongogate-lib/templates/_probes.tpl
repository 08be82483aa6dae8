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
{{- $live := $c.livenessProbe -}}
{{- $ours := dict "facts" $f "port" $f.wrapperPort "binary" "/opt/mongogate/mongogate" -}}
{{- with $c.startupProbe -}}
{{- $_ := set $out "startupProbe" (include "mongogate.probe" (dict "question" "startup" "probe" . "container" $c) | fromYaml) -}}
{{- if $c.livenessProbe -}}
{{- /* The startup probe passes while the gate waits, and is not asked again: the liveness probe has to allow for the start as well. */ -}}
{{- $start := mul (.failureThreshold | default 3) (.periodSeconds | default 10) -}}
{{- $period := $live.periodSeconds | default 10 | int64 -}}
{{- $live = merge (dict "failureThreshold" (add ($live.failureThreshold | default 3) (div (sub (add $start $period) 1) $period))) $live -}}
{{- end -}}
{{- end -}}
{{- if $live -}}
{{- $_ := set $out "livenessProbe" (include "mongogate.probe" (dict "question" "live" "probe" $live "container" $c) | fromYaml) -}}
{{- else -}}
{{- $_ := set $out "livenessProbe" (include "mongogate.ask" (merge (dict "question" "liveness" "times" .values.probes.liveness) $ours) | fromYaml) -}}
{{- end -}}
{{- if $c.readinessProbe -}}
{{- $_ := set $out "readinessProbe" (include "mongogate.probe" (dict "question" "ready" "probe" $c.readinessProbe "container" $c) | fromYaml) -}}
{{- else if not $f.isJob -}}
{{- $_ := set $out "readinessProbe" (include "mongogate.ask" (merge (dict "question" "readiness" "times" .values.probes.readiness) $ours) | fromYaml) -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* Says so where the wrapper has a probe that is the gate's alone, and the kubelet asks by http. The workload's own are passed on by exec. */}}
{{- define "mongogate.wrapperByHttp" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- if and $f.wrapper $f.http (or (not $f.mine.livenessProbe) (and (not $f.isJob) (not $f.mine.readinessProbe))) -}}yes{{- end -}}
{{- end -}}

{{/*
A probe of the gate itself. By http it costs neither a process of ours nor one of the container runtime; the answer to the startup
probe is waited for, so that a standby is no failure each second. By exec it is asked less often.
*/}}
{{- define "mongogate.ask" -}}
{{- $p := deepCopy (.times | default dict) -}}
{{- $path := get (dict "startup" "/startupz" "readiness" "/readyz" "liveness" "/livez") .question -}}
{{- if .facts.http -}}
{{- $wait := sub ($p.timeoutSeconds | default 1 | int64) 10 -}}
{{- if and (eq .question "startup") (gt $wait 0) }}{{ $path = printf "%s?wait=%ds" $path $wait }}{{ end -}}
{{- $get := dict "path" $path "port" (int64 .port) -}}
{{- if .facts.hostNetwork }}{{ $_ := set $get "host" "127.0.0.1" }}{{ end -}}
{{- $_ := set $p "httpGet" $get -}}
{{- else -}}
{{- if eq .question "startup" -}}
{{- $_ := set $p "periodSeconds" (max 5 ($p.periodSeconds | default 1)) -}}
{{- $_ := set $p "timeoutSeconds" (min 5 ($p.timeoutSeconds | default 1)) -}}
{{- end -}}
{{- $_ := set $p "exec" (dict "command" (list .binary "probe" (get (dict "startup" "startup" "readiness" "ready" "liveness" "live") .question))) -}}
{{- end -}}
{{- toYaml $p -}}
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

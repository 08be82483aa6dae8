{{/*
What the API refuses, with its limit. Nothing is cut: of two long names that begin alike the cut ones would be one, and so would their keys.
*/}}
{{- define "mongogate.problems.names" -}}
{{- $p := list -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $name := toString .name -}}
{{- /* Further characters of what Kubernetes makes of the name: a Job's minute, and the index of its last pod. */ -}}
{{- $last := sub ($f.job.completions | default $f.job.parallelism | default 1 | int64) 1 | toString -}}
{{- $max := 63 -}}
{{- $why := "it is a label of its pods" -}}
{{- if eq .kind "CronJob" -}}
{{- $max = 52 -}}{{- $why = "its Jobs get eleven more" -}}
{{- if and $f.indexed (gt (len $last) 1) -}}
{{- $max = sub 53 (len $last) | int -}}{{- $why = printf "the pods of its Jobs get the minute and the index %s" $last -}}
{{- end -}}
{{- else if eq .kind "StatefulSet" -}}
{{- $max = 52 -}}{{- $why = "the label of its revision gets eleven more" -}}
{{- else if and (eq .kind "Job") $f.indexed -}}
{{- $max = sub 62 (len $last) | int -}}{{- $why = printf "its pods get the index %s" $last -}}
{{- end -}}
{{- if gt (len $name) $max -}}
{{- $p = append $p (printf "name %s has %d characters, and the name of a %s may have %d, for %s; it is not cut, because two names that begin alike would share one key: give a shorter one (this chart: fullnameOverride)" $name (len $name) .kind $max $why) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- $p = append $p (printf "name %s: Kubernetes takes lower-case letters a to z, digits and -, with a letter or digit at both ends, and with dots no Service or pod could have it: give such a name (this chart: fullnameOverride)" (quote $name)) -}}
{{- end -}}
{{- $places := dict "database.existingSecret" .values.database.existingSecret "caBundle.configMap" .values.caBundle.configMap "caBundle.secret" .values.caBundle.secret -}}
{{- range $field := list "database.existingSecret" "caBundle.configMap" "caBundle.secret" -}}
{{- with get $places $field -}}
{{- if or (gt (len (toString .)) 253) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" (toString .))) -}}
{{- $p = append $p (printf "%s: %s is not a valid object name: Kubernetes takes lower-case letters a to z, digits, - and dots, at most 253 characters" $field (quote .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .values.kube.label -}}
{{- $label := splitList "/" . -}}
{{- if or (gt (len (last $label)) 63) (not (regexMatch "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$" (last $label))) (and (gt (len $label) 1) (or (gt (len (first $label)) 253) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" (first $label))))) -}}
{{- $p = append $p (printf "kube.label: %s is not a valid label name: write PREFIX/NAME, such as mongogate.dev/holder, with at most 63 characters in NAME" .) -}}
{{- end -}}
{{- end -}}
{{- $seen := dict -}}
{{- range concat (.pod.containers | default list) (.pod.initContainers | default list) -}}
{{- $c := toString .name -}}
{{- if or (gt (len $c) 63) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $c)) -}}
{{- $p = append $p (printf "container %s: Kubernetes takes lower-case letters a to z, digits and -, at most 63 characters" (quote $c)) -}}
{{- end -}}
{{- if hasKey $seen $c }}{{ $p = append $p (printf "the pod has two containers %s: give one of them another name" $c) }}{{ end -}}
{{- $_ := set $seen $c true -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* Ports that the API refuses, and those that two would listen on. */}}
{{- define "mongogate.problems.ports" -}}
{{- $p := list -}}
{{- $ours := list -}}
{{- $suffix := ternary "" (printf "-%s" .values.suffix) (empty .values.suffix) -}}
{{- range list "metrics" "probes" "follow" }}{{ $ours = append $ours (include "mongogate.portName" (dict "name" . "suffix" $suffix)) }}{{ end -}}
{{- range $c := concat (.pod.containers | default list) (.pod.initContainers | default list) -}}
{{- $numbers := dict -}}{{- $names := dict -}}
{{- range $c.ports -}}
{{- $number := toString .containerPort -}}
{{- if kindIs "float64" .containerPort }}{{ $number = .containerPort | int64 | toString }}{{ end -}}
{{- if not (and (regexMatch "^[0-9]{1,5}$" $number) (ge (int $number) 1) (le (int $number) 65535)) -}}
{{- $p = append $p (printf "container %s has containerPort %s: give a number from 1 to 65535" $c.name $number) -}}
{{- end -}}
{{- $protocol := .protocol | default "TCP" | toString -}}
{{- if not (has $protocol (list "TCP" "UDP" "SCTP")) -}}
{{- $p = append $p (printf "container %s, port %s has protocol %s: give TCP, UDP or SCTP" $c.name $number $protocol) -}}
{{- end -}}
{{- $full := printf "%s/%s" $number $protocol -}}
{{- if hasKey $numbers $full }}{{ $p = append $p (printf "container %s has port %s twice: take one out" $c.name $full) }}{{ end -}}
{{- $_ := set $numbers $full true -}}
{{- with .name -}}
{{- if or (gt (len (toString .)) 15) (not (regexMatch "^[a-z0-9]+(-[a-z0-9]+)*$" (toString .))) (not (regexMatch "[a-z]" (toString .))) -}}
{{- $p = append $p (printf "container %s has a port named %s: Kubernetes takes at most 15 lower-case letters, digits and single -, with one letter among them" $c.name (quote .)) -}}
{{- end -}}
{{- if has (toString .) $ours }}{{ $p = append $p (printf "container %s has a port named %s, which is the gate's: give it another name" $c.name .) }}{{ end -}}
{{- if hasKey $names (toString .) }}{{ $p = append $p (printf "container %s has two ports named %s: give one of them another name" $c.name .) }}{{ end -}}
{{- $_ := set $names (toString .) true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* The name of a port of a gate, once in its pod and at most 15 letters: gate-probes, gate-metrics, gate-follow, with the suffix of a second gate. */}}
{{- define "mongogate.portName" -}}
{{- $name := printf "gate-%s%s" .name .suffix -}}
{{- if gt (len $name) 15 }}{{ $name = printf "%s-%s" .name (sha256sum .suffix | trunc (int (sub 14 (len .name)))) }}{{ end -}}
{{- $name -}}
{{- end -}}

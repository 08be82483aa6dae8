{{/* The gated pod spec: everything above, put together. */}}
{{- define "mongogate.pod" -}}
{{- include "mongogate.check" . -}}
{{- $ctx := . -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $pod := deepCopy .pod -}}

{{- $containers := list -}}
{{- range .pod.containers -}}
{{- if and $f.wrapper (eq (toString .name) $f.main) -}}
{{- $containers = append $containers (include "mongogate.wrapper" $ctx | fromYaml) -}}
{{- else if and (not $f.wrapper) (not (has .name $v.ungated)) -}}
{{- $containers = append $containers (include "mongogate.watched" (merge (dict "mine" .) $ctx) | fromYaml) -}}
{{- else -}}
{{- $containers = append $containers (include "mongogate.spared" (merge (dict "mine" .) $ctx) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $pod "containers" $containers -}}

{{- /* The epoch first of all; then what the database is reached through; then the gate; then whatever the lock protects. */ -}}
{{- $first := list -}}{{- $gate := list -}}{{- $rest := list -}}
{{- if $f.restart }}{{ $first = append $first (include "mongogate.epoch" $ctx | fromYaml) }}{{ end -}}
{{- range .pod.initContainers -}}
{{- if has .name $v.after -}}
{{- $first = append $first (include "mongogate.spared" (merge (dict "mine" .) $ctx) | fromYaml) -}}
{{- else if and (not $f.wrapper) (eq (toString .restartPolicy) "Always") (not (has .name $v.ungated)) (not (include "mongogate.isGate" .)) -}}
{{- $rest = append $rest (include "mongogate.watched" (merge (dict "mine" .) $ctx) | fromYaml) -}}
{{- else if has .name $v.ungated -}}
{{- $rest = append $rest (include "mongogate.spared" (merge (dict "mine" .) $ctx) | fromYaml) -}}
{{- else -}}
{{- $rest = append $rest . -}}
{{- end -}}
{{- end -}}
{{- if $f.wrapper }}{{ $gate = append $gate (include "mongogate.install" $ctx | fromYaml) }}{{ end -}}
{{- if $v.init.enabled }}{{ $gate = append $gate (include "mongogate.init" $ctx | fromYaml) }}{{ end -}}
{{- if $f.sidecar }}{{ $gate = append $gate (include "mongogate.sidecar" $ctx | fromYaml) }}{{ end -}}
{{- $_ := set $pod "initContainers" (concat $first $gate $rest) -}}

{{- $_ := set $pod "volumes" (concat (.pod.volumes | default list) (include "mongogate.volumes" $ctx | fromYamlArray)) -}}
{{- if $f.shared }}{{ $_ := set $pod "shareProcessNamespace" true }}{{ end -}}
{{- if $f.kube -}}
{{- $_ := set $pod "automountServiceAccountToken" true -}}
{{- else if not (hasKey $pod "automountServiceAccountToken") -}}
{{- $_ := set $pod "automountServiceAccountToken" false -}}
{{- end -}}
{{- if $v.imagePullSecrets }}{{ $_ := set $pod "imagePullSecrets" (concat (.pod.imagePullSecrets | default list) $v.imagePullSecrets | uniq) }}{{ end -}}
{{- toYaml $pod -}}
{{- end -}}

{{/*
Under which lock does a pod run? "env" is the gate's list of variables, "volumes" the pod's, "kind", "object" and "namespace" the workload's.
Gives a dict of texts. Two pods with equal texts are under one lock; what differs in anything else (times, protection, name of the cluster) is not.
*/}}
{{- define "mongogate.lock" -}}
{{- $env := dict -}}
{{- range .env }}{{ $_ := set $env .name (.value | default "" | toString) }}{{ end -}}
{{- $name := get $env "MONGOGATE_NAME" | default .object -}}
{{- $job := get $env "MONGOGATE_JOB" | default (ternary .object $name (and (eq .kind "Job") (not (get $env "MONGOGATE_NAME")))) -}}
{{- $bucket := get $env "MONGOGATE_BUCKET" | default (ternary "auto" "none" (eq .kind "CronJob")) -}}
{{- $key := get $env "MONGOGATE_KEY" -}}
{{- if $key -}}
{{- range $field, $value := dict "Namespace" .namespace "Name" $name "Job" $job "Cluster" (get $env "MONGOGATE_CLUSTER") -}}
{{- $key = regexReplaceAll (printf "{{\\s*[.]%s\\s*}}" $field) $key (replace "$" "$$" $value) -}}
{{- end -}}
{{- $key = regexReplaceAll "{{\\s*[.](Index|Bucket)\\s*}}" $key "{{.$1}}" -}}
{{- else -}}
{{- $key = printf "%s/%s%s" .namespace $job (ternary "#{{.Index}}" "" .indexed) -}}
{{- end -}}
{{- if and (ne $bucket "none") (not (contains "{{.Bucket}}" $key)) }}{{ $key = printf "%s@{{.Bucket}}" $key }}{{ end -}}
{{- $suffix := .suffix -}}
{{- $secret := "" -}}
{{- range .volumes }}{{ if eq (toString .name) (printf "mongogate-uri%s" $suffix) }}
{{- $item := first (dig "secret" "items" list .) | default dict -}}
{{- $secret = printf "%s (%s)" (dig "secret" "secretName" "" .) ($item.key | default "uri") -}}
{{ end }}{{ end -}}
{{- dict
  "key" $key
  "bucket" (ternary $bucket (printf "%s in %s" $bucket (get $env "MONGOGATE_TIMEZONE" | default "UTC")) (has $bucket (list "auto" "none")))
  "collection" (printf "%s.%s" (get $env "MONGOGATE_DATABASE" | default "mongolock") (get $env "MONGOGATE_COLLECTION" | default "lock"))
  "Secret" $secret
  "store" (get $env "MONGOGATE_EXPECT_STORE")
| toJson -}}
{{- end -}}

{{/* The lock of a request. */}}
{{- define "mongogate.newLock" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $env := concat (.values.env | default list) (include "mongogate.env" (merge (dict "role" "gate") .) | fromJsonArray) -}}
{{- $secret := dict "secretName" .values.database.existingSecret "items" (list (dict "key" .values.database.key)) -}}
{{- include "mongogate.lock" (dict
  "env" $env "kind" .kind "object" .name "namespace" .root.Release.Namespace "indexed" $f.indexed "suffix" $f.suffix
  "volumes" (list (dict "name" (printf "mongogate-uri%s" $f.suffix) "secret" $secret))) -}}
{{- end -}}

{{/*
Refuses to render what would put a workload that runs under another lock. A changed lock is two locks: the old pods hold the one and the new ones take
the other, in this cluster while pods are replaced, and in all others until they are changed as well, whatever the strategy. Only Helm, which talks to
the cluster, knows what runs; helm template, and so Argo CD, does not, and renders the same. What is looked up decides nothing but this refusal.
*/}}
{{- define "mongogate.sameLock" -}}
{{- $ctx := . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $live := list -}}
{{- $api := dict "Deployment" "apps/v1" "StatefulSet" "apps/v1" "Job" "batch/v1" "CronJob" "batch/v1" -}}
{{- if .whole -}}
{{- /* The caller's chart has this one workload: any other of the release and the chart is what it was before its name or kind was changed. */ -}}
{{- if .root.Release.IsUpgrade -}}
{{- range $kind, $version := $api -}}
{{- range (lookup $version $kind $namespace "").items -}}
{{- $chart := dig "metadata" "labels" "helm.sh/chart" "" . -}}
{{- if and (eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" .) $ctx.root.Release.Name) (regexMatch (printf "^%s-[0-9]" (regexQuoteMeta $ctx.root.Chart.Name)) $chart) -}}
{{- $live = append $live (merge (dict "kind" $kind) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $live -}}
{{- with lookup (get $api .kind) .kind $namespace .name }}{{ $live = append $live (merge (dict "kind" $ctx.kind) .) }}{{ end -}}
{{- end -}}
{{- if $live -}}
{{- $new := include "mongogate.newLock" . | fromJson -}}
{{- $mark := printf "%s|%s|%s|%s|%s" $new.key $new.bucket $new.collection $new.Secret $new.store | sha256sum | trunc 8 -}}
{{- range $live -}}
{{- $spec := .spec | default dict -}}
{{- if eq .kind "CronJob" }}{{ $spec = dig "jobTemplate" "spec" dict $spec }}{{ end -}}
{{- $pod := dig "template" "spec" dict $spec -}}
{{- $gate := dict -}}
{{- range concat ($pod.initContainers | default list) ($pod.containers | default list) -}}
{{- $names := dict -}}
{{- range .env }}{{ $_ := set $names .name (.value | default "" | toString) }}{{ end -}}
{{- if and (eq (get $names "MONGOGATE_STATE_DIR") $f.state) (hasKey $names "MONGOGATE_URI_FILE") }}{{ $gate = . }}{{ end -}}
{{- end -}}
{{- $differ := list -}}
{{- if $gate -}}
{{- $old := include "mongogate.lock" (dict
  "env" $gate.env "kind" .kind "object" .metadata.name "namespace" $namespace "suffix" $f.suffix "volumes" $pod.volumes
  "indexed" (or (eq .kind "StatefulSet") (eq (toString $spec.completionMode) "Indexed"))) | fromJson -}}
{{- range $what := list "key" "bucket" "collection" "Secret" "store" -}}
{{- $was := get $old $what -}}{{- $is := get $new $what -}}
{{- if and (ne $was $is) (or (ne $what "store") (and $was $is)) }}{{ $differ = append $differ (printf "%s %s, and now %s" $what $was $is) }}{{ end -}}
{{- end -}}
{{- else if and (eq .kind "Deployment") (ne (dig "strategy" "type" "" $spec | toString) "Recreate") (eq $ctx.kind "Deployment") (ne (dig "strategy" "type" "" ($ctx.workload | default dict) | toString) "Recreate") -}}
{{- $differ = append $differ "no lock, and now one, and the new pods start beside the old" -}}
{{- end -}}
{{- if and $differ (ne (toString $ctx.values.keyChange) $mark) -}}
{{- $p := list -}}
{{- $p = append $p (printf "%s %s runs under %s: that is another lock, and the old and the new would run at once, here while pods are replaced, and in other clusters until they are changed as well, whatever the strategy is: take the change back; or stop the workload in every cluster (replicas: 0, cronJob.suspend: true, no pod left), and then set keyChange: %s, which accepts this change and no other" .kind .metadata.name (join "; " $differ) (quote $mark)) -}}
{{- include "mongogate.refuse" (dict "kind" $ctx.kind "name" $ctx.name "problems" $p) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

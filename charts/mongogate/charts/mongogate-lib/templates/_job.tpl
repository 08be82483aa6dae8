{{/*
Which failures of a Job count, as YAML: the given policy, and before it what the gate ends with where no other try can end better. 64 is wrong settings, or a
Job made by hand that is refused; 77 is what failIfHeld asks for. "Never" alone has such policies. Empty where nothing is to be said.
*/}}
{{- define "mongogate.podFailurePolicy" -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $given := dig "podFailurePolicy" "rules" list $f.job -}}
{{- $rules := list -}}
{{- if and $f.isJob (eq (toString .pod.restartPolicy) "Never") -}}
{{- $named := list -}}
{{- range $given }}{{ with .onExitCodes }}{{ if eq (toString .operator) "In" }}{{ range .values }}{{ $named = append $named (int64 .) }}{{ end }}{{ end }}{{ end }}{{ end -}}
{{- $codes := list 64 -}}
{{- if .values.failIfHeld }}{{ $codes = append $codes 77 }}{{ end -}}
{{- $ours := list -}}
{{- range $codes }}{{ if not (has (int64 .) $named) }}{{ $ours = append $ours . }}{{ end }}{{ end -}}
{{- $containers := list -}}
{{- if $f.wrapper }}{{ $containers = append $containers (toString $f.main) }}{{ end -}}
{{- if .values.init.enabled }}{{ $containers = append $containers (printf "mongogate-wait%s" $f.suffix) }}{{ end -}}
{{- if $ours -}}
{{- range $containers -}}
{{- $rules = append $rules (dict "action" "FailJob" "onExitCodes" (dict "containerName" . "operator" "In" "values" $ours)) -}}
{{- end -}}
{{- end -}}
{{- if and $containers (not $given) -}}
{{- $rules = prepend $rules (dict "action" "Ignore" "onPodConditions" (list (dict "type" "DisruptionTarget" "status" "True"))) -}}
{{- end -}}
{{- end -}}
{{- $rules = concat $rules $given -}}
{{- if $rules }}{{ dict "rules" $rules | toYaml }}{{ end -}}
{{- end -}}

{{/* What counts the waiting for the lock as well, and what the API refuses in a Job. */}}
{{- define "mongogate.problems.waiting" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $t := include "mongogate.timing" . | fromJson -}}
{{- $p := list -}}
{{- $silence := addf (float64 $t.ttl) (float64 $t.grace) -}}
{{- $deadlines := dict -}}
{{- if $f.isJob }}{{ with $f.job.activeDeadlineSeconds }}{{ $_ := set $deadlines "the Job" . }}{{ end }}{{ end -}}
{{- with .pod.activeDeadlineSeconds }}{{ $_ := set $deadlines "the pod" . }}{{ end -}}
{{- range $whose, $seconds := $deadlines -}}
{{- $ms := mulf 1000.0 (float64 $seconds) -}}
{{- if le $ms $silence -}}
{{- $p = append $p (printf "activeDeadlineSeconds: %d of %s counts the waiting for the lock as well, and a holder that died keeps it for ttl + grace = %s: nothing could ever run after one: set that and the time that the workload needs, or leave it out" (int64 $seconds) $whose (include "mongogate.seconds" $silence)) -}}
{{- end -}}
{{- range $name, $value := dict "timeout" $v.timeout "init.timeout" (ternary $v.init.timeout "" $v.init.enabled) -}}
{{- if and $value (ge (include "mongogate.ms" $value | float64) $ms) -}}
{{- $p = append $p (printf "%s: %s is not below activeDeadlineSeconds: %d of %s, which counts the waiting as well, and so would never end the waiting: lower it, or raise activeDeadlineSeconds" $name $value (int64 $seconds) $whose) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (not $f.isJob) .pod.activeDeadlineSeconds -}}
{{- $p = append $p (printf "activeDeadlineSeconds of the pod with kind %s: Kubernetes takes it in Jobs only: leave it out" .kind) -}}
{{- end -}}
{{- if $f.isJob -}}
{{- $policy := include "mongogate.podFailurePolicy" . | fromYaml -}}
{{- if and $f.job.podFailurePolicy (ne (toString .pod.restartPolicy) "Never") -}}
{{- $p = append $p (printf "podFailurePolicy with restartPolicy: %s: Kubernetes takes it with Never only: set restartPolicy: Never, or leave it out" .pod.restartPolicy) -}}
{{- end -}}
{{- if and $policy (not (has (toString $f.job.podReplacementPolicy) (list "" "<nil>" "Failed"))) -}}
{{- $p = append $p (printf "podReplacementPolicy: %s with a podFailurePolicy, which keeps exit code 64 from being tried again: Kubernetes takes Failed only: leave it out" $f.job.podReplacementPolicy) -}}
{{- end -}}
{{- if and (hasKey $f.job "backoffLimitPerIndex") (ne (toString $f.job.completionMode) "Indexed") -}}
{{- $p = append $p "backoffLimitPerIndex: only Indexed Jobs have indexes: set completionMode: Indexed, or leave it out" -}}
{{- end -}}
{{- if and (hasKey $f.job "backoffLimitPerIndex") (ne (toString .pod.restartPolicy) "Never") -}}
{{- $p = append $p (printf "backoffLimitPerIndex with restartPolicy: %s: Kubernetes takes it with Never only: set restartPolicy: Never, or leave it out" .pod.restartPolicy) -}}
{{- end -}}
{{- range dig "podFailurePolicy" "rules" list $f.job -}}
{{- if and (eq (toString .action) "FailIndex") (not (hasKey $f.job "backoffLimitPerIndex")) -}}
{{- $p = append $p "podFailurePolicy: FailIndex without backoffLimitPerIndex: Kubernetes refuses it: set backoffLimitPerIndex, or FailJob" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

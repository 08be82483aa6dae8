{{/* What this chart refuses beyond the library. */}}
{{- define "app.problems" -}}
{{- $p := list -}}
{{- if not .Values.image.repository -}}
{{- $p = append $p "image.repository is missing: set the image of the workload" -}}
{{- end -}}
{{- if and .Values.image.repository (not .Values.image.tag) (not .Values.image.digest) -}}
{{- $p = append $p "image.tag and image.digest are missing: latest is not the same image everywhere: set one of them" -}}
{{- end -}}
{{- if and .Values.databaseUri .Values.gate.database.existingSecret -}}
{{- $p = append $p "databaseUri and gate.database.existingSecret are both given: leave one out" -}}
{{- end -}}
{{- if and (eq .Values.kind "CronJob") (not .Values.cronJob.schedule) -}}
{{- $p = append $p "cronJob.schedule is missing: set it, such as \"0 3 * * *\"" -}}
{{- end -}}
{{- $label := .Values.gate.kube.label -}}
{{- if and $label (hasKey (include "app.podLabels" . | fromJson) $label) -}}
{{- $p = append $p (printf "podLabels or commonLabels give every pod %s, the label of the one that holds (gate.kube.label): take it out" $label) -}}
{{- end -}}
{{- $job := has .Values.kind (list "Job" "CronJob") -}}
{{- if and $job (eq .Values.restartPolicy "Always") -}}
{{- $p = append $p "restartPolicy: Always: Kubernetes refuses it in Jobs: set Never or OnFailure" -}}
{{- end -}}
{{- if and (not $job) (has .Values.restartPolicy (list "Never" "OnFailure")) -}}
{{- $p = append $p (printf "restartPolicy: %s: Kubernetes allows only Always in a %s: leave it empty" .Values.restartPolicy .Values.kind) -}}
{{- end -}}
{{- if and $job .Values.service.enabled -}}
{{- $p = append $p (printf "service.enabled with kind %s: a run serves nobody: set service.enabled: false" .Values.kind) -}}
{{- end -}}
{{- if and .Values.service.enabled (not .Values.service.ports) (not .Values.ports) -}}
{{- $p = append $p "service.enabled without ports: set ports, or service.ports" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not .Values.gate.metrics.enabled) -}}
{{- $p = append $p "podMonitor.enabled without metrics: set gate.metrics.enabled: true" -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

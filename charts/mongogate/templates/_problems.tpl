{{/* What this chart refuses beyond the library. */}}
{{- define "mongogate.app.problems" -}}
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
{{- with .Values.nameOverride -}}
{{- if or (gt (len .) 63) (not (regexMatch "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$" .)) -}}
{{- $p = append $p (printf "nameOverride: %s is a label: Kubernetes takes at most 63 letters, digits, -, _ and dots, with a letter or digit at both ends" (quote .)) -}}
{{- end -}}
{{- end -}}
{{- if gt (len (printf "%s-%s" .Chart.Name .Chart.Version)) 63 -}}
{{- $p = append $p (printf "%s-%s is a label of all objects and longer than 63 characters: give the chart a shorter alias" .Chart.Name .Chart.Version) -}}
{{- end -}}
{{- with .Values.serviceAccount.name -}}
{{- if or (gt (len .) 253) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .)) -}}
{{- $p = append $p (printf "serviceAccount.name: %s is not a valid object name: Kubernetes takes lower-case letters a to z, digits, - and dots, at most 253 characters" (quote .)) -}}
{{- end -}}
{{- end -}}
{{- $p = concat $p (include "mongogate.app.problems.service" . | fromJsonArray) -}}
{{- $label := .Values.gate.kube.label -}}
{{- if and $label (hasKey (include "mongogate.app.podLabels" . | fromJson) $label) -}}
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
{{- if and .Values.prometheusRule.enabled (or (not .Values.gate.metrics.enabled) (not .Values.prometheusRule.rules)) -}}
{{- $p = append $p "prometheusRule.enabled without metrics or without rules: set gate.metrics.enabled: true and prometheusRule.rules" -}}
{{- end -}}
{{- if and .Values.service.loadBalancerIP (ne .Values.service.type "LoadBalancer") -}}
{{- $p = append $p (printf "service.loadBalancerIP with service.type %s: set type: LoadBalancer, or leave it out" .Values.service.type) -}}
{{- end -}}
{{- if and $job .Values.minReadySeconds -}}
{{- $p = append $p (printf "minReadySeconds with kind %s: nobody asks whether a run is ready: leave it out" .Values.kind) -}}
{{- end -}}
{{- if and .Values.hostNetwork (has .Values.dnsPolicy (list "" "ClusterFirst")) -}}
{{- $p = append $p "hostNetwork with dnsPolicy ClusterFirst: names of the cluster, as the database's may be, are not found there: set dnsPolicy: ClusterFirstWithHostNet, or Default if they are not needed" -}}
{{- end -}}
{{- /* What has a value of its own is set there: two places for one thing would be one of them without effect. */ -}}
{{- $own := dict "containers" "image, command, extraContainers" "initContainers" "initContainers" "volumes" "volumes" "restartPolicy" "restartPolicy" "terminationGracePeriodSeconds" "terminationGracePeriodSeconds" "securityContext" "podSecurityContext" "serviceAccountName" "serviceAccount.name" "serviceAccount" "serviceAccount.name" "automountServiceAccountToken" "serviceAccount.automountToken" "imagePullSecrets" "imagePullSecrets" "nodeSelector" "nodeSelector" "tolerations" "tolerations" "affinity" "affinity" "topologySpreadConstraints" "topologySpreadConstraints" "priorityClassName" "priorityClassName" "runtimeClassName" "runtimeClassName" "hostNetwork" "hostNetwork" "hostAliases" "hostAliases" "dnsConfig" "dnsConfig" "dnsPolicy" "dnsPolicy" "schedulerName" "schedulerName" "enableServiceLinks" "enableServiceLinks" "shareProcessNamespace" "gate.shareProcessNamespace" -}}
{{- range $field, $value := .Values.podSpec -}}
{{- if hasKey $own $field }}{{ $p = append $p (printf "podSpec.%s has a value of its own: set %s" $field (get $own $field)) }}{{ end -}}
{{- if eq $field "ephemeralContainers" }}{{ $p = append $p "podSpec.ephemeralContainers: Kubernetes takes none in a template, and the gate would not know them: leave it out" }}{{ end -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not .Values.gate.metrics.enabled) -}}
{{- $p = append $p "podMonitor.enabled without metrics: set gate.metrics.enabled: true" -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

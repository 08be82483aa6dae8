{{/* The ports of the Services: those that are given, else the container's. */}}
{{- define "mongogate.app.servicePorts" -}}
{{- $ports := .Values.service.ports | default list -}}
{{- if not $ports -}}
{{- range .Values.ports -}}
{{- $p := dict "port" .containerPort "targetPort" (.name | default .containerPort) "protocol" (.protocol | default "TCP") -}}
{{- with .name }}{{ $_ := set $p "name" . }}{{ end -}}
{{- $ports = append $ports $p -}}
{{- end -}}
{{- end -}}
{{- $ports | toJson -}}
{{- end -}}

{{/* What the API refuses in a Service. */}}
{{- define "mongogate.app.problems.service" -}}
{{- $p := list -}}
{{- $service := .Values.service -}}
{{- if or $service.enabled (eq .Values.kind "StatefulSet") -}}
{{- $ports := include "mongogate.app.servicePorts" . | fromJsonArray -}}
{{- $name := include "mongogate.app.name" . -}}
{{- if regexMatch "^[0-9]" $name -}}
{{- $p = append $p (printf "name %s: a Service's has to begin with a letter: give another fullnameOverride" $name) -}}
{{- end -}}
{{- $unnamed := false -}}{{- $numbers := dict -}}{{- $names := dict -}}
{{- $known := list -}}{{- range .Values.ports }}{{ with .name }}{{ $known = append $known (toString .) }}{{ end }}{{ end -}}
{{- range $ports -}}
{{- if not .name }}{{ $unnamed = true }}{{ end -}}
{{- if $service.ports -}}
{{- $number := include "mongogate.text" .port -}}
{{- if not (and (regexMatch "^[0-9]{1,5}$" $number) (ge (int $number) 1) (le (int $number) 65535)) -}}
{{- $p = append $p (printf "service.ports has port %s: give a number from 1 to 65535" $number) -}}
{{- end -}}
{{- $full := printf "%s/%s" $number (.protocol | default "TCP") -}}
{{- if hasKey $numbers $full }}{{ $p = append $p (printf "service.ports has port %s twice: take one out" $full) }}{{ end -}}
{{- $_ := set $numbers $full true -}}
{{- with .name -}}
{{- if or (gt (len (toString .)) 63) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" (toString .))) -}}
{{- $p = append $p (printf "service.ports has a port named %s: Kubernetes takes at most 63 lower-case letters, digits and -" (quote .)) -}}
{{- end -}}
{{- if hasKey $names (toString .) }}{{ $p = append $p (printf "service.ports has two ports named %s: give one of them another name" .) }}{{ end -}}
{{- $_ := set $names (toString .) true -}}
{{- end -}}
{{- $target := include "mongogate.text" (.targetPort | default "") -}}
{{- if and $target (not (regexMatch "^[0-9]+$" $target)) (not (has $target $known)) -}}
{{- $p = append $p (printf "service.ports, port %s goes to port %s, and the container has none of that name: name it in ports, or give its number" $number $target) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $unnamed (gt (len $ports) 1) -}}
{{- $p = append $p (printf "the Service has %d ports, and Kubernetes then wants a name for each: name them in ports, or in service.ports" (len $ports)) -}}
{{- end -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

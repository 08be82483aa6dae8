{{/* Where a connection string leads: without user and password, and without the options but for the replica set's name. */}}
{{- define "mongogate.app.store" -}}
{{- $uri := regexReplaceAll "//[^/@]*@" . "//" -}}
{{- first (splitList "?" $uri) | trimSuffix "/" }} {{ regexFind "replicaSet=[^&]*" $uri -}}
{{- end -}}

{{/* As the library does for the name of the Secret: a databaseUri that leads elsewhere is another lock. */}}
{{- define "mongogate.app.sameStore" -}}
{{- $p := list -}}
{{- $data := (lookup "v1" "Secret" .Release.Namespace (printf "%s-uri" (include "mongogate.app.name" .))).data | default dict -}}
{{- with get $data "uri" -}}
{{- $was := include "mongogate.app.store" (b64dec .) -}}{{- $is := include "mongogate.app.store" $.Values.databaseUri -}}
{{- $mark := sha256sum $is | trunc 8 -}}
{{- if and (ne $was $is) (ne (toString $.Values.gate.keyChange) $mark) -}}
{{- $p = append $p (printf "databaseUri leads to %s, and what runs has its lock in %s: the old and the new would run at once: take the change back; or stop the workload in every cluster, and then set gate.keyChange: %s, which accepts this change and no other" $is $was (quote $mark)) -}}
{{- include "mongogate.refuse" (dict "kind" $.Values.kind "name" (include "mongogate.app.name" $) "problems" $p) -}}
{{- end -}}
{{- end -}}
{{- end -}}

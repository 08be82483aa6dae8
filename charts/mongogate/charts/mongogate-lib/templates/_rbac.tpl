{{/*
What the gate may do in its own namespace, where a feature needs it: nothing
otherwise. "serviceAccount" is the account of the pods. RBAC knows no "own pod".
*/}}
{{- define "mongogate.rbac" -}}
{{- include "mongogate.check" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- if $f.kube -}}
{{- $name := printf "%s-mongogate%s" .name $f.suffix -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name | quote }}
  namespace: {{ .root.Release.Namespace | quote }}
  {{- with .labels }}
  labels:
    {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  {{- if .values.kube.events }}
  - apiGroups: [""]
    resources: [events]
    verbs: [create]
  {{- end }}
  {{- if or .values.kube.label .values.kube.evidence }}
  - apiGroups: [""]
    resources: [pods]
    verbs: [{{ list (ternary "get" "" .values.kube.evidence) (ternary "" "patch" (empty .values.kube.label)) | compact | join ", " }}]
  {{- end }}
  {{- if .values.kube.owner }}
  - apiGroups: [batch]
    resources: [jobs]
    verbs: [get]
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name | quote }}
  namespace: {{ .root.Release.Namespace | quote }}
  {{- with .labels }}
  labels:
    {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ .serviceAccount | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}
{{- end -}}

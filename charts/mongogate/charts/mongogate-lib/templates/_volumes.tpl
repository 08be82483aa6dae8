{{/* The volumes that the gate's containers mount. Directories, never a subPath: those are not updated. */}}
{{- define "mongogate.volumes" -}}
{{- include "mongogate.check" . -}}
{{- include "mongogate.sameLock" . -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $v := .values -}}
{{- if $f.wrapper }}
- name: mongogate-bin{{ $f.suffix }}
  emptyDir:
    sizeLimit: 64Mi
{{- end }}
- name: mongogate-state{{ $f.suffix }}
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
- name: mongogate-podinfo{{ $f.suffix }}
  downwardAPI:
    items:
      - path: labels
        fieldRef:
          fieldPath: metadata.labels
- name: mongogate-uri{{ $f.suffix }}
  secret:
    secretName: {{ $v.database.existingSecret | quote }}
    items:
      - key: {{ $v.database.key | quote }}
        path: uri
{{- if $v.caBundle.configMap }}
- name: mongogate-ca{{ $f.suffix }}
  configMap:
    name: {{ $v.caBundle.configMap | quote }}
    items:
      - key: {{ $v.caBundle.key | quote }}
        path: ca.crt
{{- else if $v.caBundle.secret }}
- name: mongogate-ca{{ $f.suffix }}
  secret:
    secretName: {{ $v.caBundle.secret | quote }}
    items:
      - key: {{ $v.caBundle.key | quote }}
        path: ca.crt
{{- end }}
{{- end -}}

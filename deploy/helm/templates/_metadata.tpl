{{/* Names are those of deploy/kubernetes, whatever the release is called: one release to a namespace. */}}
{{- define "ida.metadata" -}}
name: ida-verify
namespace: {{ .Release.Namespace }}
labels:
  app.kubernetes.io/name: ida-verify
{{- end }}
{{- define "ida.settings" -}}
{{- $settings := .Values.settings }}
{{- if .Values.sharedVolume.enabled }}
{{- $settings = merge (dict "IDA_STORE" "/var/lib/ida-verify/store") $settings }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

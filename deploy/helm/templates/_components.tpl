{{/* The components of all Deployments, as JSON. */}}
{{- define "event-router.components" -}}
{{- $all := list -}}
{{- if .Values.ingress.enabled }}{{ $all = append $all "ingress" }}{{ end -}}
{{- if .Values.worker.enabled -}}
{{- $all = append $all "worker" -}}
{{- range .Values.worker.destinations }}{{ $all = append $all (printf "worker-%s" .name) }}{{ end -}}
{{- end -}}
{{- if .Values.kinesis.enabled }}{{ $all = append $all "kinesis" }}{{ end -}}
{{- $all | toJson -}}
{{- end }}

{{/* The components of all Deployments, as JSON. */}}
{{- define "event-router.components" -}}
{{- $all := list "ingress" "worker" -}}
{{- range .Values.worker.destinations }}{{ $all = append $all (printf "worker-%s" .name) }}{{ end -}}
{{- if .Values.kinesis.enabled }}{{ $all = append $all "kinesis" }}{{ end -}}
{{- $all | toJson -}}
{{- end }}

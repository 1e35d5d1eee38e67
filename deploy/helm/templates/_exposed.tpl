{{/*
The Ingress or HTTPRoute of hosts with the same paths. Takes a dict:
  root, name, hosts, annotations
  tls        enabled and secretName
  paths      of event-router.paths
  service    the name of the Service
  port       its port: {"name": ..., "number": ...}
*/}}
{{- define "event-router.exposed" -}}
{{- $metadata := include "event-router.metadata" (dict "root" .root "name" .name "component" "ingress" "annotations" .annotations) -}}
{{- $expose := .root.Values.expose }}
{{- if eq $expose.kind "Ingress" }}
apiVersion: networking.k8s.io/v1
kind: Ingress
{{ $metadata }}
spec:
  {{- with $expose.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  {{- if .tls.enabled }}
  tls:
    - hosts: {{ toJson .hosts }}
      secretName: {{ default (printf "%s-tls" .name) .tls.secretName | quote }}
  {{- end }}
  rules:
    {{- range $host := .hosts }}
    - host: {{ $host | quote }}
      http:
        paths:
          {{- range $.paths }}
          - path: {{ .path }}
            pathType: {{ .type }}
            backend: {service: {name: {{ $.service | quote }}, port: {name: {{ $.port.name }}}}}
          {{- end }}
    {{- end }}
{{- else }}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
{{ $metadata }}
spec:
  parentRefs:
    {{- toYaml $expose.parentRefs | nindent 4 }}
  hostnames: {{ toJson .hosts }}
  rules:
    - matches:
        {{- range .paths }}
        - path: {type: {{ ternary "Exact" "PathPrefix" (eq .type "Exact") }}, value: {{ .path }}}
        {{- end }}
      backendRefs:
        - {name: {{ .service | quote }}, port: {{ .port.number }}}
{{- end }}
{{- end }}

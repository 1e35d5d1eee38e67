{{/* The variables of a container: env, and envFrom. Takes the dict of a process. */}}
{{- define "event-router.environment" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $pod := $values.pod -}}
{{- $redis := $values.redis -}}
{{- $settings := dict "ROUTER_HOST" "0.0.0.0" -}}
{{- with include "event-router.publicUrl" $root }}{{ $_ := set $settings "ROUTER_PUBLIC_URL" . }}{{ end -}}
{{- $drain := printf "%ds" (int $values.drainSeconds) -}}
{{- $settings = merge (dict "ROUTER_DRAIN_TIMEOUT" $drain) .env .values.settings $values.settings $settings -}}
{{- if .hasRules }}{{ $_ := set $settings "ROUTER_RULES" "/etc/router/rules" }}{{ end -}}
env:
  {{- with $redis.passwordSecret }}
  {{- if .name }}
  # Before ROUTER_REDIS_URL, which refers to it.
  - name: REDIS_PASSWORD
    valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}
  {{- end }}
  {{- end }}
  {{- with $redis.sentinelPasswordSecret }}
  {{- if .name }}
  - name: REDIS_SENTINEL_PASSWORD
    valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}
  {{- end }}
  {{- end }}
  {{- with $redis.url }}
  - name: ROUTER_REDIS_URL
    value: {{ . | quote }}
  {{- end }}
  {{- range $name := keys $settings | sortAlpha }}
  - name: {{ $name }}
    value: {{ include "event-router.settingText" (get $settings $name) | quote }}
  {{- end }}
  {{- range $values.secretFiles.names }}
  - name: {{ . }}_FILE
    value: /etc/router/secrets/{{ . }}
  {{- end }}
  {{- with concat $pod.extraEnv .values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or $values.secrets.values $values.secrets.existing $pod.extraEnvFrom }}
envFrom:
  {{- if or $values.secrets.values $values.secrets.existing }}
  - secretRef: {name: {{ default (include "event-router.fullname" $root) $values.secrets.existing }}}
  {{- end }}
  {{- with $pod.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

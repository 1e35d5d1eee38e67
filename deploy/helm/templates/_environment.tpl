{{/* A value of a setting as text. Takes (list name value). Helm reads numbers as floats, and yes, no and off as booleans. */}}
{{- define "event-router.settingText" -}}
{{- $value := index . 1 -}}
{{- if kindIs "slice" $value -}}
{{- join "," $value -}}
{{- else if kindIs "float64" $value -}}
{{- int64 $value -}}
{{- else if kindIs "bool" $value -}}
{{- ternary "yes" (ternary "off" "no" (eq (index . 0) "ROUTER_TRACES")) $value -}}
{{- else -}}
{{- $value -}}
{{- end -}}
{{- end }}

{{/* A variable from a Secret, as JSON. Takes (list name secret key where). */}}
{{- define "event-router.fromSecret" -}}
{{- $ref := dict "name" (index . 1) "key" (index . 2) -}}
{{- dict "name" (index . 0) "valueFrom" (dict "secretKeyRef" $ref) "where" (index . 3) | toJson -}}
{{- end }}

{{/* The variables of a container as a JSON list; each has "where", the value of the chart that gives it. Takes the dict of a process. */}}
{{- define "event-router.variables" -}}
{{- $values := .root.Values -}}
{{- $redis := $values.redis -}}
{{- $all := list -}}
{{- /* Before ROUTER_REDIS_URL, which refers to them. */ -}}
{{- with $redis.passwordSecret }}{{ if .name }}{{ $all = append $all (include "event-router.fromSecret" (list "REDIS_PASSWORD" .name .key "redis.passwordSecret") | fromJson) }}{{ end }}{{ end -}}
{{- with $redis.sentinelPasswordSecret }}{{ if .name }}{{ $all = append $all (include "event-router.fromSecret" (list "REDIS_SENTINEL_PASSWORD" .name .key "redis.sentinelPasswordSecret") | fromJson) }}{{ end }}{{ end -}}
{{- with $redis.url }}{{ $all = append $all (dict "name" "ROUTER_REDIS_URL" "value" . "where" "redis.url") }}{{ end -}}
{{- $own := merge (dict "ROUTER_DRAIN_TIMEOUT" (printf "%ds" (int $values.drainSeconds))) .env -}}
{{- if .hasRules }}{{ $_ := set $own "ROUTER_RULES" "/etc/router/rules" }}{{ end -}}
{{- range $name := keys $own | sortAlpha }}{{ $all = append $all (dict "name" $name "value" (get $own $name) "where" "the chart itself") }}{{ end -}}
{{- $settings := merge dict .values.settings $values.settings (dict "ROUTER_HOST" "0.0.0.0") -}}
{{- $public := include "event-router.publicUrl" .root -}}
{{- if and $public (not (hasKey $settings "ROUTER_PUBLIC_URL_FILE")) }}{{ $settings = merge $settings (dict "ROUTER_PUBLIC_URL" $public) }}{{ end -}}
{{- range $name := keys $settings | sortAlpha }}
{{- $all = append $all (dict "name" $name "value" (include "event-router.settingText" (list $name (get $settings $name))) "where" "settings") -}}
{{- end -}}
{{- range $values.secretFiles.names }}{{ $all = append $all (dict "name" (printf "%s_FILE" .) "value" (printf "/etc/router/secrets/%s" .) "where" "secretFiles.names") }}{{ end -}}
{{- $ofRole := dict -}}
{{- range .values.extraEnv }}{{ $_ := set $ofRole .name true }}{{ end -}}
{{- range $values.pod.extraEnv }}{{ if not (hasKey $ofRole .name) }}{{ $all = append $all (set (deepCopy .) "where" "pod.extraEnv") }}{{ end }}{{ end -}}
{{- range .values.extraEnv }}{{ $all = append $all (set (deepCopy .) "where" "extraEnv") }}{{ end -}}
{{- $all | toJson -}}
{{- end }}

{{/* Fail if a variable is given twice, or as a value and as a file, of which the router would reject or ignore one. Takes (list variables secrets.values). */}}
{{- define "event-router.checkVariables" -}}
{{- $where := dict -}}
{{- range $name, $_ := index . 1 }}{{ $_ := set $where $name "secrets.values" }}{{ end -}}
{{- range $each := index . 0 -}}
{{- range $name := list .name (trimSuffix "_FILE" .name) (printf "%s_FILE" .name) -}}
{{- with get $where $name -}}
{{- fail (printf "%s is given by %s, and %s by %s: remove one" $name . $each.name $each.where) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $where .name .where -}}
{{- end -}}
{{- end }}

{{/* env and envFrom of a container. Takes the dict of a process. */}}
{{- define "event-router.environment" -}}
{{- $values := .root.Values -}}
{{- $all := include "event-router.variables" . | fromJsonArray -}}
{{- include "event-router.checkVariables" (list $all $values.secrets.values) -}}
env:
  {{- range $all }}
  {{- toYaml (list (omit . "where")) | nindent 2 }}
  {{- end }}
{{- if or $values.secrets.values $values.secrets.existing $values.pod.extraEnvFrom }}
envFrom:
  {{- if or $values.secrets.values $values.secrets.existing }}
  - secretRef: {name: {{ default (include "event-router.fullname" .root) $values.secrets.existing | quote }}}
  {{- end }}
  {{- with $values.pod.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

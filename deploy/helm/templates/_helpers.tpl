{{/* The name of all objects, short enough for the longest suffix in a label of DNS. */}}
{{- define "event-router.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/* A name of at most 63 characters, which stays unique when it is cut. */}}
{{- define "event-router.short" -}}
{{- if gt (len .) 63 -}}
{{- printf "%s-%s" (trunc 54 . | trimSuffix "-") (sha256sum . | trunc 8) -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

{{/* Takes (list root component). */}}
{{- define "event-router.componentName" -}}
{{- include "event-router.short" (printf "%s-%s" (include "event-router.fullname" (index . 0)) (index . 1)) -}}
{{- end }}

{{- define "event-router.releaseSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Takes (list root component). */}}
{{- define "event-router.selector" -}}
{{ include "event-router.releaseSelector" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "event-router.commonLabels" -}}
{{ include "event-router.releaseSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Takes (list root component). */}}
{{- define "event-router.labels" -}}
{{ include "event-router.commonLabels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "event-router.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "event-router.rulesConfigMap" -}}
{{- default (printf "%s-rules" (include "event-router.fullname" .)) .Values.rules.existingConfigMap -}}
{{- end }}

{{- define "event-router.serviceAccount" -}}
{{- $made := ternary (include "event-router.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $made .Values.serviceAccount.name -}}
{{- end }}

{{- define "event-router.kinesisServiceAccount" -}}
{{- $made := ternary (include "event-router.componentName" (list . "kinesis")) "default" .Values.kinesis.serviceAccount.create -}}
{{- default $made .Values.kinesis.serviceAccount.name -}}
{{- end }}

{{/* The URL of expose, "" if nothing is exposed. */}}
{{- define "event-router.publicUrl" -}}
{{- with .Values.expose -}}
{{- if .enabled -}}
{{- printf "%s://%s" (ternary "https" "http" .tls.enabled) .host -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The exposed paths as JSON: [{"path": ..., "type": "Exact" or "Prefix"}]. */}}
{{- define "event-router.paths" -}}
{{- $paths := list -}}
{{- with .Values.expose.paths -}}
{{- if .twilio }}{{ $paths = append $paths (dict "path" "/twilio" "type" "Exact") }}{{ end -}}
{{- if .sources }}{{ $paths = append $paths (dict "path" "/in" "type" "Prefix") }}{{ end -}}
{{- if .alerts }}{{ $paths = append $paths (dict "path" "/alerts" "type" "Prefix") }}{{ end -}}
{{- if .events }}{{ $paths = append $paths (dict "path" "/events" "type" "Exact") }}{{ end -}}
{{- end -}}
{{- $paths | toJson -}}
{{- end }}

{{/* A value of a setting as text. Helm reads numbers as floats, and prints large ones as 1e+06. */}}
{{- define "event-router.settingText" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "float64" . -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

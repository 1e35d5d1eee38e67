{{/* The begin of the names of all objects: a label of DNS that begins with a letter, as Services need it, and is short enough for the longest suffix. */}}
{{- define "event-router.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $made := ternary $release (printf "%s-%s" $release $name) (contains $name $release) -}}
{{- $full := default $made .Values.fullnameOverride -}}
{{- if regexMatch "^[0-9]" $full }}{{ $full = printf "r%s" $full }}{{ end -}}
{{- if gt (len $full) 50 -}}
{{- printf "%s-%s" (trunc 41 $full | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end }}

{{/* A label of at most 63 characters that ends in a letter or a digit, and stays unique when it is cut. */}}
{{- define "event-router.short" -}}
{{- if or (gt (len .) 63) (hasSuffix "-" .) -}}
{{- printf "%s-%s" (trunc 54 . | trimAll "-") (sha256sum . | trunc 8) -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

{{/* Takes (list root component). */}}
{{- define "event-router.componentName" -}}
{{- include "event-router.short" (printf "%s-%s" (include "event-router.fullname" (index . 0)) (index . 1)) -}}
{{- end }}

{{- define "event-router.releaseSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Takes (list root component). */}}
{{- define "event-router.selector" -}}
{{ include "event-router.releaseSelector" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 | quote }}
{{- end }}

{{/* The labels that the chart sets; values may not have them. */}}
{{- define "event-router.ownLabels" -}}
{{- list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" | toJson -}}
{{- end }}

{{/* Takes (list root component more): component "" for none, more for labels of the values. */}}
{{- define "event-router.labels" -}}
{{- $root := index . 0 -}}
{{- $labels := include "event-router.releaseSelector" $root | fromYaml -}}
{{- with index . 1 }}{{ $_ := set $labels "app.kubernetes.io/component" . }}{{ end -}}
{{- $_ := set $labels "app.kubernetes.io/version" $root.Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- toYaml (merge $labels (index . 2) $root.Values.commonLabels) -}}
{{- end }}

{{/*
The metadata of an object. Takes a dict:
  root         the root context
  name
  component    of the label; "" for none
  labels       more than those of all objects; optional
  annotations  the same; optional
*/}}
{{- define "event-router.metadata" -}}
metadata:
  name: {{ .name | quote }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "event-router.labels" (list .root .component (default dict .labels)) | nindent 4 }}
  {{- with merge dict (default dict .annotations) .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "event-router.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
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

{{/*
The Deployment of a role. Takes the dict of a process (_pod.tpl), and
  fixed      its number of pods; "" if an autoscaler sets it
*/}}
{{- define "event-router.deployment" -}}
{{- $root := .root -}}
{{- $component := include "event-router.short" .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "event-router.componentName" (list $root .component) }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "event-router.labels" (list $root $component) | nindent 4 }}
spec:
  {{- if ne (toString .fixed) "" }}
  replicas: {{ .fixed }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "event-router.selector" (list $root $component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "event-router.podLabels" . | nindent 8 }}
      annotations:
        kubectl.kubernetes.io/default-container: router
        {{- with $root.Values.secrets.values }}
        # Variables are read at the start, so that a changed Secret of this chart replaces the pods.
        checksum/secrets: {{ toJson . | sha256sum | trunc 16 | quote }}
        {{- end }}
        {{- with $root.Values.pod.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "event-router.podSpec" . | nindent 6 }}
{{- end }}

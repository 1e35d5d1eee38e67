{{/*
The Deployment of a role. Takes the dict of a process (_pod.tpl), and
  fixed      its number of pods; "" if an autoscaler sets it
*/}}
{{- define "event-router.deployment" -}}
{{- $root := .root -}}
{{- $component := include "event-router.short" .component -}}
apiVersion: apps/v1
kind: Deployment
{{ include "event-router.metadata" (dict "root" $root "name" (include "event-router.componentName" (list $root .component)) "component" $component) }}
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
        {{- $annotations := dict "kubectl.kubernetes.io/default-container" "router" }}
        {{- with $root.Values.secrets.values }}
        {{- /* Variables are read at the start, so that a changed Secret of this chart replaces the pods. */}}
        {{- $_ := set $annotations "checksum/secrets" (toJson . | sha256sum | trunc 16) }}
        {{- end }}
        {{- toYaml (merge dict $root.Values.pod.annotations $annotations) | nindent 8 }}
    spec:
      {{- include "event-router.podSpec" . | nindent 6 }}
{{- end }}

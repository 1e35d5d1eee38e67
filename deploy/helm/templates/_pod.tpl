{{/*
The pod of a process. Takes a dict:
  root       the root context
  component  the label of the role, and the end of the name
  args       the arguments of router
  values     settings, extraEnv and resources of the role
  env        ROUTER_* variables that the chart sets for the role
  ports      a list of {name, containerPort}; operations is the port of the probes; empty for no server
  hasRules   whether the role reads the rules folder
  preStop    seconds between the removal from Services and SIGTERM; 0 for none
  serviceAccount
*/}}
{{- define "event-router.podLabels" -}}
{{ include "event-router.labels" (list .root (include "event-router.short" .component) .root.Values.pod.labels) }}
{{- end }}

{{- define "event-router.podSpec" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $pod := $values.pod -}}
{{- $redis := $values.redis -}}
{{- $component := include "event-router.short" .component -}}
serviceAccountName: {{ .serviceAccount | quote }}
automountServiceAccountToken: false
# Kubernetes would set ROUTER_* variables for a Service whose name begins with router.
enableServiceLinks: false
# More than twice ROUTER_DRAIN_TIMEOUT, docs/operate/processes.md says why.
terminationGracePeriodSeconds: {{ add (mul 2 (int $values.drainSeconds)) (int .preStop) 15 }}
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- /* OpenShift assigns one itself, and rejects others. */}}
  {{- if $pod.user }}
  runAsUser: {{ int64 $pod.user }}
  runAsGroup: {{ int64 $pod.user }}
  fsGroup: {{ int64 $pod.user }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .ports }}
{{- with $pod.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- $selector := dict "matchLabels" (include "event-router.selector" (list $root $component) | fromYaml) }}
  {{- range . }}
  {{- $constraint := deepCopy . }}
  {{- if not (hasKey . "labelSelector") }}{{ $_ := set $constraint "labelSelector" $selector }}{{ end }}
  {{- toYaml (list $constraint) | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
{{- with $pod.extraSpec }}
{{ toYaml . }}
{{- end }}
containers:
  - name: router
    image: {{ include "event-router.image" $root | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args:
      {{- range .args }}
      - {{ . | quote }}
      {{- end }}
    {{- include "event-router.environment" . | nindent 4 }}
    {{- with .ports }}
    ports:
      {{- range . }}
      - {name: {{ .name }}, containerPort: {{ .containerPort }}, protocol: TCP}
      {{- end }}
    # Liveness never asks Redis, because a restart of the router does not bring Redis back.
    startupProbe:
      httpGet: {path: /healthz, port: operations}
      periodSeconds: 2
      timeoutSeconds: 3
      failureThreshold: 30
    livenessProbe:
      httpGet: {path: /healthz, port: operations}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: operations}
      periodSeconds: 5
      timeoutSeconds: 5
      failureThreshold: 2
    {{- end }}
    {{- if .preStop }}
    lifecycle:
      preStop:
        # Until no load balancer sends here: the router accepts no connections after SIGTERM.
        exec: {command: [sleep, {{ .preStop | quote }}]}
    {{- end }}
    resources:
      {{- toYaml .values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- if .hasRules }}
      # The whole folder: a subPath would never be updated.
      - {name: rules, mountPath: /etc/router/rules, readOnly: true}
      {{- end }}
      {{- if $values.secretFiles.existing }}
      - {name: secrets, mountPath: /etc/router/secrets, readOnly: true}
      {{- end }}
      {{- if $redis.tlsSecret }}
      - {name: redis-tls, mountPath: /etc/router/redis-tls, readOnly: true}
      {{- end }}
      {{- with $pod.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- if .ports }}
  {{- with $pod.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: {{ $pod.tmpSize | quote }}}
  {{- if .hasRules }}
  - name: rules
    {{- $made := dict "configMap" (dict "name" (default (printf "%s-rules" (include "event-router.fullname" $root)) $values.rules.existingConfigMap)) }}
    {{- toYaml (default $made $values.rules.volume) | nindent 4 }}
  {{- end }}
  {{- with $values.secretFiles.existing }}
  - name: secrets
    # 288 is 0440, which parsers of YAML 1.2 read as a decimal number.
    secret: {secretName: {{ . | quote }}, defaultMode: 288}
  {{- end }}
  {{- with $redis.tlsSecret }}
  - name: redis-tls
    secret: {secretName: {{ . | quote }}, defaultMode: 288}
  {{- end }}
  {{- with $pod.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/*
A Deployment of one role. Takes a dict:
  root       the root context
  component  the label of the role, and the end of the name
  args       the arguments of router
  values     replicas, settings, extraEnv, resources
  ports      a list of {name, containerPort}; operations is the port of the probes
  env        ROUTER_* variables of the role
  hasRules   whether the role reads the rules folder
  fixed      replicas of the Deployment; "" if an autoscaler sets them
  preStop    seconds between the removal from Services and SIGTERM; 0 for none
  serviceAccount
*/}}
{{- define "event-router.deployment" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $pod := $values.pod -}}
{{- $redis := $values.redis -}}
{{- $fullname := include "event-router.fullname" $root -}}
{{- $component := include "event-router.short" .component -}}
{{- $settings := dict "ROUTER_HOST" "0.0.0.0" -}}
{{- with include "event-router.publicUrl" $root }}{{ $_ := set $settings "ROUTER_PUBLIC_URL" . }}{{ end -}}
{{- $settings = merge (dict "ROUTER_DRAIN_TIMEOUT" (printf "%ds" (int $values.drainSeconds))) .env .values.settings $values.settings $settings -}}
{{- if .hasRules }}{{ $_ := set $settings "ROUTER_RULES" "/etc/router/rules" }}{{ end -}}
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
        {{- include "event-router.labels" (list $root $component) | nindent 8 }}
        {{- with $pod.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: router
        {{- if $values.secrets.values }}
        # Variables are read at the start, so that a changed Secret of this chart replaces the pods.
        checksum/secrets: {{ toJson $values.secrets.values | sha256sum | trunc 16 | quote }}
        {{- end }}
        {{- with $pod.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .serviceAccount }}
      automountServiceAccountToken: false
      # Kubernetes would set ROUTER_* variables for a Service whose name begins with router.
      enableServiceLinks: false
      # More than twice ROUTER_DRAIN_TIMEOUT, docs/operate/operations.md says why.
      terminationGracePeriodSeconds: {{ add (mul 2 (int $values.drainSeconds)) (int .preStop) 15 }}
      {{- with $values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      {{- with $pod.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: {type: RuntimeDefault}
      {{- with $pod.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $pod.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $pod.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $pod.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        - labelSelector:
            matchLabels:
              {{- include "event-router.selector" (list $root $component) | nindent 14 }}
          {{- toYaml . | nindent 10 }}
        {{- end }}
      {{- end }}
      containers:
        - name: router
          image: {{ include "event-router.image" $root }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            {{- range .args }}
            - {{ . | quote }}
            {{- end }}
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
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- if or $values.secrets.values $values.secrets.existing $pod.extraEnvFrom }}
          envFrom:
            {{- if or $values.secrets.values $values.secrets.existing }}
            - secretRef: {name: {{ default $fullname $values.secrets.existing }}}
            {{- end }}
            {{- with $pod.extraEnvFrom }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- end }}
          ports:
            {{- range .ports }}
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
          {{- if .preStop }}
          lifecycle:
            preStop:
              # Until no load balancer sends here: the router accepts no connections after SIGTERM.
              exec: {command: [sleep, {{ .preStop | quote }}]}
          {{- end }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
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
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: {{ $pod.tmpSize }}}
        {{- if .hasRules }}
        - name: rules
          configMap: {name: {{ include "event-router.rulesConfigMap" $root }}}
        {{- end }}
        {{- with $values.secretFiles.existing }}
        - name: secrets
          # 288 is 0440, which parsers of YAML 1.2 read as a decimal number.
          secret: {secretName: {{ . }}, defaultMode: 288}
        {{- end }}
        {{- with $redis.tlsSecret }}
        - name: redis-tls
          secret: {secretName: {{ . }}, defaultMode: 288}
        {{- end }}
        {{- with $pod.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

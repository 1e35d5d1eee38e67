{{/* What the schema cannot say: each message says what to write. */}}
{{- define "event-router.checks" -}}
{{- $secrets := .Values.secrets -}}
{{- $redis := .Values.redis -}}
{{- $inSecret := hasKey $secrets.values "ROUTER_REDIS_URL" -}}
{{- $isNamed := or (has "ROUTER_REDIS_URL" .Values.secretFiles.names) (hasKey .Values.settings "ROUTER_REDIS_URL_FILE") .Values.pod.extraEnvFrom -}}
{{- range .Values.pod.extraEnv }}{{ if has .name (list "ROUTER_REDIS_URL" "ROUTER_REDIS_URL_FILE") }}{{ $isNamed = true }}{{ end }}{{ end -}}
{{- if not (or $redis.url $inSecret $secrets.existing $isNamed) -}}
{{- fail "redis.url: the router needs a Redis: write redis.url, or ROUTER_REDIS_URL in the Secret that secrets.existing names" -}}
{{- end -}}
{{- $stripped := $redis.url | replace "$(REDIS_PASSWORD)@" "@" | replace "sentinel_password=$(REDIS_SENTINEL_PASSWORD)" "" -}}
{{- if regexMatch "://[^@/?]*:[^@/?]+@|sentinel_password=" $stripped -}}
{{- fail "redis.url has a password: put it into a Secret, name that in redis.passwordSecret.name, and write $(REDIS_PASSWORD) in its place; for the Sentinels redis.sentinelPasswordSecret.name and $(REDIS_SENTINEL_PASSWORD)" -}}
{{- end -}}
{{- if and (contains "$(REDIS_PASSWORD)" $redis.url) (not $redis.passwordSecret.name) -}}
{{- fail "redis.url has $(REDIS_PASSWORD): name its Secret in redis.passwordSecret.name" -}}
{{- end -}}
{{- if and (contains "$(REDIS_SENTINEL_PASSWORD)" $redis.url) (not $redis.sentinelPasswordSecret.name) -}}
{{- fail "redis.url has $(REDIS_SENTINEL_PASSWORD): name its Secret in redis.sentinelPasswordSecret.name" -}}
{{- end -}}
{{- with .Values.rules -}}
{{- $given := len (compact (list (ternary "files" "" (not (empty .files))) .existingConfigMap (ternary "volume" "" (not (empty .volume))))) -}}
{{- if eq $given 0 -}}
{{- fail "rules: the router needs rules: write rules.files, for example by --set-file 'rules.files.rules\\.yaml=rules/rules.yaml', or name a ConfigMap in rules.existingConfigMap" -}}
{{- end -}}
{{- if gt $given 1 -}}
{{- fail "rules.files, rules.existingConfigMap and rules.volume: more than one has the rules: remove all but one" -}}
{{- end -}}
{{- $size := 0 -}}
{{- range .files }}{{ $size = add $size (len .) }}{{ end -}}
{{- if gt $size 1048576 -}}
{{- fail (printf "rules.files has %d bytes, and a ConfigMap takes 1048576: mount the folder by rules.volume, for example as a projected volume of several ConfigMaps" $size) -}}
{{- end -}}
{{- end -}}
{{- if and $secrets.values $secrets.existing -}}
{{- fail "secrets.values and secrets.existing both have the secrets: remove one" -}}
{{- end -}}
{{- if and .Values.secretFiles.names (not .Values.secretFiles.existing) -}}
{{- fail "secretFiles.names: name the Secret that has them in secretFiles.existing" -}}
{{- end -}}
{{- with .Values.expose -}}
{{- if and .enabled (not .host) -}}
{{- fail "expose.host: write the host name under which senders reach the router" -}}
{{- end -}}
{{- if and (or .enabled .console.enabled) (eq .kind "HTTPRoute") (not .parentRefs) -}}
{{- fail "expose.parentRefs: name the Gateway of the HTTPRoute" -}}
{{- end -}}
{{- if and .console.enabled (not .console.host) -}}
{{- fail "expose.console.host: write the host name of the console" -}}
{{- end -}}
{{- if and .enabled .console.enabled (eq .console.host .host) -}}
{{- fail "expose.console.host: write another host than expose.host, so that the console can be closed to senders" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.kinesis.enabled (not .Values.kinesis.stream) -}}
{{- fail "kinesis.stream: write the name of the stream" -}}
{{- end -}}
{{- with .Values.ingress.autoscaling -}}
{{- if and .enabled (gt (int64 .minReplicas) (int64 .maxReplicas)) -}}
{{- fail "ingress.autoscaling.minReplicas is larger than maxReplicas: raise maxReplicas" -}}
{{- end -}}
{{- end -}}
{{- with .Values.worker.keda -}}
{{- if and .enabled (gt (int64 .minReplicas) (int64 .maxReplicas)) -}}
{{- fail "worker.keda.minReplicas is larger than maxReplicas: raise maxReplicas" -}}
{{- end -}}
{{- end -}}
{{- with .Values.expose -}}
{{- if and .enabled (not (or .paths.twilio .paths.sources .paths.alerts .paths.events)) -}}
{{- fail "expose.paths: expose.enabled is true and all paths are false: set one, or expose.enabled to false" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.worker.keda.enabled (not .Values.worker.keda.serverAddress) -}}
{{- fail "worker.keda.serverAddress: write the URL of Prometheus" -}}
{{- end -}}
{{- if not (or .Values.ingress.enabled .Values.worker.enabled .Values.kinesis.enabled) -}}
{{- fail "ingress.enabled, worker.enabled and kinesis.enabled are all false: set one" -}}
{{- end -}}
{{- if and (not .Values.ingress.enabled) (or .Values.expose.enabled .Values.expose.console.enabled) -}}
{{- fail "expose: ingress.enabled is false, and ingress serves senders and the console: set it, or expose.enabled and expose.console.enabled to false" -}}
{{- end -}}
{{- if and .Values.worker.destinations (not .Values.worker.enabled) -}}
{{- fail "worker.destinations: worker.enabled is false: set it, or remove the destinations" -}}
{{- end -}}
{{- with .Values.ingress.service -}}
{{- if and (eq .type "ClusterIP") (or .externalTrafficPolicy .nodePort) -}}
{{- fail "ingress.service: externalTrafficPolicy and nodePort are for the types NodePort and LoadBalancer: set ingress.service.type" -}}
{{- end -}}
{{- if and (ne .type "LoadBalancer") (or .loadBalancerClass .loadBalancerSourceRanges) -}}
{{- fail "ingress.service: loadBalancerClass and loadBalancerSourceRanges are for the type LoadBalancer: set ingress.service.type" -}}
{{- end -}}
{{- end -}}
{{- include "event-router.checkExtras" . -}}
{{- $seen := dict -}}
{{- range .Values.worker.destinations -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "worker.destinations names %s twice: remove one" .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- end }}

{{/* Nothing of the values collides with what the chart sets itself. */}}
{{- define "event-router.checkExtras" -}}
{{- $pod := .Values.pod -}}
{{- $own := include "event-router.ownLabels" . | fromJsonArray -}}
{{- $metrics := .Values.metrics -}}
{{- $given := dict "commonLabels" .Values.commonLabels "pod.labels" $pod.labels "metrics.serviceMonitor.labels" $metrics.serviceMonitor.labels "metrics.prometheusRule.labels" $metrics.prometheusRule.labels "metrics.dashboards.labels" $metrics.dashboards.labels -}}
{{- range $value, $labels := $given -}}
{{- range $name, $_ := $labels -}}
{{- if has $name $own -}}
{{- fail (printf "%s has %s, which the chart sets: choose another name" $value $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $pod.extraVolumes -}}
{{- if has .name (list "tmp" "rules" "secrets" "redis-tls") -}}
{{- fail (printf "pod.extraVolumes has %s, which is a volume of the chart: choose another name" .name) -}}
{{- end -}}
{{- end -}}
{{- range $pod.extraVolumeMounts -}}
{{- if has (trimSuffix "/" .mountPath) (list "/tmp" "/etc/router/rules" "/etc/router/secrets" "/etc/router/redis-tls") -}}
{{- fail (printf "pod.extraVolumeMounts has %s, where the chart mounts a volume of its own: choose another path, or use rules.volume" .mountPath) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $pod.extraSpec -}}
{{- if has $name (list "affinity" "automountServiceAccountToken" "containers" "enableServiceLinks" "imagePullSecrets" "nodeSelector" "priorityClassName" "restartPolicy" "securityContext" "serviceAccount" "serviceAccountName" "terminationGracePeriodSeconds" "tolerations" "topologySpreadConstraints" "volumes") -}}
{{- fail (printf "pod.extraSpec has %s, which the chart sets: another value is for that" $name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What the schema cannot say: each message says what to write. */}}
{{- define "event-router.checks" -}}
{{- $secrets := .Values.secrets -}}
{{- $redis := .Values.redis -}}
{{- $inSecret := hasKey $secrets.values "ROUTER_REDIS_URL" -}}
{{- if not (or $redis.url $inSecret $secrets.existing) -}}
{{- fail "redis.url: the router needs a Redis: write redis.url, or ROUTER_REDIS_URL in the Secret that secrets.existing names" -}}
{{- end -}}
{{- if and $redis.url $inSecret -}}
{{- fail "redis.url and secrets.values.ROUTER_REDIS_URL both have the URL of Redis: remove one" -}}
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
{{- if not (or .Values.rules.files .Values.rules.existingConfigMap) -}}
{{- fail "rules: the router needs rules: write rules.files, for example by --set-file 'rules.files.rules\\.yaml=rules/rules.yaml', or name a ConfigMap in rules.existingConfigMap" -}}
{{- end -}}
{{- if and .Values.rules.files .Values.rules.existingConfigMap -}}
{{- fail "rules.files and rules.existingConfigMap both have the rules: remove one" -}}
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
{{- $seen := dict -}}
{{- range .Values.worker.destinations -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "worker.destinations names %s twice: remove one" .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- end }}

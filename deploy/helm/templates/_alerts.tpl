{{/*
The groups of files/alerts.yml, for this release alone: each metric has the matchers of metrics.prometheusRule, and alerts
that are turned off are left out.
*/}}
{{- define "event-router.alerts" -}}
{{- $values := .Values.metrics.prometheusRule -}}
{{- $matchers := default (printf "namespace=%q" .Release.Namespace) $values.matchers -}}
{{- $text := .Files.Get "files/alerts.yml" -}}
{{- with $values.runbooks -}}
{{- $text = $text | replace "runbook_url: docs/runbooks/" (printf "runbook_url: %s/" (trimSuffix "/" .)) -}}
{{- end -}}
{{- $known := list -}}
{{- $groups := list -}}
{{- range ($text | fromYaml).groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- $known = append $known .alert -}}
{{- if not (has .alert $values.disabled) -}}
{{- $expr := regexReplaceAll "\\brouter_[a-z_]+\\b" .expr "${0}{}" | replace "{}{" "{," -}}
{{- $expr = $expr | replace "{}" (printf "{%s}" $matchers) | replace "{," (printf "{%s," $matchers) -}}
{{- $rules = append $rules (set . "expr" $expr) -}}
{{- end -}}
{{- end -}}
{{- if $rules }}{{ $groups = append $groups (set . "rules" $rules) }}{{ end -}}
{{- end -}}
{{- range $values.disabled -}}
{{- if not (has . $known) -}}
{{- fail (printf "metrics.prometheusRule.disabled has %s, which is no alert of deploy/alerts.yml" .) -}}
{{- end -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end }}

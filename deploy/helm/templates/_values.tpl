{{/*
Give each value that is null its default. Helm removes such a key, so that `settings:` with nothing but comments below
it would be a nil pointer. Within resources null removes a limit, as Helm documents it. Each template begins with this.
*/}}
{{- define "event-router.fill" -}}
{{- include "event-router.fillMap" (list .Values (.Files.Get "files/values.yaml" | fromYaml)) -}}
{{- end }}

{{/* Takes (list values defaults). */}}
{{- define "event-router.fillMap" -}}
{{- $values := index . 0 -}}
{{- range $name, $default := index . 1 -}}
{{- $value := get $values $name -}}
{{- if or (not (hasKey $values $name)) (kindIs "invalid" $value) -}}
{{- $_ := set $values $name $default -}}
{{- else if and (kindIs "map" $default) (ne $name "resources") -}}
{{- include "event-router.fillMap" (list $value $default) -}}
{{- end -}}
{{- end -}}
{{- end }}

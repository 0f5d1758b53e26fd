{{- define "mintmark.name" -}}
{{- if contains "mintmark" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-mintmark" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "mintmark.selector" -}}
app.kubernetes.io/name: mintmark
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "mintmark.gatewaySelector" -}}
app.kubernetes.io/name: mintmark
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ ternary "server" "gateway" (eq .Values.gateway.kind "sidecar") }}
{{- end }}

{{- define "mintmark.labels" -}}
app.kubernetes.io/name: mintmark
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "mintmark.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Values.target }}
{{- end }}

{{- define "mintmark.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "mintmark.name" .) }}
{{- end }}

{{- define "mintmark.catalogClaim" -}}
{{ .Values.catalog.folder.claim | default (printf "%s-catalog" (include "mintmark.name" .)) }}
{{- end }}

{{- define "mintmark.cacheClaim" -}}
{{ .Values.cache.claim | default (printf "%s-cache" (include "mintmark.name" .)) }}
{{- end }}

{{- /* Port of Milvus, which its location may leave out. */ -}}
{{- define "mintmark.milvusPort" -}}
{{ regexFind ":[0-9]+/" .Values.catalog.milvus.location | trimAll ":/" | default "19530" }}
{{- end }}

{{- /* Port of the collector of traces, which its address may leave out. */ -}}
{{- define "mintmark.collectorPort" -}}
{{ regexFind ":[0-9]+$" .Values.log.traces | trimAll ":" | default (hasPrefix "https" .Values.log.traces | ternary "443" "80") }}
{{- end }}

{{- /* Seconds that a photo waits in the queues of its models, on average over two minutes; of its pods, and not of those of a release
     whose name begins likewise. */ -}}
{{- define "mintmark.queueSeconds" -}}
{{- $pods := printf "namespace=%q, pod=~\"%s-[a-z0-9]+-[a-z0-9]+\"" .Release.Namespace (include "mintmark.name" .) -}}
sum(rate(nv_inference_queue_duration_us{ {{- $pods -}} }[2m])) / clamp_min(sum(rate(nv_inference_count{ {{- $pods }}, model=~"coin_search|coin_search_all|coin_enroll"}[2m])), 1e-3) / 1e6
{{- end }}

{{- /* Values that do not go together are refused before anything is made; single values are the schema's. */ -}}
{{- define "mintmark.check" -}}
{{- $values := .Values -}}
{{- $several := or (gt (int $values.replicas) 1) (ne $values.autoscaling.kind "none") -}}
{{- if and $several (not $values.catalog.milvus.location) -}}
{{- fail "a catalog in a folder has one server: for more of them, set catalog.milvus.location" -}}
{{- end -}}
{{- if and $several (eq $values.cache.kind "claim") (not $values.cache.claim) (ne $values.cache.accessMode "ReadWriteMany") -}}
{{- fail "several servers share a cache only with cache.accessMode=ReadWriteMany" -}}
{{- end -}}
{{- if and $values.tls.clientAuthority (not $values.tls.secret) -}}
{{- fail "tls.clientAuthority needs tls.secret" -}}
{{- end -}}
{{- if and $values.gateway.enabled $values.tls.secret (eq $values.gateway.kind "sidecar") -}}
{{- fail "a sidecar asks its server by the address 127.0.0.1, which is not the certificate's name: with tls.secret, set gateway.kind=deployment" -}}
{{- end -}}
{{- if and $values.gateway.enabled $values.tls.clientAuthority (not $values.tls.gatewaySecret) -}}
{{- fail "with tls.clientAuthority the gateway needs a certificate of its own: set tls.gatewaySecret" -}}
{{- end -}}
{{- if and $values.gateway.ingress.enabled (not $values.gateway.enabled) -}}
{{- fail "gateway.ingress needs gateway.enabled" -}}
{{- end -}}
{{- if and $values.gateway.ingress.enabled (not $values.gateway.ingress.host) -}}
{{- fail "gateway.ingress needs a host" -}}
{{- end -}}
{{- if and $values.gateway.ingress.enabled $values.gateway.ingress.tlsSecret (not $values.gateway.proxies) -}}
{{- fail "behind an ingress with TLS the gateway refuses its own page unless it knows the ingress: set gateway.proxies" -}}
{{- end -}}
{{- if and (eq $values.autoscaling.kind "keda") (not $values.autoscaling.prometheus) -}}
{{- fail "autoscaling.kind=keda needs autoscaling.prometheus, the address of Prometheus" -}}
{{- end -}}
{{- if gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas" -}}
{{- end -}}
{{- end }}

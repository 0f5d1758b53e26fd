{{- /* What every pod of the chart has. */ -}}
{{- define "mintmark.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mintmark.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "mintmark.drain" -}}
preStop:
  exec:
    command: [sleep, {{ .Values.drainSeconds | quote }}]
{{- end }}

{{- /* The files of secrets: a list of their paths, and of what each is. */ -}}
{{- define "mintmark.secrets" -}}
{{- $tokens := .Values.tokens -}}
- {path: token, variable: MINTMARK_TOKEN_FILE, secret: {{ required "tokens.change.secret is missing: the name of the secret with the token of the catalog" $tokens.change.secret | quote }}, key: {{ $tokens.change.key | quote }}}
{{- with $tokens.named }}{{ if .secret }}
- {path: tokens, variable: MINTMARK_TOKENS_FILE, secret: {{ .secret | quote }}, key: {{ .key | quote }}}
{{- end }}{{ end }}
{{- with $tokens.read }}{{ if .secret }}
- {path: read_token, variable: MINTMARK_READ_TOKEN_FILE, secret: {{ .secret | quote }}, key: {{ .key | quote }}}
{{- end }}{{ end }}
{{- with $tokens.priority }}{{ if .secret }}
- {path: priority_token, variable: MINTMARK_PRIORITY_TOKEN_FILE, secret: {{ .secret | quote }}, key: {{ .key | quote }}}
{{- end }}{{ end }}
{{- with .Values.catalog.milvus }}{{ if and .location .secret }}
- {path: milvus_token, variable: MINTMARK_MILVUS_TOKEN_FILE, secret: {{ .secret | quote }}, key: {{ .key | quote }}}
{{- end }}{{ end }}
{{- with .Values.tls.secret }}
- {path: tls_cert, variable: MINTMARK_TLS_CERT_FILE, secret: {{ . | quote }}, key: tls.crt}
- {path: tls_key, variable: MINTMARK_TLS_KEY_FILE, secret: {{ . | quote }}, key: tls.key}
{{- end }}
{{- with .Values.tls.clientAuthority }}
- {path: tls_client_ca, variable: MINTMARK_TLS_CLIENT_CA_FILE, secret: {{ . | quote }}, key: ca.crt}
{{- end }}
{{- end }}

{{- define "mintmark.environment" -}}
- {name: MINTMARK_TARGET, value: {{ .Values.target }}}
{{- if .Values.catalog.milvus.location }}
- {name: MINTMARK_CATALOG, value: {{ .Values.catalog.milvus.location | quote }}}
{{- end }}
{{- with .Values.catalog.index }}
- {name: MINTMARK_INDEX, value: {{ . | quote }}}
{{- end }}
{{- with .Values.catalog.candidates }}
- {name: MINTMARK_CANDIDATES, value: {{ int64 . | quote }}}
{{- end }}
{{- with .Values.catalog.mostCandidates }}
- {name: MINTMARK_MOST_CANDIDATES, value: {{ int64 . | quote }}}
{{- end }}
- {name: MINTMARK_LOG_FORMAT, value: {{ .Values.log.format }}}
{{- if .Values.log.audit }}
- {name: MINTMARK_AUDIT, value: "-"}
{{- end }}
{{- with .Values.log.traces }}
- {name: MINTMARK_TRACES, value: {{ . | quote }}}
{{- end }}
{{- if .Values.limits }}
- name: MINTMARK_LIMITS
  value: {{ range $name, $value := .Values.limits }}{{ $name }}={{ int64 $value }} {{ end }}
{{- end }}
{{- if and (eq .Values.target "gpu") .Values.gpu.cudaPoolMiB }}
- {name: MINTMARK_CUDA_POOL_MIB, value: {{ int64 .Values.gpu.cudaPoolMiB | quote }}}
{{- end }}
{{- range include "mintmark.secrets" . | fromYamlArray }}
- {name: {{ .variable }}, value: /run/secrets/mintmark/{{ .path }}}
{{- end }}
{{- end }}

{{- define "mintmark.gatewayContainer" -}}
name: gateway
image: {{ .Values.gateway.image.repository | default .Values.image.repository }}:{{ .Values.gateway.image.tag }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [python3, -m, web]
args:
  - --host=0.0.0.0
  - --port=8080
  - --url={{ ternary "127.0.0.1" (include "mintmark.name" .) (eq .Values.gateway.kind "sidecar") }}:8001
{{- range .Values.gateway.names }}
  - --name={{ . }}
{{- end }}
{{- if .Values.gateway.ingress.enabled }}
  - --name={{ .Values.gateway.ingress.host }}
{{- end }}
{{- range .Values.gateway.proxies }}
  - --proxy={{ . }}
{{- end }}
{{- with .Values.log.traces }}
  - --traces={{ . }}
{{- end }}
{{- if .Values.gateway.tlsSecret }}
  - --tls-cert=/run/secrets/gateway/tls.crt
  - --tls-key=/run/secrets/gateway/tls.key
{{- end }}
{{- if .Values.tls.secret }}
  - --server-tls
{{- if .Values.tls.authority }}
  - --server-tls-ca=/run/secrets/authority/ca.crt
{{- end }}
{{- if .Values.tls.gatewaySecret }}
  - --server-tls-cert=/run/secrets/client/tls.crt
  - --server-tls-key=/run/secrets/client/tls.key
{{- end }}
{{- end }}
ports:
  - {name: web, containerPort: 8080}
# The gateway answers to its own names alone, and localhost is one. It is not ready while the server is not.
readinessProbe:
  httpGet:
    path: /api/health
    port: web
    scheme: {{ ternary "HTTPS" "HTTP" (not (empty .Values.gateway.tlsSecret)) }}
    httpHeaders:
      - {name: Host, value: localhost}
  periodSeconds: 10
  timeoutSeconds: 10
livenessProbe:
  tcpSocket:
    port: web
  initialDelaySeconds: 10
  periodSeconds: 10
  failureThreshold: 6
lifecycle:
  {{- include "mintmark.drain" . | nindent 2 }}
resources:
  {{- toYaml .Values.gateway.resources | nindent 2 }}
securityContext:
  runAsUser: 10002
  runAsGroup: 10002
  {{- include "mintmark.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: gateway-tmp, mountPath: /tmp}
{{- if .Values.gateway.tlsSecret }}
  - {name: gateway-tls, mountPath: /run/secrets/gateway, readOnly: true}
{{- end }}
{{- if .Values.tls.secret }}
{{- if .Values.tls.authority }}
  - {name: server-authority, mountPath: /run/secrets/authority, readOnly: true}
{{- end }}
{{- if .Values.tls.gatewaySecret }}
  - {name: gateway-client, mountPath: /run/secrets/client, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "mintmark.gatewayVolumes" -}}
- name: gateway-tmp
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.gateway.tmp }}}
{{- with .Values.gateway.tlsSecret }}
- name: gateway-tls
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- if .Values.tls.secret }}
{{- with .Values.tls.authority }}
- name: server-authority
  secret: {secretName: {{ . | quote }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with .Values.tls.gatewaySecret }}
- name: gateway-client
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}

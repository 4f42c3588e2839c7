{{- define "noisefleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "noisefleet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "noisefleet.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "noisefleet.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "noisefleet.operator" -}}
{{ include "noisefleet.fullname" . }}-operator
{{- end }}

{{- /* The admission policy that keeps duties apart, and its binding. */}}
{{- define "noisefleet.keysPolicy" -}}
{{ include "noisefleet.fullname" . }}-keys
{{- end }}

{{- define "noisefleet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "noisefleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "noisefleet.labels" -}}
app.kubernetes.io/name: {{ include "noisefleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: noisefleet
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "noisefleet.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $name := ternary .Values.image.repository (printf "%s/%s" $registry .Values.image.repository) (empty $registry) }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "noisefleet.imagePullSecrets" -}}
{{- concat .Values.global.imagePullSecrets .Values.imagePullSecrets | uniq | toJson }}
{{- end }}

{{- /* Where the operator works: relays need their children as executors do. */}}
{{- define "noisefleet.namespaces" -}}
{{- concat .Values.executorNamespaces .Values.relayNamespaces | uniq | sortAlpha | toJson }}
{{- end }}

{{- define "noisefleet.vaultFlags" -}}
{{- with .Values.keys.vault -}}
- --vault-address={{ .address }}
- --vault-token-file=/var/run/secrets/noisefleet/vault/token
{{- if or .ca.configMap .ca.secret }}
- --vault-ca-file=/var/run/noisefleet/vault-ca/ca.crt
{{- end }}
{{- with .namespace }}
- --vault-namespace={{ . }}
{{- end }}
- --vault-mount={{ .mount }}
- --vault-auth-mount={{ .authMount }}
- --vault-role={{ .role }}
{{- end }}
- --cluster-name={{ .Values.keys.clusterName }}
{{- end }}

{{- /* A volume's source with one file, `ca.crt`; nothing when the system's authorities will do. */}}
{{- define "noisefleet.vaultAuthority" -}}
{{- with .Values.keys.vault.ca -}}
{{- if .configMap -}}
configMap: { name: {{ .configMap }}, items: [{ key: {{ .key }}, path: ca.crt }] }
{{- else if .secret -}}
secret: { secretName: {{ .secret }}, items: [{ key: {{ .key }}, path: ca.crt }] }
{{- end }}
{{- end }}
{{- end }}

{{- define "callsheet.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "callsheet.selector" -}}
app.kubernetes.io/name: callsheet
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "callsheet.labels" -}}
{{ include "callsheet.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "callsheet.claim" -}}
{{ .Values.spool.existingClaim | default (printf "%s-spool" .Release.Name) }}
{{- end }}

{{- /* What every pod has: who it runs as, and no way to the cluster's own API. */}}
{{- define "callsheet.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What every container has; its own variables follow. */}}
{{- define "callsheet.container" -}}
image: {{ include "callsheet.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - secretRef: {name: {{ .Values.secretName | quote }}}
env:
  {{- range $name, $value := .Values.settings }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  - {name: CALLSHEET_HOME, value: /data}
  - {name: CALLSHEET_CLONE_TIMEOUT_SECONDS, value: {{ .Values.longestCallSeconds | quote }}}
  - {name: CALLSHEET_SPEECH_TIMEOUT_SECONDS, value: {{ .Values.longestCallSeconds | quote }}}
{{- end }}

{{- /* Longer than the longest call and what follows it: a call that was sent is paid for. */}}
{{- define "callsheet.grace" -}}
{{ add (int .Values.longestCallSeconds) 40 }}
{{- end }}

{{/* The name of everything. */}}
{{- define "gatehouse.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: {{ include "gatehouse.name" . }}
{{- end -}}

{{- define "gatehouse.subject" -}}
- kind: ServiceAccount
  namespace: {{ .Release.Namespace }}
  name: {{ include "gatehouse.name" . }}-controller
{{- end -}}

{{- define "gatehouse.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" where a hook kubelet-serving has a source nodeObject. */}}
{{- define "gatehouse.readsNodes" -}}
{{- range dig "approval" "hooks" list .Values.configuration -}}
{{- range dig "kubelet-serving" "sources" list . -}}
{{- if hasKey . "nodeObject" -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether a signer has a profile for pods; "" when none has. */}}
{{- define "gatehouse.servesPods" -}}
{{- range dig "signers" list .Values.configuration -}}
{{- if hasKey (dig "profile" dict .) "pods" -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whose requests are approved and signed, as a list in JSON. */}}
{{- define "gatehouse.signers" -}}
{{- $ours := list "kubernetes.io/kube-apiserver-client" "kubernetes.io/kube-apiserver-client-kubelet" "kubernetes.io/kubelet-serving" -}}
{{- range dig "signers" list .Values.configuration -}}
{{- if hasKey . "profile" -}}{{- $ours = append $ours .signerName -}}{{- end -}}
{{- end -}}
{{- dig "cluster" "signers" $ours .Values.configuration | toJson -}}
{{- end -}}

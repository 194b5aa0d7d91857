{{- /* The names are fixed: the operator's lease is, and two operators of all namespaces would
be one too many. */ -}}
{{- define "g2c.selector" -}}
app.kubernetes.io/name: g2c
app.kubernetes.io/component: operator
{{- end -}}

{{- define "g2c.labels" -}}
app.kubernetes.io/name: g2c
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "g2c.operatorLabels" -}}
{{ include "g2c.labels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "g2c.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- /* The Secret of the authority that cert-manager keeps. */ -}}
{{- define "g2c.authority" -}}
{{ .Values.cluster.name }}-cert-manager
{{- end -}}

{{- define "g2c.rules" -}}
- {apiGroups: [g2c.dev], resources: [experiments, workerpools], verbs: [get, list, watch, patch]}
- {apiGroups: [g2c.dev], resources: [clusters], verbs: [get, list, watch]}
- {apiGroups: [g2c.dev], resources: [clusters/status, experiments/status, workerpools/status], verbs: [patch]}
- {apiGroups: [g2c.dev], resources: [clusters/finalizers, experiments/finalizers, workerpools/finalizers], verbs: [update]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch, create, delete]}
- {apiGroups: [""], resources: [pods/finalizers], verbs: [update]}
- {apiGroups: [""], resources: [secrets], verbs: [get, create, patch]}
- {apiGroups: [""], resources: [configmaps], verbs: [get, create, patch]}
- {apiGroups: [apps], resources: [statefulsets], verbs: [get, list, watch, create, patch]}
- {apiGroups: [""], resources: [services], verbs: [get, create, patch]}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get, create, patch]}
- {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get, delete]}
- {apiGroups: [batch], resources: [jobs], verbs: [get, list, watch, create, patch]}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [create, patch]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
- {apiGroups: [kueue.x-k8s.io], resources: [workloads], verbs: [get, list]}
{{- end -}}

{{- define "g2c.coordinatorPorts" }}
    - ports:
        {{- range .Values.networkPolicy.coordinatorPorts }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
{{- end }}
{{- define "g2c.store" }}
{{- with .Values.networkPolicy.storePorts }}
    - ports:
        {{- range . }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
{{- end }}
{{- end }}

package operator

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var workloads = schema.GroupVersionKind{Group: "kueue.x-k8s.io", Version: "v1beta2", Kind: "WorkloadList"}

// Sentences about pods of which Kueue says nothing itself.
const (
	queuedUntried = "queued: Kueue has not tried to admit it yet"
	kueueAbsent   = "held back by a scheduling gate, and this cluster has no Kueue that would admit it"
)

// whyPending is why a gated pod is not admitted. Kueue says it in the Workload that it makes
// of the pod, and nowhere else.
func (r *fleets) whyPending(ctx context.Context, pod *corev1.Pod) string {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(workloads)
	err := r.live.List(ctx, list, client.InNamespace(pod.Namespace))
	if meta.IsNoMatchError(err) {
		return kueueAbsent
	}
	if err != nil {
		return "held back by a scheduling gate; the operator cannot read Kueue's Workloads"
	}
	for i := range list.Items {
		w := &list.Items[i]
		if !metav1.IsControlledBy(w, pod) {
			continue
		}
		conditions, _, _ := unstructured.NestedSlice(w.Object, "status", "conditions")
		for _, c := range conditions {
			if m, ok := c.(map[string]any); ok && m["type"] == "QuotaReserved" && m["status"] == "False" {
				if text, ok := m["message"].(string); ok && text != "" {
					return text
				}
			}
		}
	}
	return queuedUntried
}

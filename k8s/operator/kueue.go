package operator

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// whyPending is why gated pods are not admitted. Kueue says it in the Workloads that it makes
// of pods, and nowhere else; of several that are alike it tries one and says nothing of the
// others, so the first pod of which it says something speaks for all.
func (r *fleets) whyPending(ctx context.Context, pods []*corev1.Pod) string {
	if len(pods) == 0 {
		return ""
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(workloads)
	err := r.live.List(ctx, list, client.InNamespace(pods[0].Namespace))
	if meta.IsNoMatchError(err) {
		return kueueAbsent
	}
	if err != nil {
		return "held back by a scheduling gate; the operator cannot read Kueue's Workloads"
	}
	for _, pod := range pods {
		for i := range list.Items {
			if w := &list.Items[i]; metav1.IsControlledBy(w, pod) {
				if text := whyNoQuota(w); text != "" {
					return text
				}
			}
		}
	}
	return queuedUntried
}

// whyNoQuota is what Kueue says of a Workload that it has tried to admit, or nothing.
func whyNoQuota(w *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(w.Object, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "QuotaReserved" && m["status"] == "False" {
			text, _ := m["message"].(string)
			return text
		}
	}
	return ""
}

// webhookCalled finds the name of a webhook in what the apiserver says of a call that failed.
var webhookCalled = regexp.MustCompile(`failed calling webhook "([^"]+)"`)

// notTaken is an error of a pod that the apiserver did not take, because a webhook that it
// asks about pods does not answer: for most it is Kueue's, which asks about every pod.
type notTaken struct {
	webhook string
	error
}

func (e *notTaken) Unwrap() error { return e.error }

// taking tells apart what the creation of a pod failed for.
func taking(err error) error {
	if !apierrors.IsInternalError(err) {
		return err
	}
	m := webhookCalled.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	return &notTaken{m[1], err}
}

// whyNotTaken is why no pods are made, in words that stay the same from one attempt to the
// next, or nothing.
func whyNotTaken(err error) string {
	var n *notTaken
	if !errors.As(err, &n) {
		return ""
	}
	return fmt.Sprintf("the apiserver takes no new pods: the webhook %s does not answer; is Kueue down? Workers that run train on", n.webhook)
}

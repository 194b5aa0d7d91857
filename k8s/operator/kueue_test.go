package operator_test

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

// deaf has the apiserver ask about pods of a test's namespace where nobody answers, as it is
// while Kueue is down, and returns what ends that.
func (w *world) deaf() (end func()) {
	w.t.Helper()
	hook := &admissionv1.MutatingWebhookConfiguration{Webhooks: []admissionv1.MutatingWebhook{{
		Name: "mpod.kb.io", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionv1.SideEffectClassNone), FailurePolicy: new(admissionv1.Fail),
		ClientConfig:      admissionv1.WebhookClientConfig{URL: new("https://127.0.0.1:1/pods")},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.space}},
		Rules: []admissionv1.RuleWithOperations{{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
	}}}
	hook.Name = "deaf-" + w.space
	w.create(hook)
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}}}
	pod.Name, pod.Namespace = "p", w.space
	within(w.t, "the webhook is asked", func() bool {
		err := w.admin.Create(w.t.Context(), pod.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "failed calling webhook")
	})
	return func() {
		if err := w.admin.Delete(w.t.Context(), hook); err != nil {
			w.t.Fatal(err)
		}
	}
}

// While Kueue is down no pod can be made. The statuses say so, in words that stay the same,
// and when it is back there are pods.
func TestKueueIsDown(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	e.Spec.Workers = &v1alpha1.Workers{Min: 1, Max: 1, Device: "cpu", Slots: 1}
	pool := w.pool("p", 1, 1)
	w.create(e)
	w.create(pool)
	end := w.deaf()
	_, pools := w.operatorOver(w.admin)
	var versions []string
	for range 2 {
		if w.look(e) == nil {
			t.Error("the pass of the Experiment did not fail: nobody would try again")
		}
		if _, err := pools.Reconcile(t.Context(), request(pool)); err == nil {
			t.Error("the pass of the WorkerPool did not fail: nobody would try again")
		}
		versions = append(versions, w.get(e).ResourceVersion)
	}
	if versions[0] != versions[1] {
		t.Error("the status is written again though nothing has changed")
	}
	got := w.get(e)
	holds(t, got, v1alpha1.WorkersReady, metav1.ConditionFalse, "mpod.kb.io", "Kueue")
	if n := got.Status.Workers; n == nil || n.Desired != 1 || n.Admitted != 0 {
		t.Errorf("workers: %+v", n)
	}
	if err := w.admin.Get(t.Context(), request(pool).NamespacedName, pool); err != nil {
		t.Fatal(err)
	}
	if c := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.WorkersReady); c == nil || c.Reason != "NotTaken" || !strings.Contains(pool.Status.Waiting, "mpod.kb.io") {
		t.Errorf("the pool's status: %+v", pool.Status)
	}
	end()
	within(t, "pods", func() bool { return w.look(e) == nil && len(w.pods("e")) == 1 })
	if got := w.get(e); strings.Contains(got.Status.Waiting, "mpod.kb.io") {
		t.Errorf("it still says %q", got.Status.Waiting)
	}
}

// workloads answers for the Workloads that Kueue would have made.
type workloads struct {
	client.WithWatch
	items []unstructured.Unstructured
}

func (c *workloads) List(ctx context.Context, list client.ObjectList, o ...client.ListOption) error {
	if u, ok := list.(*unstructured.UnstructuredList); ok && u.GetKind() == "WorkloadList" {
		u.Items = c.items
		return nil
	}
	return c.WithWatch.List(ctx, list, o...)
}

// Of pods that are alike Kueue tries one, and says nothing of the others: what it says of the
// one stands in the status, whichever pod comes first.
func TestKueueSaysItOfOne(t *testing.T) {
	w := newWorld(t)
	pool := w.pool("p", 2, 2)
	pool.Spec.Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{SchedulingGates: []corev1.PodSchedulingGate{{Name: "kueue.x-k8s.io/admission"}}}}
	w.create(pool)
	c := &workloads{WithWatch: w.admin}
	says := func() string {
		t.Helper()
		_, r := w.operatorOver(c)
		if _, err := r.Reconcile(t.Context(), request(pool)); err != nil {
			t.Fatal(err)
		}
		if err := w.admin.Get(t.Context(), request(pool).NamespacedName, pool); err != nil {
			t.Fatal(err)
		}
		return pool.Status.Waiting
	}
	says() // makes the pods
	if got := says(); !strings.HasPrefix(got, "queued") {
		t.Errorf("nothing was tried, and it says %q", got)
	}
	const why = "no quota for pods is left"
	for _, p := range w.pods("p") {
		u := unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "PodsReady", "status": "False", "message": "no"},
			map[string]any{"type": "QuotaReserved", "status": "False", "message": why},
		}}}}
		u.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: p.Name, UID: p.UID, Controller: new(true)}})
		c.items = []unstructured.Unstructured{u}
		if got := says(); got != why {
			t.Errorf("of %s alone Kueue says why, and the status says %q", p.Name, got)
		}
	}
}

package operator

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

// Field managers. The finalizer has one of its own, so that it can be taken away by applying
// nothing.
const (
	manager          = client.FieldOwner("g2c-operator")
	finalizerManager = client.FieldOwner("g2c-operator-finalizer")
)

// Finalizer keeps an Experiment until its experiment is cancelled, or five minutes long.
const Finalizer = "g2c.dev/cancel"

// apply states an object, as its manager alone would have it.
func apply(ctx context.Context, c client.Client, obj runtime.Object, gvk schema.GroupVersionKind, owner client.FieldOwner) error {
	u, err := stated(obj, gvk)
	if err != nil {
		return err
	}
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), owner, client.ForceOwnership)
}

// applyStatus states the status of an object of ours, if it has changed.
func applyStatus(ctx context.Context, c client.Client, gvk schema.GroupVersionKind, obj client.Object, was, is any) error {
	if equality.Semantic.DeepEqual(was, is) {
		return nil
	}
	status, err := runtime.DefaultUnstructuredConverter.ToUnstructured(is)
	if err != nil {
		return err
	}
	u := named(gvk, obj)
	u.Object["status"] = status
	return c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), manager, client.ForceOwnership)
}

// setFinalizer gives an Experiment the finalizer, or takes it away. The uid keeps it from
// making an object anew that has just gone.
func setFinalizer(ctx context.Context, c client.Client, e *v1alpha1.Experiment, on bool) error {
	u := named(experimentKind, e)
	u.SetUID(e.UID)
	if on {
		u.SetFinalizers([]string{Finalizer})
	}
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), finalizerManager, client.ForceOwnership)
}

func hasFinalizer(e *v1alpha1.Experiment) bool { return slices.Contains(e.Finalizers, Finalizer) }

// named is an object without anything but its name.
func named(gvk schema.GroupVersionKind, obj client.Object) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(gvk)
	u.SetName(obj.GetName())
	u.SetNamespace(obj.GetNamespace())
	return u
}

// stated is an object with the fields that are set, and none of those that only the apiserver
// fills in.
func stated(obj runtime.Object, gvk schema.GroupVersionKind) (*unstructured.Unstructured, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, err
	}
	delete(m, "status")
	u := &unstructured.Unstructured{Object: m}
	unstructured.RemoveNestedField(m, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(m, "spec", "template", "metadata", "creationTimestamp")
	u.SetGroupVersionKind(gvk)
	return u, nil
}

var (
	experimentKind = v1alpha1.GroupVersion.WithKind("Experiment")
	poolKind       = v1alpha1.GroupVersion.WithKind("WorkerPool")
)

// setCondition sets a condition, whose time is kept while its status stays.
func setCondition(list *[]metav1.Condition, now metav1.Time, generation int64, kind string, status metav1.ConditionStatus, reason, message string) {
	const most = 32 << 10 // bytes of a message
	if len(message) > most {
		message = message[:most]
	}
	meta.SetStatusCondition(list, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: generation, LastTransitionTime: now,
	})
}

// owned is the reference by which an object goes with its owner.
func owned(gvk schema.GroupVersionKind, by client.Object) metav1.OwnerReference {
	return *metav1.NewControllerRef(by, gvk)
}

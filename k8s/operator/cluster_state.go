package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

// statedAnnotation is the hash of what was stated last: what is stated already is not written
// again.
const statedAnnotation = "g2c.dev/stated"

// state applies an object, unless it is as it was stated last. It says whether it was
// written.
func (k *keeper) state(ctx context.Context, s stating) (bool, error) {
	text, err := json.Marshal(s.object)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(text)
	is := hex.EncodeToString(sum[:8])
	s.object.SetAnnotations(merged(s.object.GetAnnotations(), map[string]string{statedAnnotation: is}))
	there := named(s.kind, s.object)
	err = k.live.Get(ctx, client.ObjectKeyFromObject(s.object), there)
	if client.IgnoreNotFound(err) != nil {
		return false, err
	}
	if err == nil {
		if !metav1.IsControlledBy(there, k.c) {
			return false, fmt.Errorf("%w: %s %s", errTaken, s.kind.Kind, there.GetName())
		}
		if there.GetAnnotations()[statedAnnotation] == is && !touched(there) {
			return false, nil
		}
	}
	return true, apply(ctx, k.client, s.object, s.kind, manager)
}

// touched says whether others than the operator have a hand in what an object states.
func touched(u *unstructured.Unstructured) bool {
	for _, m := range u.GetManagedFields() {
		if m.Subresource == "" && m.Manager != string(manager) {
			return true
		}
	}
	return false
}

// ours is the StatefulSet; nil if there is none.
func (k *keeper) ours(ctx context.Context) (*appsv1.StatefulSet, error) {
	var s appsv1.StatefulSet
	err := k.live.Get(ctx, client.ObjectKeyFromObject(k.c), &s)
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(&s, k.c) {
		return nil, fmt.Errorf("%w: StatefulSet %s", errTaken, s.Name)
	}
	return &s, nil
}

// configure keeps the ConfigMap that says how a coordinator gets into the cluster. Once it
// says that one joins, it never says again that they found one, whatever became of the status.
func (k *keeper) configure(ctx context.Context) error {
	var there corev1.ConfigMap
	err := k.live.Get(ctx, client.ObjectKey{Namespace: k.c.Namespace, Name: coordinatorsName(k.c)}, &there)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if strings.HasPrefix(there.Data[configFile], "join:") && !k.founded() {
		k.condition(v1alpha1.Founded, metav1.ConditionTrue, "Founded", "")
	}
	coordinators := k.stated()
	if coordinators == 0 {
		coordinators = int(k.c.Spec.Coordinators.Replicas)
	}
	m := &corev1.ConfigMap{Data: map[string]string{configFile: k.configuration(k.founded(), coordinators)}}
	k.adopt(m, coordinatorsName(k.c))
	_, err = k.state(ctx, stating{m, configMapKind})
	return err
}

package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// Clusters keeps Clusters as they are stated: it runs their coordinators, and says how they
// are.
type Clusters struct {
	client.Client
	Live   client.Reader
	Config Config

	clusters *clusters
}

// keeper is one look at a Cluster.
type keeper struct {
	client   client.Client
	live     client.Reader
	clusters *clusters
	c        *v1alpha1.Cluster
	status   *v1alpha1.ClusterStatus
	now      metav1.Time

	set   *appsv1.StatefulSet // nil if there is none
	pods  [mostCoordinators]*corev1.Pod
	coord *g2c.Client
	seen  *apiv1.StatusResponse // nil if no coordinator answers
}

// errTaken is an object of a name that the operator needs, and that is somebody else's.
var errTaken = errors.New("it is somebody else's, and a Cluster of this name needs it")

// Reconcile implements reconcile.Reconciler.
func (r *Clusters) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var c v1alpha1.Cluster
	if err := r.Get(ctx, req.NamespacedName, &c); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !c.DeletionTimestamp.IsZero() { // its coordinators go with it, their volumes stay
		return ctrl.Result{}, nil
	}
	k := &keeper{
		client: r.Client, live: r.Live, clusters: r.clusters, c: &c, status: c.Status.DeepCopy(),
		now: metav1.NewTime(r.Config.Clock.Now()),
	}
	again, err := k.keep(ctx)
	if werr := applyStatus(ctx, r.Client, clusterKind, &c, &c.Status, k.status); client.IgnoreNotFound(werr) != nil {
		return ctrl.Result{}, errors.Join(err, werr)
	}
	return ctrl.Result{RequeueAfter: again}, err
}

// keep takes the next step of a Cluster, and says when to look again.
func (k *keeper) keep(ctx context.Context) (time.Duration, error) {
	if k.c.Spec.Coordinators == nil { // they run elsewhere: it is only said how they are
		err := k.ask(ctx)
		k.describe()
		return pollEvery, err
	}
	if err := k.prepare(ctx); err != nil {
		k.condition(v1alpha1.Progressing, metav1.ConditionFalse, "NotStated", err.Error())
		return 0, err
	}
	if err := k.ask(ctx); err != nil {
		return 0, err
	}
	k.describe()
	s, err := k.situation(ctx)
	if err != nil {
		return 0, err
	}
	next := s.next()
	if next.reason == "" {
		k.condition(v1alpha1.Progressing, metav1.ConditionFalse, "AsStated", "")
	} else {
		k.condition(v1alpha1.Progressing, metav1.ConditionTrue, next.reason, next.message)
	}
	if err := k.take(ctx, &s, next); err != nil {
		return 0, fmt.Errorf("%s: %w", next.message, err)
	}
	if next.reason == "" {
		return pollEvery, nil
	}
	return stepEvery, nil
}

func (k *keeper) condition(kind string, status metav1.ConditionStatus, reason, message string) {
	setCondition(&k.status.Conditions, k.now, k.c.Generation, kind, status, reason, message)
}

// ask learns from the coordinators how they are. That none answers is no error.
func (k *keeper) ask(ctx context.Context) (err error) {
	if k.coord, err = k.clusters.connect(ctx, k.c); err != nil {
		return err
	}
	s, err := k.coord.Cluster().Status(ctx, &apiv1.StatusRequest{})
	if err != nil && !unreachable(err) {
		return err
	}
	if err == nil {
		k.seen = s
	}
	return nil
}

// describe says in the status how the coordinators are.
func (k *keeper) describe() {
	if k.seen == nil {
		k.status.Leader = ""
		k.condition(v1alpha1.Available, metav1.ConditionFalse, "Unreachable", "no coordinator answers as it should; the operator's log says why")
	} else if k.status.Leader, k.status.Level = k.seen.Leader, int32(k.seen.Level); k.seen.Leader == "" {
		k.condition(v1alpha1.Available, metav1.ConditionFalse, "NoLeader", "no coordinator leads: most of the members have to run and reach each other")
	} else {
		k.condition(v1alpha1.Available, metav1.ConditionTrue, "Leading", "")
	}
	if k.seen != nil && k.seen.Leader != "" && !k.founded() {
		k.condition(v1alpha1.Founded, metav1.ConditionTrue, "Founded", "")
	}
	roles := map[string]string{}
	if k.seen != nil {
		for _, m := range k.seen.Members {
			roles[m.Id] = m.Role
		}
	}
	k.status.Members, k.status.Ready, k.status.Image = nil, 0, ""
	if k.c.Spec.Coordinators == nil {
		if k.seen != nil {
			for _, m := range k.seen.Members {
				k.status.Members = append(k.status.Members, v1alpha1.ClusterMember{Name: m.Id, Role: m.Role, Ready: m.Healthy, Updated: true})
				if m.Healthy {
					k.status.Ready++
				}
			}
		}
		return
	}
	images := map[string]bool{}
	for i := range k.pods {
		name, pod := memberName(k.c, i), k.pods[i]
		if pod == nil && roles[name] == "" {
			continue
		}
		m := v1alpha1.ClusterMember{Name: name, Role: roles[name]}
		if pod != nil {
			m.Ready, m.Updated = podReady(pod), !k.outdated(pod)
			images[imageOf(pod)] = true
		}
		if m.Ready {
			k.status.Ready++
		}
		k.status.Members = append(k.status.Members, m)
	}
	if len(images) == 1 {
		for image := range images {
			k.status.Image = image
		}
	}
}

func (k *keeper) founded() bool {
	return meta.IsStatusConditionTrue(k.status.Conditions, v1alpha1.Founded)
}

// podReady says whether a pod is ready, and is to stay.
func podReady(p *corev1.Pod) bool {
	c := readiness(p)
	return p.DeletionTimestamp == nil && c != nil && c.Status == corev1.ConditionTrue
}

// imageOf is the image of a coordinator's pod.
func imageOf(p *corev1.Pod) string {
	for _, c := range p.Spec.Containers {
		if c.Name == "coordinator" {
			return c.Image
		}
	}
	return ""
}

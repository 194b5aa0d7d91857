package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// stuckAfter is how long a pod may take to get ready before it is taken for one that its
// template keeps from it.
const stuckAfter = time.Minute

// revisionLabel is of the template that a StatefulSet made a pod of.
const revisionLabel = "controller-revision-hash"

// prepare keeps what coordinators need before they run, and learns what there is.
func (k *keeper) prepare(ctx context.Context) error {
	if err := k.read(ctx); err != nil {
		return err
	}
	if err := k.clusters.found(ctx, k.client, k.c); err != nil {
		return err
	}
	if err := k.certify(ctx); err != nil {
		return err
	}
	if err := k.configure(ctx); err != nil {
		return err
	}
	stated := k.stated()
	for _, o := range []stating{k.peers(), k.front(), k.budget(max(stated, 1))} {
		if _, err := k.state(ctx, o); err != nil {
			return err
		}
	}
	if stated == 0 {
		return nil
	}
	changed, err := k.state(ctx, k.statefulSet(stated))
	if err == nil && changed { // whether its status is of the state before, its generation says
		k.set, err = k.ours(ctx)
	}
	return err
}

// read learns what there is of the StatefulSet and its pods, from the apiserver itself.
func (k *keeper) read(ctx context.Context) error {
	set, err := k.ours(ctx)
	if err != nil {
		return err
	}
	k.set = set
	var pods corev1.PodList
	if err := k.live.List(ctx, &pods, client.InNamespace(k.c.Namespace), client.MatchingLabels(clusterLabels(k.c))); err != nil {
		return err
	}
	for i := range pods.Items {
		for n := range k.pods {
			if pods.Items[i].Name == memberName(k.c, n) {
				k.pods[n] = &pods.Items[i]
			}
		}
	}
	return nil
}

// stated is how many replicas the StatefulSet has.
func (k *keeper) stated() int {
	if k.set == nil || k.set.Spec.Replicas == nil {
		return 0
	}
	return int(*k.set.Spec.Replicas)
}

func (k *keeper) outdated(p *corev1.Pod) bool {
	return k.set != nil && p.Labels[revisionLabel] != k.set.Status.UpdateRevision
}

// situation gathers what decides the next step.
func (k *keeper) situation(ctx context.Context) (situation, error) {
	s := situation{
		want: int(k.c.Spec.Coordinators.Replicas), stated: k.stated(), founded: k.founded(), leader: -1, reads: k.clusters.cfg.Level,
		settled: k.set != nil && k.set.Status.ObservedGeneration == k.set.Generation && k.set.Status.UpdateRevision != "",
	}
	members := map[string]*apiv1.Member{}
	if k.seen != nil {
		s.level = k.seen.Level
		for _, m := range k.seen.Members {
			members[m.Id] = m
		}
	}
	for i := range s.all {
		c := &s.all[i]
		if p := k.pods[i]; p != nil {
			c.leaving = p.DeletionTimestamp != nil
			c.pod, c.ready, c.outdated = !c.leaving, podReady(p), k.outdated(p)
			c.stuck = !c.ready && k.now.Sub(since(p)) > stuckAfter
		}
		if m := members[memberName(k.c, i)]; m != nil {
			c.member, c.voter, c.healthy, c.replaced = true, m.Role == "voter", m.Healthy, m.Replaced
		}
		if k.seen != nil && k.seen.Leader == memberName(k.c, i) {
			s.leader = i
		}
	}
	if s.leader >= 0 {
		for p, err := range k.coord.AllProjects(ctx) {
			if err != nil {
				return s, err
			}
			s.project = s.project || p.Name == k.c.Namespace
		}
	}
	if n := s.stated; n > 0 && n < s.want { // the one that comes next
		claim, err := k.claim(ctx, n)
		if err != nil {
			return s, err
		}
		s.all[n].claim = claim != nil
	}
	return s, nil
}

// since is since when a pod has been as ready as it is.
func since(p *corev1.Pod) time.Time {
	if c := readiness(p); c != nil {
		return c.LastTransitionTime.Time
	}
	return p.CreationTimestamp.Time
}

// take does a step.
func (k *keeper) take(ctx context.Context, s *situation, next step) error {
	switch next.act {
	case state:
		_, err := k.state(ctx, k.statefulSet(next.n))
		return err
	case remove:
		_, err := k.coord.Cluster().RemoveMember(ctx, &apiv1.RemoveMemberRequest{RequestId: g2c.RequestID(), Id: memberName(k.c, next.n)})
		if errors.Is(err, rpcerr.NotFound) {
			return nil
		}
		return err
	case transfer:
		_, err := k.coord.Cluster().TransferLeadership(ctx, &apiv1.TransferLeadershipRequest{RequestId: g2c.RequestID()})
		return err
	case forget:
		claim, err := k.claim(ctx, next.n)
		if err != nil || claim == nil {
			return err
		}
		return client.IgnoreNotFound(k.client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID}))
	case restart:
		pod := k.pods[next.n]
		return client.IgnoreNotFound(k.client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}))
	case enrol:
		_, err := k.coord.Cluster().SetProject(ctx, &apiv1.SetProjectRequest{RequestId: g2c.RequestID(), Name: k.c.Namespace, Weight: 1})
		return err
	case raise:
		return k.raise(ctx, s.reads)
	}
	return nil
}

// raise lets coordinators write what this release reads. That one of them runs an older one is
// no fault: it is said until its image is another.
func (k *keeper) raise(ctx context.Context, level uint32) error {
	_, err := k.coord.Cluster().RaiseLevel(ctx, &apiv1.RaiseLevelRequest{RequestId: g2c.RequestID(), Level: level})
	if errors.Is(err, rpcerr.Conflict) || errors.Is(err, rpcerr.BadRequest) {
		k.condition(v1alpha1.Progressing, metav1.ConditionFalse, "OlderRelease", fmt.Sprintf("commands stay at level %d: %v", k.seen.Level, err))
		return nil
	}
	return err
}

// claim is the claim of a coordinator's volume; nil if there is none.
func (k *keeper) claim(ctx context.Context, n int) (*corev1.PersistentVolumeClaim, error) {
	var c corev1.PersistentVolumeClaim
	err := k.live.Get(ctx, client.ObjectKey{Namespace: k.c.Namespace, Name: dataVolume + "-" + memberName(k.c, n)}, &c)
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return &c, nil
}

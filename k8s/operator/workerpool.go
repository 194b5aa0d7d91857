package operator

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

// WorkerPools keeps WorkerPools as they are stated.
type WorkerPools struct {
	client.Client
	Config Config

	clusters *clusters
	fleets   *fleets
}

// Reconcile implements reconcile.Reconciler.
func (r *WorkerPools) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var pool v1alpha1.WorkerPool
	if err := r.Get(ctx, req.NamespacedName, &pool); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !pool.DeletionTimestamp.IsZero() { // its pods go with it
		return ctrl.Result{}, nil
	}
	status := pool.Status.DeepCopy()
	again, err := r.keep(ctx, &pool, status)
	if werr := applyStatus(ctx, r.Client, poolKind, &pool, &pool.Status, status); client.IgnoreNotFound(werr) != nil {
		return ctrl.Result{}, errors.Join(err, werr)
	}
	return again, err
}

// keep takes the next steps of a pool.
func (r *WorkerPools) keep(ctx context.Context, pool *v1alpha1.WorkerPool, status *v1alpha1.WorkerPoolStatus) (ctrl.Result, error) {
	ready := func(s metav1.ConditionStatus, reason, message string) {
		setCondition(&status.Conditions, metav1.NewTime(r.Config.Clock.Now()), pool.Generation, v1alpha1.WorkersReady, s, reason, message)
	}
	cluster, coord, err := r.clusters.find(ctx, r.Client, pool.Namespace, pool.Spec.ClusterRef.Name)
	if errors.Is(err, errNoCluster) {
		ready(metav1.ConditionFalse, "ClusterNotFound", err.Error())
		return ctrl.Result{RequeueAfter: mendEvery}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	f := &fleet{namespace: pool.Namespace, name: pool.Name, kind: "WorkerPool", cluster: cluster, workers: &pool.Spec.Workers, queue: pool.Spec.QueueName}
	status.Selector = labels.SelectorFromSet(f.selector()).String()
	slots, err := r.fleets.demand.Slots(ctx, coord, Work{Project: pool.Namespace, Device: pool.Spec.Device, Slots: max(int(pool.Spec.Slots), 1)})
	if err == nil {
		status.Peak, slots = steady(status.Peak, slots, r.Config.Clock.Now())
		status.Workers, status.Waiting, err = r.fleets.settle(ctx, f, owned(poolKind, pool), coord, size(&pool.Spec.Workers, slots))
	}
	if why := whyNotTaken(err); why != "" {
		status.Waiting = why
		ready(metav1.ConditionFalse, "NotTaken", why)
		return ctrl.Result{}, err
	}
	if err != nil {
		status.Workers = pool.Status.Workers
		if unreachable(err) {
			ready(metav1.ConditionUnknown, "Unreachable", fmt.Sprintf("no coordinator of Cluster %s answers as it should; the operator's log says why", cluster.Name))
		}
		return ctrl.Result{}, err
	}
	s, reason, message := workersReady(status.Workers, status.Waiting)
	ready(s, reason, message)
	return ctrl.Result{RequeueAfter: pollEvery}, nil
}

package operator

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"g2c/k8s/api/v1alpha1"
)

// workers keeps the workers of an experiment's own, and lets them go when it has ended or is
// suspended.
func (p *pass) workers(ctx context.Context) (time.Duration, error) {
	ended := p.is(v1alpha1.Complete) || p.is(v1alpha1.Failed)
	again := pollEvery
	if ended {
		again = 0
	}
	if p.e.Spec.Workers == nil && p.status.Workers == nil {
		return again, nil
	}
	if ended && p.status.Workers != nil && *p.status.Workers == (v1alpha1.WorkerCounts{}) {
		return 0, nil
	}
	if p.cluster == nil {
		var err error
		if p.cluster, p.coord, err = p.clusters.find(ctx, p.Client, p.e.Namespace, p.e.Spec.ClusterRef.Name); err != nil {
			return mendEvery, err
		}
	}
	f := &fleet{namespace: p.e.Namespace, name: p.e.Name, kind: "Experiment", cluster: p.cluster, workers: p.e.Spec.Workers, queue: p.e.Spec.QueueName}
	if f.workers == nil { // they were taken out of the spec
		f.workers = &v1alpha1.Workers{Device: "cpu", Slots: 1}
	}
	desired := 0
	if !ended && !p.e.Spec.Suspend {
		slots, err := p.fleets.demand.Slots(ctx, p.coord, Work{Project: p.e.Namespace, Experiment: p.status.ExperimentID, Device: f.workers.Device})
		if err != nil {
			return 0, p.calm(err)
		}
		desired = size(f.workers, slots)
	}
	counts, waiting, err := p.fleets.settle(ctx, f, owned(experimentKind, p.e), p.coord, desired)
	if why := whyNotTaken(err); why != "" {
		p.status.Workers, p.status.Waiting = counts, why
		p.set(v1alpha1.WorkersReady, false, "NotTaken", why)
	}
	if err != nil {
		return 0, p.calm(err)
	}
	p.status.Workers = counts
	if waiting != "" {
		p.status.Waiting = waiting
	}
	p.ready(counts, waiting)
	if ended { // until the last has gone
		return pollEvery, nil
	}
	return again, nil
}

func (p *pass) ready(n *v1alpha1.WorkerCounts, waiting string) {
	status, reason, message := workersReady(n, waiting)
	p.set(v1alpha1.WorkersReady, status == metav1.ConditionTrue, reason, message)
}

// size is how many workers there are to be for so many slots of work.
func size(w *v1alpha1.Workers, slots int) int {
	each := max(int(w.Slots), 1)
	return min(max((slots+each-1)/each, int(w.Min)), int(w.Max))
}

// workersReady is the condition of workers.
func workersReady(n *v1alpha1.WorkerCounts, waiting string) (status metav1.ConditionStatus, reason, message string) {
	switch {
	case n.Ready >= n.Desired:
		return metav1.ConditionTrue, "Ready", ""
	case n.Admitted < n.Desired && waiting != "":
		return metav1.ConditionFalse, "NotAdmitted", waiting
	}
	return metav1.ConditionFalse, "Starting", fmt.Sprintf("%d of %d workers are ready", n.Ready, n.Desired)
}

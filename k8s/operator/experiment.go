package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	"g2c/k8s/api/v1alpha1"
)

// Experiments keeps Experiments as they are stated.
type Experiments struct {
	client.Client
	Live   client.Reader // the apiserver itself: what was written a moment ago is there
	Events events.EventRecorder
	Config Config

	clusters *clusters
	fleets   *fleets
}

// pass is one look at an Experiment. What it finds goes to a draft of the status, which is
// written where something is to last before the next step, and at the end.
type pass struct {
	*Experiments
	e       *v1alpha1.Experiment
	status  *v1alpha1.ExperimentStatus
	cluster *v1alpha1.Cluster
	coord   *g2c.Client
}

// Reconcile implements reconcile.Reconciler.
func (r *Experiments) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var e v1alpha1.Experiment
	if err := r.Get(ctx, req.NamespacedName, &e); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p := &pass{Experiments: r, e: &e, status: e.Status.DeepCopy()}
	if !e.DeletionTimestamp.IsZero() {
		return p.finalize(ctx)
	}
	if !hasFinalizer(&e) {
		if err := setFinalizer(ctx, r.Client, &e, true); err != nil {
			return ctrl.Result{}, err
		}
	}
	again, err := p.advance(ctx)
	if werr := p.save(ctx); werr != nil {
		return ctrl.Result{}, errors.Join(err, werr)
	}
	return ctrl.Result{RequeueAfter: again}, err
}

// save writes the draft of the status, if it says something new.
func (p *pass) save(ctx context.Context) error {
	err := applyStatus(ctx, p.Client, experimentKind, p.e, &p.e.Status, p.status)
	if err == nil {
		p.e.Status = *p.status.DeepCopy()
	}
	return client.IgnoreNotFound(err)
}

// set sets a condition in the draft.
func (p *pass) set(kind string, status bool, reason, message string) {
	s := metav1.ConditionFalse
	if status {
		s = metav1.ConditionTrue
	}
	setCondition(&p.status.Conditions, metav1.NewTime(p.Config.Clock.Now()), p.e.Generation, kind, s, reason, message)
}

func (p *pass) is(kind string) bool { return meta.IsStatusConditionTrue(p.status.Conditions, kind) }

// advance takes the next steps of an experiment, and says when to look again.
func (p *pass) advance(ctx context.Context) (time.Duration, error) {
	if p.is(v1alpha1.Complete) || p.is(v1alpha1.Failed) {
		return p.workers(ctx)
	}
	var err error
	p.cluster, p.coord, err = p.clusters.find(ctx, p.Client, p.e.Namespace, p.e.Spec.ClusterRef.Name)
	if errors.Is(err, errNoCluster) {
		if p.status.ExperimentID == "" {
			p.set(v1alpha1.Accepted, false, "ClusterNotFound", err.Error())
		} else {
			p.status.Waiting = err.Error()
		}
		return mendEvery, nil
	}
	if err != nil {
		return 0, err
	}
	if p.status.ExperimentID == "" {
		p.suspended(nil)
		if again, err := p.submit(ctx); err != nil || p.status.ExperimentID == "" {
			return again, p.calm(err)
		}
		if err := p.save(ctx); err != nil {
			return 0, err
		}
	}
	if err := p.follow(ctx); err != nil {
		return 0, p.calm(err)
	}
	return p.workers(ctx)
}

// calm says in the status that coordinators do not answer, in words that stay the same from
// one attempt to the next, and leaves the error to the queue, which tries again.
func (p *pass) calm(err error) error {
	if err != nil && unreachable(err) {
		p.status.Waiting = fmt.Sprintf("no coordinator of Cluster %s answers as it should; the operator's log says why", p.cluster.Name)
	}
	return err
}

package operator

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// errPending is a submission of which it is not known yet what became of it.
var errPending = errors.New("the Job that submits it has not ended")

// finalize cancels the experiment of a resource that is deleted, and then lets it go: after
// five minutes in any case, since a namespace must not hang on a cluster that is gone.
func (p *pass) finalize(ctx context.Context) (ctrl.Result, error) {
	if !hasFinalizer(p.e) {
		return ctrl.Result{}, nil
	}
	if err := p.cancel(ctx); err != nil {
		left := cancelFor - p.Config.Clock.Now().Sub(p.e.DeletionTimestamp.Time)
		if left > 0 {
			p.Config.Log.Warn("cancel a deleted experiment", "namespace", p.e.Namespace, "name", p.e.Name, "left", left, "error", err)
			return ctrl.Result{RequeueAfter: min(left, pollEvery)}, nil
		}
		p.Events.Eventf(p.e, nil, corev1.EventTypeWarning, "CancelGivenUp", "Delete", "not cancelled within %v, so it may go on as %s: %v", cancelFor, p.known(), err)
	}
	if err := setFinalizer(ctx, p.Client, p.e, false); err != nil && !gone(ctx, p) {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, nil
}

// gone says whether the resource is there no more, as another operator may have had it.
func gone(ctx context.Context, p *pass) bool {
	var e v1alpha1.Experiment
	err := p.Live.Get(ctx, client.ObjectKeyFromObject(p.e), &e)
	return err != nil && client.IgnoreNotFound(err) == nil || err == nil && e.UID != p.e.UID
}

// known is what to call the experiment.
func (p *pass) known() string {
	if p.status.ExperimentID == "" {
		return "request " + p.status.RequestID
	}
	return p.status.ExperimentID
}

// cancel takes the resource's wish back. Others that share its tasks keep them.
func (p *pass) cancel(ctx context.Context) (err error) {
	if p.e.Spec.DeletionPolicy == v1alpha1.Orphan || p.status.RequestID == "" {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, pollEvery)
	defer stop()
	if p.cluster, p.coord, err = p.clusters.find(ctx, p.Client, p.e.Namespace, p.e.Spec.ClusterRef.Name); err != nil {
		return err
	}
	if p.status.ExperimentID == "" {
		if err := p.learn(ctx); err != nil || p.status.ExperimentID == "" {
			return err
		}
	}
	_, err = p.coord.Experiments().CancelExperiment(ctx, &apiv1.CancelExperimentRequest{
		RequestId: p.status.RequestID + "-cancel", Id: p.status.ExperimentID,
		Reason: fmt.Sprintf("Experiment %s/%s was deleted", p.e.Namespace, p.e.Name),
	})
	if errors.Is(err, rpcerr.NotFound) || errors.Is(err, rpcerr.Conflict) { // it has ended
		return nil
	}
	return err
}

// learn finds out the id of an experiment that may have been submitted: the same request
// sent again gets the first one's answer. It stays empty for one that was refused.
func (p *pass) learn(ctx context.Context) error {
	a, err := p.accept(ctx)
	var no *refusal
	if errors.As(err, &no) {
		return fmt.Errorf("its spec cannot be read again: %w", no)
	}
	if err != nil {
		return err
	}
	if p.e.Spec.Submission == nil {
		if err = p.send(ctx, a); err != nil && definite(err) {
			return nil
		}
		return err
	}
	ended, err := p.jobEnded(ctx, a)
	if err == nil && !ended {
		return errPending
	}
	return err
}

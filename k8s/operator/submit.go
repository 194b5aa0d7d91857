package operator

import (
	"context"
	"errors"
	"time"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
)

// submit hands an experiment in, if it is accepted and not suspended. The id of the request
// is in the status before the request is sent: whoever comes next can send it again, and
// knows that there may be something to cancel.
func (p *pass) submit(ctx context.Context) (again time.Duration, err error) {
	a, err := p.accept(ctx)
	var no *refusal
	if errors.As(err, &no) {
		p.set(v1alpha1.Accepted, false, no.reason, no.message)
		if p.e.Spec.SpecFrom != nil { // which somebody may put right
			return mendEvery, nil
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if p.e.Spec.Suspend {
		p.set(v1alpha1.Accepted, true, "SpecValid", "")
		return 0, nil
	}
	if p.status.RequestID == "" {
		p.status.RequestID = a.request
		if err := p.save(ctx); err != nil {
			return 0, err
		}
	}
	if p.e.Spec.Submission != nil {
		return p.submitByJob(ctx, a)
	}
	err = p.send(ctx, a)
	if err != nil && definite(err) {
		p.set(v1alpha1.Accepted, false, "Refused", err.Error())
		return mendEvery, nil
	}
	return 0, err
}

// send submits a spec whose data are made up.
func (p *pass) send(ctx context.Context, a *accepted) error {
	works, err := a.Works(ctx, a.class)
	if err != nil {
		return err
	}
	h := &apiv1.SubmitHeader{RequestId: a.request, Name: a.Name, Project: p.e.Namespace, Priority: a.Priority}
	if p.e.Spec.Priority != nil {
		h.Priority = *p.e.Spec.Priority
	}
	r, err := p.coord.Submit(ctx, h, works)
	if err != nil {
		return err
	}
	p.taken(r.Experiment)
	return nil
}

// taken notes that the coordinators have the experiment.
func (p *pass) taken(id string) {
	p.status.ExperimentID = id
	p.set(v1alpha1.Accepted, true, "Submitted", "the cluster runs it as "+id)
}

// definite says whether an error would come again, however often it is tried.
func definite(err error) bool {
	return errors.Is(err, fault.ErrSpec) || errors.Is(err, fault.ErrData) || errors.Is(err, fault.ErrNotFound) || errors.Is(err, rpcerr.NotPermitted)
}

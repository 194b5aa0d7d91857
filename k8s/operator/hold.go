package operator

import (
	"context"

	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// holdReason marks a hold as that of spec.suspend. One that a person asked for with `g2c hold`
// is theirs to end.
const holdReason = "spec.suspend of the Experiment is true"

// hold has the coordinators hold a submitted experiment while spec.suspend is true, and release
// it when it is not any more: what runs saves its state and gives its slots back, at pools too.
func (p *pass) hold(ctx context.Context, x *apiv1.Experiment) (held *apiv1.Hold, err error) {
	held = x.GetHold()
	switch {
	case p.e.Spec.Suspend && held == nil:
		r, err := p.coord.Experiments().HoldExperiment(ctx, &apiv1.HoldExperimentRequest{RequestId: g2c.RequestID(), Id: x.Id, Reason: holdReason})
		return r.GetExperiment().GetHold(), err
	case !p.e.Spec.Suspend && held.GetReason() == holdReason:
		r, err := p.coord.Experiments().ReleaseExperiment(ctx, &apiv1.ReleaseExperimentRequest{RequestId: g2c.RequestID(), Id: x.Id})
		return r.GetExperiment().GetHold(), err
	}
	return held, nil
}

// suspended says in the status whether the experiment is held, and by whom.
func (p *pass) suspended(held *apiv1.Hold) {
	switch {
	case p.e.Spec.Suspend && p.status.ExperimentID == "":
		p.set(v1alpha1.Suspended, true, "Suspended", "spec.suspend is true: it is not submitted")
	case p.e.Spec.Suspend:
		p.set(v1alpha1.Suspended, true, "Suspended", "spec.suspend is true: it takes no slots, and its own workers are let go")
	case held != nil:
		p.set(v1alpha1.Suspended, true, "Held", "held by "+held.By+" with `g2c hold`: `g2c release` ends that")
	default:
		p.set(v1alpha1.Suspended, false, "NotSuspended", "")
	}
}

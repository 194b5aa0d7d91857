package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// follow asks how an experiment goes on, and says it in the status.
func (p *pass) follow(ctx context.Context) error {
	r, err := p.coord.Experiments().GetExperiment(ctx, &apiv1.GetExperimentRequest{Id: p.status.ExperimentID})
	if errors.Is(err, rpcerr.NotFound) {
		p.set(v1alpha1.Failed, true, "Forgotten", fmt.Sprintf("the cluster does not know %s: it was forgotten, or the cluster is another", p.status.ExperimentID))
		p.status.Waiting = ""
		return nil
	}
	if err != nil {
		return err
	}
	x, n := r.Experiment, r.Experiment.GetTasks()
	all := n.GetPending() + n.GetPlaced() + n.GetRunning() + n.GetDone() + n.GetFailed() + n.GetCancelled()
	p.status.Progress = &v1alpha1.Progress{
		Tasks: int32(all), Running: int32(n.GetRunning()), Done: int32(n.GetDone()), Failed: int32(n.GetFailed()), Cancelled: int32(n.GetCancelled()),
	}
	p.taken(p.status.ExperimentID)
	p.status.Waiting = ""
	switch x.State {
	case apiv1.ExperimentState_EXPERIMENT_STATE_DONE:
		p.set(v1alpha1.Complete, true, "AllDone", fmt.Sprintf("all %d tasks are done", all))
		p.set(v1alpha1.Failed, false, "AllDone", "")
	case apiv1.ExperimentState_EXPERIMENT_STATE_FAILED:
		p.set(v1alpha1.Complete, false, "TasksFailed", "")
		p.set(v1alpha1.Failed, true, "TasksFailed", p.whyFailed(ctx, n))
	case apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED:
		p.set(v1alpha1.Complete, false, "Cancelled", "")
		p.set(v1alpha1.Failed, true, "Cancelled", cmp.Or(x.Reason, "it was cancelled"))
	default:
		p.set(v1alpha1.Complete, false, "Running", "")
		p.set(v1alpha1.Failed, false, "Running", "")
		held, err := p.hold(ctx, x)
		if err != nil {
			return err
		}
		p.suspended(held)
		if n.GetPending() > 0 {
			p.status.Waiting, err = p.whyWaiting(ctx)
		}
		return err
	}
	return nil
}

// whyFailed names the first task that failed, and its reason.
func (p *pass) whyFailed(ctx context.Context, n *apiv1.TaskCounts) string {
	text := fmt.Sprintf("%d tasks failed", n.GetFailed())
	for t, err := range p.coord.AllTasks(ctx, &apiv1.ListTasksRequest{Experiment: p.status.ExperimentID, State: apiv1.TaskState_TASK_STATE_FAILED}) {
		if err != nil { // the count is all that can be said now
			return text
		}
		return fmt.Sprintf("%s; the first is %s: %s", text, t.Name, t.Reason)
	}
	return text
}

// whyWaiting is the scheduler's sentence about the first task that could run and is not
// placed; if each waits for another, that of the first.
func (p *pass) whyWaiting(ctx context.Context) (string, error) {
	first := ""
	d := demand{}
	for t, err := range p.coord.AllTasks(ctx, &apiv1.ListTasksRequest{Experiment: p.status.ExperimentID}) {
		if err != nil {
			return "", err
		}
		d.add(t)
		if t.State == apiv1.TaskState_TASK_STATE_PENDING && t.Waiting != "" {
			first = cmp.Or(first, t.Name+": "+t.Waiting)
		}
	}
	for _, t := range d.ready() {
		if t.Waiting != "" {
			return t.Name + ": " + t.Waiting, nil
		}
	}
	return first, nil
}

package runner

import (
	"context"
	"fmt"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/worker/agent"
	"g2c/worker/train"
)

// Executor runs the tasks of a cluster's worker, each on as many of its devices as it
// has slots here.
//
// Workers of this release do not train together. A gang that grew because slots
// were idle is trained by its first worker, and the others keep their slots until
// it is done; a task that asks for several workers fails, and says why.
type Executor struct {
	pool *Pool // a device for each slot of the worker
}

var _ agent.Executor = (*Executor)(nil)

// NewExecutor makes one for the worker that a pool is named after. The pool belongs to
// it.
func NewExecutor(pool *Pool) *Executor { return &Executor{pool: pool} }

// Run implements agent.Executor.
func (e *Executor) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	a, _ := g.Latest()
	if len(a.Gang) > 1 && a.Work.Gang.Min > 1 {
		return fault.New(fault.ErrUnavailable, "%s asks for %d slots, and got them on %d workers: workers of this release train alone", a.Work.Name(), a.Work.Gang.Min, len(a.Gang)).
			WithHint("run coordinators of this release, which place it on one worker")
	}
	if first := a.Gang[0].Worker; first != e.pool.ID() {
		out.Line(fmt.Sprintf("%s trains the task alone; these slots wait until it is done", first))
		<-ctx.Done()
		return fault.New(fault.ErrInterrupted, "%s was trained by %s", a.Work.Name(), first)
	}
	taken, err := e.pool.take(ctx, a.Slots)
	defer e.pool.give(taken)
	if err != nil {
		return err
	}
	r := together(taken)
	r.Warn = func(message string) { out.Line("warning: " + message) }
	r.Progress = func(w api.Work, p train.Progress) {
		out.Started(a.Generation)
		note := ""
		if p.Epochs > 1 {
			note = fmt.Sprintf("epoch %d of %d", p.Epoch+1, p.Epochs)
		}
		out.Progress(agent.Progress{Step: p.Step, Steps: p.Steps, Note: note})
		if w.Task.Kind != api.KindEvaluate {
			out.Point("loss", p.Step, p.Loss)
		}
	}
	out.Line(fmt.Sprintf("%s begins on %s (%s), generation %d", a.Work.Name(), e.pool.ID(), r.Name, a.Generation))
	if err := r.Run(ctx, *a.Work, a.Slots); err != nil {
		out.Line(err.Error())
		return err
	}
	out.Line("done")
	return nil
}

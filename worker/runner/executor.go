package runner

import (
	"context"
	"fmt"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/worker/agent"
	"g2c/worker/train"
)

// Executor runs the tasks of a cluster's worker, one on each of its runners.
//
// Workers of this release do not train together. A gang that grew because slots
// were idle is trained by its first worker, and the others keep their slots until
// it is done; a task that asks for several workers fails, and says why.
type Executor struct {
	worker string
	idle   chan *Runner
}

var _ agent.Executor = (*Executor)(nil)

// NewExecutor makes one for a worker of a name with as many slots as runners. The
// runners belong to it.
func NewExecutor(worker string, runners ...*Runner) *Executor {
	e := &Executor{worker: worker, idle: make(chan *Runner, len(runners))}
	for _, r := range runners {
		e.idle <- r
	}
	return e
}

// Run implements agent.Executor.
func (e *Executor) Run(ctx context.Context, a agent.Assignment, out *agent.Output) error {
	if len(a.Gang) > 1 && a.Work.Gang.Min > 1 {
		return fault.New(fault.ErrSpec, "%s asks for %d slots, and got them on %d workers: workers of this release train alone", a.Work.Name(), a.Work.Gang.Min, len(a.Gang)).
			WithHint("set gang.min to 1, or give a worker as many slots")
	}
	if first := a.Gang[0].Worker; first != e.worker {
		out.Line(fmt.Sprintf("%s trains the task alone; these slots wait until it is done", first))
		<-ctx.Done()
		return fault.New(fault.ErrInterrupted, "%s was trained by %s", a.Work.Name(), first)
	}
	r, err := e.take(ctx)
	if err != nil {
		return err
	}
	defer func() { e.idle <- r }()
	r.Warn = func(message string) { out.Line("warning: " + message) }
	r.Progress = func(w api.Work, p train.Progress) {
		out.Started()
		note := ""
		if p.Epochs > 1 {
			note = fmt.Sprintf("epoch %d of %d", p.Epoch+1, p.Epochs)
		}
		out.Progress(agent.Progress{Step: p.Step, Steps: p.Steps, Note: note})
		if w.Task.Kind != api.KindEvaluate {
			out.Point("loss", p.Step, p.Loss)
		}
	}
	out.Line(fmt.Sprintf("%s begins on %s, generation %d", a.Work.Name(), e.worker, a.Generation))
	if err := r.Run(ctx, *a.Work, a.Slots); err != nil {
		out.Line(err.Error())
		return err
	}
	out.Line("done")
	return nil
}

// take waits for a runner: there is one for each slot, but one that was told to
// stop may need a moment.
func (e *Executor) take(ctx context.Context) (*Runner, error) {
	select {
	case r := <-e.idle:
		return r, nil
	case <-ctx.Done():
		return nil, fault.New(fault.ErrInterrupted, "stopped before it began")
	}
}

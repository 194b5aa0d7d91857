package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"g2c/api"
	"g2c/internal/fault"
)

// Executor runs tasks. Run may be called for several at once, as many as fit the
// worker's slots, and returns nil when the task has its final manifest. A run lives
// through the generations that its worker is part of: the gang says which is the newest,
// and the run says when it trains as that one. When ctx is
// done it saves the task's state, if that takes little, and returns an error of
// class fault.ErrInterrupted: the sooner the better, for until it returns its slots
// are nobody else's, and a run that does not return long after that is ended by force.
//
// Any other error is a failure. Those of class fault.ErrSpec and fault.ErrTraining
// would come again elsewhere; the rest may be this host's. After one of kernels.ErrLost
// a device is of no use here: the worker leaves the cluster and ends.
type Executor interface {
	Run(ctx context.Context, g *Gang, out *Output) error
}

// Killer is an executor that can end a run by force: the run of a task that does not stop
// is killed, and returns. Without one nothing but the end of the worker's process ends it.
type Killer interface {
	Kill(task api.Key)
}

// Why a run's context is done.
var (
	// ErrSave asks a run to save its state and end.
	ErrSave = errors.New("the coordinator asked for the task's slots")
	// ErrStop asks a run to end: nobody wants it, or its worker is cut off.
	ErrStop = errors.New("the task is not wanted here any more")
)

// outcomeOf says what a run's error means.
func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Outcome{Kind: Done}
	case errors.Is(err, fault.ErrInterrupted):
		return Outcome{Kind: Interrupted}
	}
	return Outcome{Kind: Failed, Reason: err.Error(), Permanent: errors.Is(err, fault.ErrSpec) || errors.Is(err, fault.ErrTraining)}
}

// Execute runs an assignment. A panic is a failure of the task: the worker's other
// tasks go on.
func Execute(ctx context.Context, e Executor, g *Gang, out *Output) (err error) {
	a, _ := g.Latest()
	defer func() {
		if p := recover(); p != nil {
			out.Line(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if key := a.Work.Task.Key(); key != a.Task {
		return fault.New(fault.ErrUnavailable, "the work that came with task %s has the key %s", a.Task.Short(), key.Short()).
			WithHint("coordinator and worker are of releases that disagree: update the older")
	}
	return e.Run(ctx, g, out)
}

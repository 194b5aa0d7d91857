// Package rehearse pretends to train: it takes assignments, keeps their slots for
// a time, and obeys as a training does. It is for trying a cluster, its policies
// and its failures, without data, without results and without heat.
//
// A gang rehearses together: its first worker ends the task, the others wait until
// they are told that it is over. Saved state is remembered in memory, so a task
// that comes back to the same process goes on where it stood.
package rehearse

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/worker/agent"
)

// Steps is how many steps every task seems to have.
const Steps = 10

// maxSaved bounds the tasks whose state is remembered. Beyond it some are
// forgotten, and begin anew if they come back.
const maxSaved = 10_000

// Executor rehearses. The zero value of everything but Worker and For is ready.
type Executor struct {
	Worker string        // this worker's id
	For    time.Duration // how long a task takes, whatever its gang
	Fail   string        // a task whose name contains it fails; empty for none
	Broken string        // likewise, and another attempt would too

	mu    sync.Mutex
	saved map[api.Key]int64 // steps done
}

var _ agent.Executor = (*Executor)(nil)

// Run implements agent.Executor.
func (e *Executor) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	a, changed := g.Latest()
	name := a.Work.Name()
	step := e.recall(a.Task)
	out.Line(fmt.Sprintf("rehearses %s from step %d of %d, on %d slots here, in a gang of %d workers", name, step, Steps, a.Slots, len(a.Gang)))
	out.Started(a.Generation)
	for {
		out.Progress(agent.Progress{Step: step, Steps: Steps, Note: "rehearsal"})
		if step == Steps {
			break
		}
		if err := wait(ctx, e.For/Steps); err != nil {
			e.save(a.Task, step)
			out.Line(fmt.Sprintf("stopped after step %d: %v", step, context.Cause(ctx)))
			return fault.New(fault.ErrInterrupted, "%s stopped after step %d of %d", name, step, Steps)
		}
		step++
		out.Point("loss", step, 1/float64(step))
		select {
		case <-changed:
			a, changed = regroup(g, out)
		default:
		}
	}
	for a.Gang[0].Worker != e.Worker {
		out.Line("waits for " + a.Gang[0].Worker + " to end the task")
		select {
		case <-ctx.Done():
			return fault.New(fault.ErrInterrupted, "%s ended elsewhere", name)
		case <-changed:
			a, changed = regroup(g, out)
		}
	}
	switch {
	case e.Broken != "" && strings.Contains(name, e.Broken):
		return fault.New(fault.ErrTraining, "%s is broken, as the worker was told", name)
	case e.Fail != "" && strings.Contains(name, e.Fail):
		return fault.New(fault.ErrUnavailable, "%s fails, as the worker was told", name)
	}
	out.Line("done")
	return nil
}

// regroup goes on as the newest generation.
func regroup(g *agent.Gang, out *agent.Output) (agent.Assignment, <-chan struct{}) {
	a, changed := g.Latest()
	out.Line(fmt.Sprintf("generation %d, on %d slots here, in a gang of %d workers", a.Generation, a.Slots, len(a.Gang)))
	out.Started(a.Generation)
	return a, changed
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return ctx.Err()
	}
}

// recall takes what was saved of a task.
func (e *Executor) recall(k api.Key) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	step := e.saved[k]
	delete(e.saved, k)
	return step
}

func (e *Executor) save(k api.Key, step int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.saved == nil {
		e.saved = map[api.Key]int64{}
	}
	for old := range e.saved {
		if len(e.saved) < maxSaved {
			break
		}
		delete(e.saved, old)
	}
	e.saved[k] = step
}

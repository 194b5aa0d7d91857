// Package local drives the coordinator's state and scheduler on one host, without
// a log: it is rebuilt from manifests each time, since what has a manifest is
// done. A cluster drives the same two packages through raft.
//
// Run belongs to one goroutine and owns one more for each running task.
package local

import (
	"context"
	"errors"
	"fmt"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
	"g2c/internal/fault"
)

// Worker runs tasks. Run returns nil when the task has its final manifest; an
// error of class fault.ErrInterrupted means that it was stopped with its state
// saved.
type Worker interface {
	ID() string
	Class() string
	Slots() int
	Run(ctx context.Context, w api.Work, slots int) error
}

// Options is what a run needs.
type Options struct {
	Experiment string
	Works      []api.Work // inputs before what reads them
	Workers    []Worker
	// Finished says whether a task has its final manifest.
	Finished func(ctx context.Context, k api.Key) (bool, error)
	// Changed, if set, hears of the state after every change.
	Changed func(v state.View)
}

// executor is one run.
type executor struct {
	opt     Options
	state   *state.State
	index   uint64
	ended   chan outcome
	running int
}

type outcome struct {
	work api.Work
	err  error
}

// Run brings every work to its end, or says why one did not get there. Tasks that
// are finished already are not run. When a task fails, others that do not need it
// go on; the first failure is returned at the end. When ctx is done, running
// tasks save their state, and Run returns fault.ErrInterrupted.
func Run(ctx context.Context, opt Options) error {
	e := &executor{opt: opt, state: state.New(), ended: make(chan outcome)}
	if err := e.begin(ctx); err != nil {
		return err
	}
	var first error
	for {
		if ctx.Err() == nil {
			if err := e.place(ctx); err != nil {
				return e.drain(err)
			}
		}
		if e.running == 0 {
			break
		}
		if err := e.end(<-e.ended); err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		return first
	}
	return e.unfinished(ctx)
}

// begin submits the works and asks the store which are done.
func (e *executor) begin(ctx context.Context) error {
	if err := e.apply(command.Submit{Experiment: e.opt.Experiment, Works: e.opt.Works}); err != nil {
		return err
	}
	for _, w := range e.opt.Workers {
		if err := e.apply(command.Join{Worker: w.ID(), Class: w.Class(), Slots: w.Slots()}); err != nil {
			return err
		}
	}
	for _, w := range e.opt.Works {
		finished, err := e.opt.Finished(ctx, w.Key)
		if err != nil {
			return err
		}
		if finished {
			if err := e.apply(command.Done{Task: w.Key}); err != nil {
				return err
			}
		}
	}
	return nil
}

// place starts what the scheduler places.
func (e *executor) place(ctx context.Context) error {
	for _, p := range scheduler.Schedule(e.state.View()).Places {
		if err := e.apply(p); err != nil {
			return err
		}
		t, _ := e.state.View().Task(p.Task)
		w := e.worker(p.Worker)
		e.running++
		go func() { e.ended <- outcome{t.Work, w.Run(ctx, t.Work, p.Slots)} }()
	}
	return nil
}

func (e *executor) worker(id string) Worker {
	for _, w := range e.opt.Workers {
		if w.ID() == id {
			return w
		}
	}
	panic("local: the scheduler placed a task on no worker of ours")
}

// end records how a task ended. An error that is worth another attempt is not
// returned until the attempts are used up.
func (e *executor) end(o outcome) error {
	e.running--
	switch {
	case o.err == nil:
		return e.apply(command.Done{Task: o.work.Key})
	case errors.Is(o.err, fault.ErrInterrupted):
		return e.apply(command.Interrupted{Task: o.work.Key})
	}
	permanent := !errors.Is(o.err, fault.ErrUnavailable)
	if err := e.apply(command.Failed{Task: o.work.Key, Reason: o.err.Error(), Permanent: permanent}); err != nil {
		return err
	}
	if t, _ := e.state.View().Task(o.work.Key); t.Status != state.Failed {
		return nil
	}
	return fmt.Errorf("%s: %w", o.work.Name(), o.err)
}

// drain waits for running tasks, then returns err.
func (e *executor) drain(err error) error {
	for ; e.running > 0; e.running-- {
		<-e.ended
	}
	return err
}

// unfinished explains tasks that are not done though nothing failed.
func (e *executor) unfinished(ctx context.Context) error {
	v := e.state.View()
	if left := len(v.Tasks) - v.Count(state.Done); left > 0 && ctx.Err() != nil {
		return fault.New(fault.ErrInterrupted, "interrupted with %d of %d tasks done, state saved", v.Count(state.Done), len(v.Tasks)).
			WithHint("the same command goes on from there")
	}
	for _, b := range scheduler.Schedule(v).Blocked {
		return fault.New(fault.ErrUnavailable, "%s cannot run: %s", b.Name, b.Reason)
	}
	return nil
}

func (e *executor) apply(c command.Command) error {
	e.index++
	if err := e.state.Apply(e.index, c); err != nil {
		return err
	}
	if e.opt.Changed != nil {
		e.opt.Changed(e.state.View())
	}
	return nil
}

// Package local drives the coordinator's state and scheduler on one host, without
// a log: it is rebuilt from manifests each time, since what has a manifest is
// done. A cluster drives the same two packages through raft.
//
// Run belongs to one goroutine and owns one more for each running task.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

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
	// Take, if set, takes a task before it runs, so that no other process has it, and
	// waits for one that has.
	Take func(ctx context.Context, w api.Work) (release func() error, err error)
	// Changed, if set, hears of the state after every change.
	Changed func(s *state.Snapshot)
}

// atOnce is the time of every plan: beyond every wait, since nobody but this run
// needs the host, and a failure is tried again at once.
const atOnce = math.MaxInt64

// executor is one run.
type executor struct {
	opt     Options
	state   *state.State
	ended   chan outcome
	running int
}

type outcome struct {
	report command.Report
	err    error
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

// begin asks the store which works are done and submits them all.
func (e *executor) begin(ctx context.Context) error {
	// Nobody else reads this state, so it plays by the rules of this release.
	if r := e.state.Apply(1, command.Entry{Command: command.Raise{Level: command.Level}}); r.Err != nil {
		return r.Err
	}
	submit := command.Submit{Experiment: e.opt.Experiment, Works: e.opt.Works}
	for _, w := range e.opt.Works {
		finished, err := e.opt.Finished(ctx, w.Key)
		if err != nil {
			return err
		}
		if finished {
			submit.Finished = append(submit.Finished, w.Key)
		}
	}
	if err := e.apply(submit); err != nil {
		return err
	}
	for _, w := range e.opt.Workers {
		if err := e.apply(command.Join{Worker: w.ID(), Class: w.Class(), Slots: w.Slots()}); err != nil {
			return err
		}
	}
	return nil
}

// place starts what the scheduler places: each task on one worker, since the
// workers here do not train together.
func (e *executor) place(ctx context.Context) error {
	for _, c := range e.plan().Commands {
		p, ok := c.(command.Place)
		if !ok || len(p.Parts) != 1 {
			panic("local: the scheduler wants more of one run than placing tasks")
		}
		if err := e.apply(p); err != nil {
			return err
		}
		work, part := *e.state.Task(p.Task).Work, p.Parts[0]
		w := e.worker(part.Worker)
		report := command.Report{Task: p.Task, Worker: part.Worker, Generation: p.Generation}
		e.running++
		go func() { e.ended <- outcome{report, e.run(ctx, w, work, part.Slots)} }()
	}
	return nil
}

// run has a worker run a task that is taken. Another process that had it may have done it.
func (e *executor) run(ctx context.Context, on Worker, w api.Work, slots int) (err error) {
	if e.opt.Take == nil {
		return on.Run(ctx, w, slots)
	}
	release, err := e.opt.Take(ctx, w)
	if err != nil {
		return err
	}
	done, err := e.opt.Finished(ctx, w.Key)
	if err == nil && !done {
		err = on.Run(ctx, w, slots)
	}
	return cmp.Or(err, release())
}

func (e *executor) plan() *scheduler.Plan {
	return scheduler.Make(e.state.Snapshot(), atOnce, scheduler.LocalPolicy(), nil, scheduler.Memory{})
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
		return e.apply(command.Done{Report: o.report})
	case errors.Is(o.err, fault.ErrInterrupted):
		return e.apply(command.Interrupted{Report: o.report})
	}
	permanent := !errors.Is(o.err, fault.ErrUnavailable)
	if err := e.apply(command.Failed{Report: o.report, Reason: o.err.Error(), Permanent: permanent}); err != nil {
		return err
	}
	t := e.state.Task(o.report.Task)
	if t.Status != state.Failed {
		return nil
	}
	return fmt.Errorf("%s: %w", t.Work.Name(), o.err)
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
	done, all := e.state.Count(state.Done), e.state.TaskCount()
	if done < all && ctx.Err() != nil {
		return fault.New(fault.ErrInterrupted, "interrupted with %d of %d tasks done, state saved", done, all).
			WithHint("the same command goes on from there")
	}
	plan := e.plan()
	for t := range e.state.Tasks(0) {
		if why := plan.Why(t.Work.Key); t.Status == state.Pending && why != "" {
			return fault.New(fault.ErrUnavailable, "%s cannot run: %s", t.Work.Name(), why)
		}
	}
	return nil
}

func (e *executor) apply(c command.Command) error {
	if r := e.state.Apply(e.state.Index()+1, command.Entry{Command: c}); r.Err != nil {
		return r.Err
	}
	if e.opt.Changed != nil {
		e.opt.Changed(e.state.Snapshot())
	}
	return nil
}

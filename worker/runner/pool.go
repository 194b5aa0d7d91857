package runner

import (
	"context"

	"g2c/api"
	"g2c/internal/fault"
)

// Pool runs tasks on several devices, a slot each: tasks of one slot side by side, and
// a task of several with the help of as many devices.
type Pool struct {
	name, class string
	idle        chan *Runner
}

// NewPool makes one of runners on devices of one class. The runners belong to it.
func NewPool(name string, runners ...*Runner) *Pool {
	p := &Pool{name: name, class: runners[0].Class(), idle: make(chan *Runner, len(runners))}
	for _, r := range runners {
		p.idle <- r
	}
	return p
}

// ID names the worker.
func (p *Pool) ID() string { return p.name }

// Class is the numerics class of the devices.
func (p *Pool) Class() string { return p.class }

// Slots is the number of devices.
func (p *Pool) Slots() int { return cap(p.idle) }

// Run brings a task to its final manifest on as many devices as it has slots.
func (p *Pool) Run(ctx context.Context, w api.Work, slots int) error {
	taken, err := p.take(ctx, slots)
	defer p.give(taken)
	if err != nil {
		return err
	}
	return together(taken).Run(ctx, w, slots)
}

// take waits for runners. There is one for each slot, so that those who wait for some
// wait for tasks that end.
func (p *Pool) take(ctx context.Context, n int) (taken []*Runner, err error) {
	for range n {
		select {
		case r := <-p.idle:
			taken = append(taken, r)
		case <-ctx.Done():
			return taken, fault.New(fault.ErrInterrupted, "stopped before it began")
		}
	}
	return taken, nil
}

func (p *Pool) give(taken []*Runner) {
	for _, r := range taken {
		p.idle <- r
	}
}

// together is the first runner, for one task, with the help of the others' devices.
func together(taken []*Runner) *Runner {
	r := *taken[0]
	if r.Alone {
		return &r
	}
	for _, other := range taken[1:] {
		r.Name += ", " + other.Name
		r.Others = append(r.Others, other.Device)
	}
	return &r
}

package runner

import (
	"context"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/agent"
	"g2c/worker/agent/peers"
	"g2c/worker/train"
)

// Executor runs the tasks of a cluster's worker, each on as many of its devices as it
// has slots here, and together with the other workers of its gang.
type Executor struct {
	slots Slots        // a device each
	peers *peers.Peers // where a fine-tuning meets its gang, be it this worker alone
}

var _ agent.Executor = (*Executor)(nil)

// Slots are where an executor's tasks have their devices: a Pool, or what is Lent.
type Slots interface {
	// ID names the worker.
	ID() string
	// take waits for so many, with a runner each; with an error there may be fewer.
	take(ctx context.Context, n int) ([]*Runner, error)
	give(taken []*Runner)
}

// NewExecutor makes one for the worker that slots are named after. The slots belong to
// it. A task on several workers of which one has no address fails, and says why.
func NewExecutor(slots Slots, p *peers.Peers) *Executor { return &Executor{slots: slots, peers: p} }

// Run implements agent.Executor.
func (e *Executor) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	a, _ := g.Latest()
	if len(a.Gang) > 1 && slices.ContainsFunc(a.Gang, func(p agent.Part) bool { return p.Address == "" }) {
		return fault.New(fault.ErrUnavailable, "%s was placed on %d workers, and not all of them have addresses for the others", a.Work.Name(), len(a.Gang)).
			WithHint("start workers with --listen, or set gang.max to the slots of one")
	}
	h := &holding{slots: e.slots}
	defer h.give()
	r, err := h.take(ctx, a.Slots)
	if err != nil {
		return err
	}
	r.Warn = func(message string) { out.Line("warning: " + message) }
	r.Progress = func(w api.Work, p train.Progress) { e.progress(g, out, w, p) }
	if a.Work.Task.Kind == api.KindFinetune {
		with, err := e.peers.Open(g, out)
		if err != nil {
			return err
		}
		defer with.Close()
		r.Gang, r.Resize = with, func(slots int) ([]kernels.Device, error) { return h.resize(ctx, slots) }
		r.Began = func(generation uint64) {
			now, _ := g.Latest()
			out.Line(fmt.Sprintf("generation %d trains: %d workers, %d slots here", generation, len(now.Gang), now.Slots))
			out.Started(generation)
		}
	}
	out.Line(fmt.Sprintf("%s begins on %s (%s), generation %d", a.Work.Name(), e.slots.ID(), r.Name, a.Generation))
	if err := r.Run(ctx, *a.Work, a.Slots); err != nil {
		out.Line(err.Error())
		return err
	}
	out.Line("done")
	return nil
}

// progress says where a task stands. One that has no gang to say so trains from its first
// step on.
func (e *Executor) progress(g *agent.Gang, out *agent.Output, w api.Work, p train.Progress) {
	if w.Task.Kind != api.KindFinetune {
		now, _ := g.Latest()
		out.Started(now.Generation)
	}
	note := ""
	if p.Epochs > 1 {
		note = fmt.Sprintf("epoch %d of %d", p.Epoch+1, p.Epochs)
	}
	out.Progress(agent.Progress{Step: p.Step, Steps: p.Steps, Note: note})
	if w.Task.Kind != api.KindEvaluate && w.Task.Kind != api.KindStain {
		out.Point("loss", p.Step, p.Loss)
	}
}

// holding is the runners that a task has.
type holding struct {
	slots Slots
	taken []*Runner
}

// take waits for runners, and is one with all their devices.
func (h *holding) take(ctx context.Context, slots int) (*Runner, error) {
	more, err := h.slots.take(ctx, slots)
	h.taken = append(h.taken, more...)
	if err != nil {
		return nil, err
	}
	return together(h.taken), nil
}

// resize has so many runners in place of those before, and gives their devices.
func (h *holding) resize(ctx context.Context, slots int) ([]kernels.Device, error) {
	if slots < len(h.taken) {
		h.slots.give(h.taken[slots:])
		h.taken = h.taken[:slots]
	}
	r, err := h.take(ctx, slots-len(h.taken))
	if err != nil {
		return nil, err
	}
	return append([]kernels.Device{r.Device}, r.Others...), nil
}

func (h *holding) give() { h.slots.give(h.taken) }

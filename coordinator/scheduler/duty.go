package scheduler

import (
	"slices"

	"g2c/coordinator/command"
)

// duties is what time and operators ask for, whoever waits: who was asked to stop
// and did not is evicted, and workers that have to be empty are emptied. Tasks with
// a command are let alone by the rest of the pass.
func (p *pass) duties() []command.Command {
	out := p.evictions()
	for id, w := range p.special.All() {
		if w.record.Emptying(p.now) {
			out = append(out, p.empty(id, w)...)
		}
	}
	return out
}

// evictions ends the grace of those that were asked to stop and have not.
func (p *pass) evictions() []command.Command {
	var out []command.Command
	for seq, t := range p.stopping.All() {
		if over(p.policy.GraceMS, t.Stopping, p.now) {
			p.left[seq] = true
			out = append(out, command.Evict{
				Task: t.Work.Key, Generation: t.Generation, Reason: "it was asked to save its state and did not",
			})
		}
	}
	return out
}

// empty takes tasks off a worker: a gang that is large enough without it goes on,
// another saves and stops.
func (p *pass) empty(id string, w *worker) []command.Command {
	var out []command.Command
	for _, h := range w.record.Allocations {
		t := p.s.TaskAt(h.Task)
		if h.Terminating || t.Preempting || p.left[t.Seq] {
			continue
		}
		p.left[t.Seq] = true
		rest := slices.DeleteFunc(slices.Clone(t.Parts), func(v command.Part) bool {
			return p.workers[v.Worker].record.Emptying(p.now)
		})
		if wish, ok := charged(p.s, t); ok && slots(rest) >= wish.Gang.Min {
			out = append(out, command.Resize{Task: t.Work.Key, Generation: t.Generation + 1, Parts: rest, Experiment: p.wish(t.Charged)})
			continue
		}
		out = append(out, command.Preempt{
			Task: t.Work.Key, Generation: t.Generation, Reason: "worker " + id + " is being emptied",
		})
	}
	return out
}

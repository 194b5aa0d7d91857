package scheduler

import (
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Late is a member of a gang that the others wait for.
type Late struct {
	Task       api.Key
	Generation uint64
	Worker     string
	Waited     float64 // share of a step in which the others wait for it
}

// relieve has gangs go on without members that they wait for, and with others in their place
// where slots are free, if that makes them faster by as much as the policy asks.
func (p *pass) relieve(placed placement) []command.Command {
	if p.hints == nil || p.policy.LateGain < 0 || p.s.Level() < api.LevelGangs {
		return nil
	}
	var out []command.Command
	for _, l := range p.hints.Late() {
		t := p.s.Task(l.Task)
		if t == nil || t.Generation != l.Generation || t.Status != state.Running || t.Preempting || p.left[t.Seq] {
			continue
		}
		if c, ok := p.without(placed, t, l); ok {
			out = append(out, c)
			p.left[t.Seq] = true
		}
	}
	return out
}

// without is the command that has a gang go on without a member, if it is to.
func (p *pass) without(placed placement, t *state.Task, late Late) (command.Command, bool) {
	wish, ok := charged(p.s, t)
	if !ok {
		return nil, false
	}
	all := p.partsOf(t)
	i := slices.IndexFunc(t.Parts, func(v command.Part) bool { return v.Worker == late.Worker })
	if i < 0 || len(all) == 1 {
		return nil, false
	}
	slots := all[i].slots
	rest := slices.Delete(all, i, i+1)
	had := slices.Clone(rest)
	rest = p.add(placed, t, wish, rest, slots) // its own are its project's until it has left them
	if total(rest) < wish.Gang.Min || !p.faster(t, total(rest), late.Waited) {
		for _, v := range rest { // what was taken for it is free again
			more := v.slots
			if i := slices.IndexFunc(had, func(o part) bool { return o.worker == v.worker }); i >= 0 {
				more -= had[i].slots
			}
			p.take(v.worker, -more)
		}
		return nil, false
	}
	return p.resize(t, rest, total(rest)-total(had)), true
}

// faster says whether a gang's step with so many slots, and nobody to wait for, is shorter by
// what the policy asks. A step takes as long as its longest share of the shards.
func (p *pass) faster(t *state.Task, slots int, waited float64) bool {
	shards := t.Work.Task.MostSlots()
	share := func(n int) float64 { return float64((shards + n - 1) / n) }
	return slots > 0 && share(slots)*(1-waited) <= share(t.Slots())*(1-float64(p.policy.LateGain)/100)
}

// slow lists workers of a pool that gangs waited for: none grows onto them.
func (p *pass) slow(pool *pool) []*worker {
	if p.hints == nil || p.policy.LateGain < 0 {
		return nil
	}
	var out []*worker
	for _, id := range p.hints.Slow() {
		if w := p.workers[id]; w != nil && w.open && w.class.suits(pool.request) {
			out = append(out, w)
		}
	}
	return out
}

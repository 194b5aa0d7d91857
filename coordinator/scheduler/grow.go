package scheduler

import (
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// extend gives gangs that this pass placed more than their least, where nobody
// else waits for the slots.
func (p *pass) extend() {
	for _, g := range p.gangs {
		room := p.room(g.task, g.pool, g.pool.shape.min)
		before := total(g.parts)
		g.parts = p.gather(g.pool, p.avoided(g.pool), g.parts, room)
		p.used[g.task.Project] += total(g.parts) - before
	}
}

// grow gives running gangs what is left. A gang that changed lately is left alone:
// each change costs it a step.
func (p *pass) grow() {
	resizes := 0
	for seq, t := range p.elastic.All() {
		if resizes == p.policy.MaxResizes {
			return
		}
		if t.Status != state.Running || p.touched[seq] || !over(p.policy.GrowAfterMS, t.PlacedAt, p.now) {
			continue
		}
		pool := p.suiting(shapeOf(t))
		room := p.room(t, pool, t.Slots())
		if room <= 0 {
			continue
		}
		parts := p.gather(pool, p.avoided(pool), p.parts(t), room)
		if more := total(parts) - t.Slots(); more > 0 {
			p.used[t.Project] += more
			p.touched[seq] = true
			resizes++
			p.plan.Commands = append(p.plan.Commands, command.Resize{Task: t.Work.Key, Generation: t.Generation + 1, Parts: sorted(parts), Experiment: t.Charged})
		}
	}
}

// room is how many more slots a gang may have: none where somebody waits.
func (p *pass) room(t *state.Task, pool *pool, slots int) int {
	for _, k := range pool.kinds {
		if p.wanted[k] {
			return 0
		}
	}
	room := pool.shape.max - slots
	if quota := p.s.Project(t.Project).Quota; quota > 0 {
		room = min(room, quota-p.usedBy(t.Project))
	}
	return room
}

// usedBy is a project's slots, with what the pass gave.
func (p *pass) usedBy(project string) int {
	if n, ok := p.used[project]; ok {
		return n
	}
	n := p.s.Usage(project)
	p.used[project] = n
	return n
}

// parts is a running task's gang as the pass sees it.
func (p *pass) parts(t *state.Task) []part {
	var out []part
	for _, v := range t.Parts {
		out = append(out, part{p.workers[v.Worker], v.Slots})
	}
	return out
}

// suiting is the pool of a shape that may have no queue.
func (p *pass) suiting(sh shape) *pool {
	if known := p.shapes[sh]; known != nil {
		return known
	}
	out := &pool{shape: sh}
	for _, k := range p.kinds {
		if k.suits(sh) {
			out.kinds = append(out.kinds, k)
		}
	}
	return out
}

func total(parts []part) int {
	n := 0
	for _, p := range parts {
		n += p.slots
	}
	return n
}

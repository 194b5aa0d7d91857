package scheduler

import (
	"math"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// grow gives slots that nobody waits for to gangs below their most: first to those
// that the pass placed, then to running ones. Its commands are for the latter.
func (p *pass) grow(placed placement) []command.Command {
	for _, g := range placed.gangs {
		l := &line{queue: &queue{pool: g.pool}, bid: g.bid, head: g.entry}
		if room := p.room(placed, g.bid.project, g.pool, total(g.parts)); room > 0 {
			before := total(g.parts)
			g.parts = p.extend(l, g.parts, room)
			p.spent[g.bid.project] += total(g.parts) - before
		}
	}
	if !p.anyRoom(placed) {
		return nil
	}
	var out []command.Command
	for seq, t := range p.elastic.All() {
		if len(out) == p.policy.MaxResizes {
			break
		}
		if p.left[seq] || !p.settled(t) {
			continue
		}
		if c, ok := p.enlarge(placed, t); ok {
			out = append(out, c)
		}
	}
	return out
}

// anyRoom says whether there are free slots anywhere that nobody waits for: with
// thousands of gangs that could grow it saves a look at each.
func (p *pass) anyRoom(placed placement) bool {
	for _, k := range p.classes {
		if k.free > 0 && !placed.wanted[k] && k.claim == nil {
			return true
		}
	}
	return false
}

// settled says whether a gang may be changed without need: it has run as it is for
// long enough, and for longer if it was changed before.
func (p *pass) settled(t *state.Task) bool {
	wait := p.policy.GrowAfterMS
	if t.Generation > uint64(t.Attempts) && wait >= 0 { // not every generation was a placement
		if p.policy.DwellMS < 0 {
			return false
		}
		wait = max(wait, p.policy.DwellMS)
	}
	return t.Status == state.Running && over(wait, t.PlacedAt, p.now)
}

// enlarge is the command that gives a running gang what is free for it.
func (p *pass) enlarge(placed placement, t *state.Task) (command.Command, bool) {
	wish, ok := charged(p.s, t)
	if !ok {
		return nil, false
	}
	parts := p.add(placed, t, wish, p.partsOf(t), math.MaxInt)
	if total(parts) <= t.Slots() {
		return nil, false
	}
	return p.resize(t, parts, total(parts)-t.Slots()), true
}

// partsOf are the parts of a running gang.
func (p *pass) partsOf(t *state.Task) (parts []part) {
	for _, v := range t.Parts {
		parts = append(parts, part{p.workers[v.Worker], v.Slots})
	}
	return parts
}

// add gives parts of a running gang what is free for it, up to so many slots.
func (p *pass) add(placed placement, t *state.Task, wish *state.Wish, parts []part, most int) []part {
	pool := p.suiting(requestOf(t, wish))
	room := min(p.room(placed, t.Project, pool, total(parts)), most)
	if room <= 0 {
		return parts
	}
	l := &line{queue: &queue{pool: pool}, bid: &bid{bidder: bidder{project: t.Project}}, head: entry{task: t}}
	return p.extend(l, parts, room)
}

// resize is the command that a running gang has these parts, of which so many slots are new.
func (p *pass) resize(t *state.Task, parts []part, more int) command.Command {
	p.spent[t.Project] = p.usedBy(t.Project) + more
	return command.Resize{Task: t.Work.Key, Generation: t.Generation + 1, Parts: sorted(parts), Experiment: p.wish(t.Charged)}
}

// extend takes up to so many more slots for a gang, and of these as many as make it faster:
// a step takes as long as its longest share of the shards.
func (p *pass) extend(l *line, parts []part, room int) []part {
	before, shards := total(parts), l.head.task.Work.Task.MostSlots()
	most := api.Useful(before+room, shards)
	if most <= before {
		return parts
	}
	had := len(parts)
	first := make([]int, had) // slots of what was there already
	for i, v := range parts {
		first[i] = v.slots
	}
	parts = p.gather(l, append(p.avoided(l.pool), p.slow(l.pool)...), parts, most-before)
	back := total(parts) - max(api.Useful(total(parts), shards), before)
	for i := len(parts) - 1; i >= 0 && back > 0; i-- {
		least := 0
		if i < had {
			least = first[i]
		}
		n := min(parts[i].slots-least, back)
		p.take(parts[i].worker, -n)
		parts[i].slots -= n
		back -= n
	}
	return slices.DeleteFunc(parts, func(v part) bool { return v.slots == 0 })
}

// room is how many more slots a gang may have: none where somebody waits.
func (p *pass) room(placed placement, project string, pool *pool, slots int) int {
	for _, k := range pool.classes {
		if placed.wanted[k] || k.claim != nil {
			return 0
		}
	}
	room := pool.request.max - slots
	if quota := p.s.Project(project).Quota; quota > 0 {
		room = min(room, quota-p.usedBy(project)-placed.reserved[project])
	}
	return room
}

package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// maxLooks bounds how many workers are looked at for the sake of locality, of
// those that have a task's data at hand: more would not find better ones often
// enough to pay for a pass over ten thousand.
const maxLooks = 64

// fit takes slots for a task's least gang, whole, or none.
func (p *pass) fit(pool *pool, t *state.Task) []part {
	sh := pool.shape
	avoid := p.avoided(pool)
	free := 0
	for _, k := range pool.kinds {
		if p.kept[k] == "" {
			free += k.free
		}
	}
	for _, w := range avoid {
		if p.kept[w.kind] == "" {
			free -= w.free
		}
	}
	if free < sh.min {
		return nil
	}
	w := p.single(pool, t, avoid)
	if w != nil {
		p.take(w, sh.min)
		return []part{{w, sh.min}}
	}
	parts := p.gather(pool, avoid, nil, sh.min)
	if total(parts) == sh.min {
		return parts
	}
	for _, part := range parts { // it would be over more workers than a gang may be
		p.take(part.worker, -part.slots)
	}
	return nil
}

// avoided lists the open workers that a shape avoids; none if nothing else could
// ever hold its gang.
func (p *pass) avoided(pool *pool) []*worker {
	if pool.shape.avoid == "" {
		return nil
	}
	slots := 0
	for _, k := range pool.kinds {
		slots += k.slots
	}
	var out []*worker
	for _, id := range strings.Split(pool.shape.avoid, ",") {
		if w := p.workers[id]; w != nil && w.open && w.kind.suits(pool.shape) {
			out = append(out, w)
			slots -= w.record.Slots
		}
	}
	if slots < pool.shape.min {
		return nil
	}
	return out
}

// single is the best worker that holds a whole gang's least; nil if there is none.
// One that holds its most comes before all others.
func (p *pass) single(pool *pool, t *state.Task, avoid []*worker) *worker {
	best := p.tightest(pool, avoid)
	if best == nil {
		return nil
	}
	low := min(best.free, pool.shape.max)
	score := p.local(best, t)
	if most := 1 + 4*len(t.Inputs()); score == most {
		return best
	}
	consider := func(w *worker) {
		if w == nil || !w.open || w.free < low || p.kept[w.kind] != "" || !w.kind.suits(pool.shape) || slices.Contains(avoid, w) {
			return
		}
		s := p.local(w, t)
		if s > score || s == score && (hole{w.free, w.record.ID}).compare(hole{best.free, best.record.ID}) < 0 && s > 0 {
			best, score = w, s
		}
	}
	for _, k := range t.Inputs() {
		if in := p.s.Task(k); in != nil && in.Home != "" {
			p.considerHost(in.Home, consider)
		}
	}
	if at := p.cached[t.Data()]; at != nil {
		looks := 0
		for _, w := range at.All() {
			if looks++; looks > maxLooks {
				break
			}
			consider(w)
		}
	}
	return best
}

// considerHost considers a worker and those of its host.
func (p *pass) considerHost(id string, consider func(*worker)) {
	home := p.workers[id]
	consider(home)
	if home == nil || home.record.Host == "" {
		return
	}
	for i, w := range p.hosts[home.record.Host] {
		if i == maxLooks {
			return
		}
		consider(w)
	}
}

// tightest is the worker with the smallest hole that the whole gang's most fits
// in, on the smallest kind; else the one with the largest hole that its least fits
// in.
func (p *pass) tightest(pool *pool, avoid []*worker) *worker {
	var largest *worker
	for _, k := range pool.kinds {
		if p.kept[k] != "" || k.free < pool.shape.min {
			continue
		}
		at := hole{free: pool.shape.max}
		for {
			h, w, ok := k.workers.After(at)
			if !ok {
				break
			}
			if !slices.Contains(avoid, w) {
				return w
			}
			at = h
		}
		if w := p.roomiest(k, avoid, pool.shape.min); w != nil && (largest == nil || w.free > largest.free) {
			largest = w
		}
	}
	return largest
}

// roomiest is the worker of a kind with the largest hole, the first of equal ones;
// nil if none has the least.
func (p *pass) roomiest(k *kind, avoid []*worker, least int) *worker {
	h, _, ok := k.workers.Last()
	for ok && h.free >= least {
		at := hole{free: h.free}
		for {
			next, w, more := k.workers.After(at)
			if !more || next.free != h.free {
				break
			}
			if !slices.Contains(avoid, w) {
				return w
			}
			at = next
		}
		h, _, ok = k.workers.Before(hole{free: h.free})
	}
	return nil
}

// local scores how much of what a task reads is at hand on a worker: its inputs
// weigh more than data, which is read once, and its own host less than itself.
func (p *pass) local(w *worker, t *state.Task) int {
	score := 0
	if _, ok := slices.BinarySearchFunc(w.record.Cached, t.Data(), compareKeys); ok {
		score++
	}
	for _, k := range t.Inputs() {
		in := p.s.Task(k)
		if in == nil || in.Home == "" {
			continue
		}
		home := p.workers[in.Home]
		switch {
		case home == w:
			score += 4
		case home != nil && w.record.Host != "" && home.record.Host == w.record.Host:
			score += 2
		}
	}
	return score
}

// gather takes more slots for a gang, as far as there are any: from its own
// workers, then from those of their hosts, then from where most are free.
func (p *pass) gather(pool *pool, avoid []*worker, parts []part, slots int) []part {
	for i := range parts {
		if w := parts[i].worker; slots > 0 && p.usable(w, pool, avoid) {
			n := min(w.free, slots)
			p.take(w, n)
			parts[i].slots += n
			slots -= n
		}
	}
	for _, own := range slices.Clone(parts) {
		parts, slots = p.fromHost(own.worker, pool, avoid, parts, slots)
	}
	for slots > 0 && len(parts) < command.MaxParts {
		var w *worker
		for _, k := range pool.kinds {
			if v := p.roomiest(k, avoid, 1); v != nil && p.kept[k] == "" && (w == nil || v.free > w.free) {
				w = v
			}
		}
		if w == nil {
			break
		}
		parts, slots = p.join(w, parts, slots)
		parts, slots = p.fromHost(w, pool, avoid, parts, slots)
	}
	return parts
}

// fromHost takes slots of the other workers of a worker's host.
func (p *pass) fromHost(own *worker, pool *pool, avoid []*worker, parts []part, slots int) ([]part, int) {
	if own.record.Host == "" {
		return parts, slots
	}
	for _, w := range p.hosts[own.record.Host] {
		if slots > 0 && len(parts) < command.MaxParts && p.usable(w, pool, avoid) {
			parts, slots = p.join(w, parts, slots)
		}
	}
	return parts, slots
}

// join takes slots of a worker that has none of the gang yet.
func (p *pass) join(w *worker, parts []part, slots int) ([]part, int) {
	n := min(w.free, slots)
	p.take(w, n)
	return append(parts, part{w, n}), slots - n
}

// usable says whether a gang may have more of a worker.
func (p *pass) usable(w *worker, pool *pool, avoid []*worker) bool {
	return w.open && w.free > 0 && p.kept[w.kind] == "" && w.kind.suits(pool.shape) && !slices.Contains(avoid, w)
}

// sorted is a gang as commands want it.
func sorted(parts []part) []command.Part {
	out := make([]command.Part, 0, len(parts))
	for _, p := range parts {
		out = append(out, command.Part{Worker: p.worker.record.ID, Slots: p.slots})
	}
	slices.SortFunc(out, func(a, b command.Part) int { return cmp.Compare(a.Worker, b.Worker) })
	return out
}

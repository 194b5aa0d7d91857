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

// fit takes slots for the least gang of the first task of a line, whole, or none:
// those that are reserved for it, else such as are free to all, else such as are
// reserved for somebody whom it does not delay.
func (p *pass) fit(l *line, c *claims) []part {
	need := l.pool.request.min
	if own := c.of(l); own != nil && own.worker != nil && own.worker.free+own.worker.held >= need {
		return p.takeHeld(own.worker, need)
	}
	avoid := p.avoided(l.pool)
	if w := p.single(l, avoid); w != nil {
		p.take(w, need)
		return []part{{w, need}}
	}
	if p.policy.Span {
		if parts := p.spread(l, avoid); parts != nil {
			return parts
		}
	}
	return p.passing(l, c, avoid)
}

// spans says whether the least gang of a pool's request is on several workers, because no
// open worker is large enough for it.
func (p *pass) spans(pool *pool) bool {
	if !p.policy.Span || pool.request.min == 1 {
		return false
	}
	w := pool.largest(nil)
	return w != nil && w.record.Slots < pool.request.min
}

// passing takes slots that are reserved for somebody whom the first task of a line
// may pass.
func (p *pass) passing(l *line, c *claims, avoid []*worker) []part {
	need := l.pool.request.min
	if l.pool.reserved() {
		if w := p.single(l, avoid); w != nil {
			p.take(w, need)
			return []part{{w, need}}
		}
	}
	var best *worker
	for _, v := range c.list {
		w := v.worker
		if w == nil || w.free+w.held < need || !p.serves(w, l.pool, avoid) || !p.passes(v, l, l.head) {
			continue
		}
		if best == nil || w.free+w.held < best.free+best.held {
			best = w
		}
	}
	if best == nil {
		return nil
	}
	return p.takeHeld(best, need)
}

// takeHeld gives slots of a worker away, reserved ones first.
func (p *pass) takeHeld(w *worker, slots int) []part {
	p.change(w, func() {
		held := min(w.held, slots)
		w.held -= held
		w.free -= slots - held
	})
	return []part{{w, slots}}
}

// spread takes slots for a least gang of several workers.
func (p *pass) spread(l *line, avoid []*worker) []part {
	need := l.pool.request.min
	free := 0
	for _, k := range l.pool.classes {
		if k.joins && p.usableClass(k, l, need) {
			free += k.free
		}
	}
	for _, w := range avoid {
		if w.class.joins && p.usableClass(w.class, l, need) {
			free -= w.free
		}
	}
	if free < need {
		return nil
	}
	parts := p.gather(l, avoid, nil, need)
	if total(parts) == need {
		return parts
	}
	for _, part := range parts { // it would be over more workers than a gang may be
		p.take(part.worker, -part.slots)
	}
	return nil
}

// usableClass says whether a line may have so many slots of a node class, whoever
// has a claim to it.
func (p *pass) usableClass(k *nodeClass, l *line, slots int) bool {
	v := k.claim
	return v == nil || p.passes(v, l, l.head) || v.spare >= slots
}

// avoided lists the open workers that a request avoids; none if nothing else could
// ever hold its gang.
func (p *pass) avoided(pool *pool) []*worker {
	if pool.request.avoid == "" {
		return nil
	}
	slots := pool.capacity()
	var out []*worker
	for id := range strings.SplitSeq(pool.request.avoid, ",") {
		if w := p.workers[id]; w != nil && w.open && w.class.suits(pool.request) {
			out = append(out, w)
			slots -= w.record.Slots
		}
	}
	if !p.spans(pool) {
		slots = 0
		if w := pool.largest(out); w != nil {
			slots = w.record.Slots
		}
	}
	if slots < pool.request.min {
		return nil
	}
	return out
}

// serves says whether a worker's slots are of use to a pool's request.
func (p *pass) serves(w *worker, pool *pool, avoid []*worker) bool {
	return w.open && w.class.suits(pool.request) && !slices.Contains(avoid, w)
}

// fits says whether a line's least gang could be placed now.
func (p *pass) fits(c *claims, l *line) bool {
	need := l.pool.request.min
	avoid := p.avoided(l.pool)
	free := 0
	for _, k := range l.pool.classes {
		for h, w := range k.workers.From(hole{free: 1}) {
			if v := c.over(k); v != nil && !p.passes(v, l, l.head) {
				return false
			}
			if h.free < need && !p.policy.Span || slices.Contains(avoid, w) {
				continue
			}
			here := h.free
			if v := c.on(w); v != nil && !p.passes(v, l, l.head) {
				here = min(v.spare, h.free)
			}
			if k.joins && p.policy.Span {
				free += here
			}
			if max(free, here) >= need {
				return true
			}
		}
	}
	return false
}

// single is the best worker that holds a whole gang's least; nil if there is none.
// One that holds its most comes before all others.
func (p *pass) single(l *line, avoid []*worker) *worker {
	best := p.tightest(l, avoid)
	if best == nil {
		return nil
	}
	t := l.head.task
	low := min(best.free, l.pool.request.max)
	score := p.local(best, t)
	if most := 1 + 4*len(t.Inputs()); score == most {
		return best
	}
	consider := func(w *worker) {
		if w == nil || w.free < low || !p.serves(w, l.pool, avoid) || !p.usableClass(w.class, l, l.pool.request.min) {
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
// in, of the smallest node class; else the one with the largest hole that its least
// fits in.
func (p *pass) tightest(l *line, avoid []*worker) *worker {
	r := l.pool.request
	var largest *worker
	for _, k := range l.pool.classes {
		if k.free < r.min || !p.usableClass(k, l, r.min) {
			continue
		}
		at := hole{free: r.max}
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
		if w := p.roomiest(k, avoid, r.min); w != nil && (largest == nil || w.free > largest.free || w.free == largest.free && k.joins && !largest.class.joins) {
			largest = w // the rest of its most comes from workers that can join it
		}
	}
	return largest
}

// roomiest is the worker of a node class with the largest hole, the first of equal
// ones; nil if none has the least.
func (p *pass) roomiest(k *nodeClass, avoid []*worker, least int) *worker {
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
// workers, and if it may span several from those of their hosts, then from where
// most are free.
func (p *pass) gather(l *line, avoid []*worker, parts []part, slots int) []part {
	for i := range parts {
		if w := parts[i].worker; slots > 0 && p.usable(w, l, avoid) {
			n := min(w.free, slots)
			p.take(w, n)
			parts[i].slots += n
			slots -= n
		}
	}
	if !p.policy.Span || slices.ContainsFunc(parts, func(v part) bool { return !v.worker.class.joins }) {
		return parts
	}
	for _, own := range slices.Clone(parts) {
		parts, slots = p.fromHost(own.worker, l, avoid, parts, slots)
	}
	for slots > 0 && len(parts) < command.MaxParts {
		var w *worker
		for _, k := range l.pool.classes {
			if !k.joins {
				continue
			}
			if v := p.roomiest(k, avoid, 1); v != nil && p.usableClass(k, l, 1) && (w == nil || v.free > w.free) {
				w = v
			}
		}
		if w == nil {
			break
		}
		parts, slots = p.join(w, parts, slots)
		parts, slots = p.fromHost(w, l, avoid, parts, slots)
	}
	return parts
}

// fromHost takes slots of the other workers of a worker's host.
func (p *pass) fromHost(own *worker, l *line, avoid []*worker, parts []part, slots int) ([]part, int) {
	if own.record.Host == "" {
		return parts, slots
	}
	for _, w := range p.hosts[own.record.Host] {
		if slots > 0 && len(parts) < command.MaxParts && w.class.joins && p.usable(w, l, avoid) {
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
func (p *pass) usable(w *worker, l *line, avoid []*worker) bool {
	return w.free > 0 && p.serves(w, l.pool, avoid) && p.usableClass(w.class, l, 1)
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

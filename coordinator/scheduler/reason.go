package scheduler

import (
	"fmt"
	"strings"
	"time"

	"g2c/coordinator/state"
)

// why is what a queue waits for.
type why int

// The reasons.
const (
	noClass  why = 1 + iota // no open worker of the numerics class
	noNode                  // none of its device and memory
	tooSmall                // all of them, or the largest, are too small
	tooFew                  // not enough is free now
	atQuota
)

// verdict is what a pass found on a queue: one for all tasks in it.
type verdict struct {
	why         why
	need        int
	capacity    int // of all open workers, or of the largest if a gang is on one
	free        int
	avoided     int    // slots that are free where it failed
	coming      int    // being released, or of tasks that were asked to stop
	stuck       int    // being released for too long
	on          string // the worker of which these are; empty for all
	reservedFor string // a task for which what is free is reserved
	start       int64  // when its own reserved slots are expected; 0 for none
	seq         uint64 // of the task for which those are: others of its queue come behind
	beyond      bool   // it is more than its project's share
	share       int    // of its project
	far         int64  // when its slots are expected, if that is too late to reserve any; 0 for not
	stopping    int    // tasks that are asked to make way

	used, limit int // of the project, and its quota
}

// feasible says whether a line could be placed if nothing else ran.
func (p *pass) feasible(l *line) bool { return p.capacity(l.pool).capacity >= l.pool.request.min }

// capacity says whether the open workers are large enough for a pool's request.
func (p *pass) capacity(pool *pool) verdict {
	v := verdict{why: tooSmall, need: pool.request.min, capacity: pool.capacity()}
	if v.capacity == 0 {
		v.why = noClass
		for _, k := range p.classes {
			if k.class == pool.request.class && k.slots > 0 {
				v.why = noNode
			}
		}
	} else if p.spans(pool) {
		v.capacity = pool.together()
	} else {
		v.capacity = pool.largest(nil).record.Slots
	}
	return v
}

// shortage says what is missing for the first task of a line.
func (p *pass) shortage(l *line, c *claims) verdict {
	v := verdict{why: tooFew, need: l.pool.request.min}
	if share, ok := c.share[l.self]; ok {
		v.beyond, v.share = true, share
	}
	v.far = c.far[l.self]
	own := c.of(l)
	if own != nil {
		v.start, v.seq, v.reservedFor = max(own.start, p.now), own.task.Seq, own.task.Work.Name()
	}
	if p.policy.Span || v.need == 1 {
		p.countAll(l, c, &v)
	} else {
		p.countOne(l, c, own, &v)
	}
	return v
}

// countAll counts what is free of a whole pool.
func (p *pass) countAll(l *line, c *claims, v *verdict) {
	for _, k := range l.pool.classes {
		v.free += k.free
		if k.claim != nil && k.claim.line != l.self && v.seq == 0 {
			v.reservedFor = k.claim.task.Work.Name()
		}
	}
	for _, o := range c.list {
		if o.worker != nil && o.line != l.self && o.worker.held > 0 && p.serves(o.worker, l.pool, nil) {
			v.free += o.worker.held
			if v.seq == 0 {
				v.reservedFor = o.task.Work.Name()
			}
		} else if o.worker != nil && o.line == l.self {
			v.free += o.worker.held
		}
	}
	for _, w := range p.avoided(l.pool) {
		v.free -= w.free
		v.avoided += w.free
	}
	for w := range p.coming() {
		if p.serves(w, l.pool, nil) {
			o := p.outlookOf(w, p.blank(0))
			v.coming += o.soon
			v.stuck += o.stuck
		}
	}
}

// countOne counts what is free of the one worker where a line has its claim, or
// where most is free.
func (p *pass) countOne(l *line, c *claims, own *claim, v *verdict) {
	avoid := p.avoided(l.pool)
	var best *worker
	if own != nil {
		best = own.worker
	}
	if best == nil {
		for _, k := range l.pool.classes {
			if w := p.roomiest(k, avoid, 1); w != nil && (best == nil || w.free > best.free) {
				best = w
			}
		}
		for _, o := range c.list {
			if w := o.worker; w != nil && w.held > 0 && p.serves(w, l.pool, avoid) && (best == nil || w.free+w.held > best.free+best.held) {
				best = w
				v.reservedFor = o.task.Work.Name()
			}
		}
	}
	if best != nil {
		o := p.outlookOf(best, p.blank(0))
		v.on, v.free, v.coming, v.stuck = best.record.ID, o.free, o.soon, o.stuck
	}
}

// why says what a pending task waits for. With several wishes it is enough that one
// can be met: each waits for its own reason.
func (p *Plan) why(t *state.Task) string {
	if held := p.snapshot.WhyHeld(t); held != "" {
		return held
	}
	if t.WaitsOn > 0 {
		return p.whyInputs(t)
	}
	if left := t.NotBefore - p.now; left > 0 && left <= state.BackoffMaxMS {
		return fmt.Sprintf("it is tried again in %v, since it failed: %s", time.Duration(left)*time.Millisecond, t.Reason)
	}
	var said []string
	eachWish(p.snapshot, t, func(w *state.Wish) {
		r := requestOf(t, w)
		text := p.verdicts[queueKey{w.Project, r}].words(t, r, w.Project, p)
		for _, s := range said {
			if s == text {
				return
			}
		}
		said = append(said, text)
	})
	return strings.Join(said, "; or ")
}

// words puts a verdict on a project's request in words.
func (v verdict) words(t *state.Task, r request, project string, p *Plan) string {
	switch v.why {
	case noClass:
		return "no open worker of class " + r.class
	case noNode:
		return "no open worker of class " + r.class + wants(r)
	case tooSmall:
		if p.span {
			return fmt.Sprintf("needs %s of class %s%s, all open workers have %d", count(v.need), r.class, wants(r), v.capacity)
		}
		return fmt.Sprintf("needs %s on one worker of class %s%s, the largest has %d", count(v.need), r.class, wants(r), v.capacity)
	case atQuota:
		return v.quotaWords(project)
	}
	var b strings.Builder
	if v.need > 1 && !p.span {
		fmt.Fprintf(&b, "needs %s on one worker of class %s%s, %d free", count(v.need), r.class, wants(r), v.free)
		if v.on != "" {
			fmt.Fprintf(&b, " on %s", v.on)
		}
	} else {
		fmt.Fprintf(&b, "needs %s of class %s%s, %d free", count(v.need), r.class, wants(r), v.free)
	}
	if v.avoided > 0 {
		fmt.Fprintf(&b, " beside %d where it failed", v.avoided)
	}
	if v.coming > 0 {
		fmt.Fprintf(&b, " and %d being released", v.coming)
	}
	if v.stuck > 0 {
		fmt.Fprintf(&b, ", %d not released for too long", v.stuck)
	}
	v.reserved(&b, t, p.now)
	if v.stopping > 0 {
		fmt.Fprintf(&b, "; running tasks are asked to make way: %d", v.stopping)
	}
	return b.String()
}

// reserved says for whom slots are reserved.
func (v verdict) reserved(b *strings.Builder, t *state.Task, now int64) {
	switch {
	case v.seq == t.Seq && v.start > now:
		fmt.Fprintf(b, ", reserved for it and expected in %v", (time.Duration(v.start-now) * time.Millisecond).Round(time.Second))
	case v.seq == t.Seq:
		b.WriteString(", reserved for it")
	case v.reservedFor != "":
		fmt.Fprintf(b, ", reserved for %s, which comes first", v.reservedFor)
	}
	switch {
	case v.seq == t.Seq:
	case v.beyond:
		fmt.Fprintf(b, "; nothing is reserved for it, since it is more than its project's share of %s", count(v.share))
	case v.far == never:
		b.WriteString("; nothing is reserved for it, since nobody knows when its slots come free")
	case v.far > now:
		fmt.Fprintf(b, "; nothing is reserved for it, since its slots are expected in %v, and would lie idle until then", (time.Duration(v.far-now) * time.Millisecond).Round(time.Second))
	}
}

// quotaWords says what is left of a project's quota.
func (v verdict) quotaWords(project string) string {
	if v.need > v.limit {
		return fmt.Sprintf("needs %s, more than the quota of project %s, which is %d", count(v.need), project, v.limit)
	}
	s := fmt.Sprintf("needs %s, project %s uses %d of the %d in its quota", count(v.need), project, v.used, v.limit)
	if v.reservedFor != "" {
		s += fmt.Sprintf(", and the rest is reserved for %s, which comes first", v.reservedFor)
	}
	if v.stopping > 0 {
		s += fmt.Sprintf("; running tasks are asked to make way: %d", v.stopping)
	}
	return s
}

func (p *Plan) whyInputs(t *state.Task) string {
	for _, k := range t.Inputs() {
		if in := p.snapshot.Task(k); in != nil && in.Status.Live() {
			more := ""
			if t.WaitsOn > 1 {
				more = fmt.Sprintf(", and for %d more", t.WaitsOn-1)
			}
			return fmt.Sprintf("waits for %s, which is %s%s", in.Work.Name(), in.Status, more)
		}
	}
	return ""
}

// wants is what a request asks for beyond its class.
func wants(r request) string {
	var b strings.Builder
	if r.device != "" {
		fmt.Fprintf(&b, " on %s", r.device)
	}
	if r.memory > 0 {
		fmt.Fprintf(&b, " with %d MiB each", r.memory>>20)
	}
	return b.String()
}

func count(slots int) string {
	if slots == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", slots)
}

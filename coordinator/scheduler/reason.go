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
	noClass  why = 1 + iota // no open worker of the class
	noKind                  // none of its device and memory
	tooSmall                // all of them together are too small
	tooFew                  // not enough is free now
	atQuota
)

// verdict is what a pass found on a queue: one for all tasks in it.
type verdict struct {
	why      why
	need     int
	capacity int
	free     int
	avoided  int    // slots that are free where it failed
	coming   int    // being released, or of tasks that were asked to stop
	keptFor  string // a task for which what is free is kept
	stopping int    // tasks that are asked to make way

	slots, used, limit int
}

// shortage says what a pool lacks for its shape.
func (p *pass) shortage(pool *pool) verdict {
	v := verdict{why: tooFew, need: pool.shape.min}
	class := 0
	for _, k := range p.kinds {
		if k.class == pool.shape.class {
			class += k.slots
		}
	}
	for _, k := range pool.kinds {
		v.capacity += k.slots
		v.free += k.free
		v.coming += p.coming(k)
		if name := p.kept[k]; name != "" {
			v.keptFor = name
		}
	}
	for _, w := range p.avoided(pool) {
		v.free -= w.free
		v.avoided += w.free
	}
	switch {
	case class == 0:
		v.why = noClass
	case v.capacity == 0:
		v.why = noKind
	case v.capacity < v.need:
		v.why = tooSmall
	}
	return v
}

// coming counts the slots of a kind's open workers that will be free soon: those of
// tasks that were asked to stop, and those that workers were told to release and
// have not kept for longer than the grace. What takes longer is stuck, and nobody
// may wait for it.
func (p *pass) coming(k *kind) int {
	if p.soon == nil {
		p.soon = map[*kind]int{}
		for _, w := range p.leaving.All() {
			for _, h := range w.record.Allocations {
				if h.Terminating && !over(p.policy.GraceMS, h.Since, p.now) {
					p.soon[w.kind] += h.Slots
				}
			}
		}
		for _, t := range p.stopping.All() {
			for _, v := range t.Parts {
				if w := p.workers[v.Worker]; w.open {
					p.soon[w.kind] += v.Slots
				}
			}
		}
	}
	return p.soon[k]
}

// why says what a pending task waits for.
func (p *Plan) why(t *state.Task) string {
	if t.WaitsOn > 0 {
		return p.whyInputs(t)
	}
	if left := t.NotBefore - p.now; left > 0 && left <= state.BackoffMaxMS {
		return fmt.Sprintf("it is tried again in %v, since it failed: %s", time.Duration(left)*time.Millisecond, t.Reason)
	}
	sh := shapeOf(t)
	v := p.verdicts[queueKey{t.Project, sh}]
	switch v.why {
	case noClass:
		return "no open worker of class " + sh.class
	case noKind:
		return "no open worker of class " + sh.class + wants(sh)
	case tooSmall:
		return fmt.Sprintf("needs %s of class %s%s, all open workers have %d", count(v.need), sh.class, wants(sh), v.capacity)
	case atQuota:
		return fmt.Sprintf("needs %s, project %s uses %d of the %d in its quota", count(v.need), t.Project, v.used, v.limit)
	}
	return v.words(sh)
}

func (v verdict) words(sh shape) string {
	var b strings.Builder
	fmt.Fprintf(&b, "needs %s of class %s%s, %d free", count(v.need), sh.class, wants(sh), v.free)
	if v.avoided > 0 {
		fmt.Fprintf(&b, " beside %d where it failed", v.avoided)
	}
	if v.coming > 0 {
		fmt.Fprintf(&b, " and %d being released", v.coming)
	}
	if v.keptFor != "" {
		fmt.Fprintf(&b, ", kept for %s, which has waited longer", v.keptFor)
	}
	if v.stopping > 0 {
		fmt.Fprintf(&b, "; running tasks are asked to make way: %d", v.stopping)
	}
	return b.String()
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

// wants is what a shape asks for beyond its class.
func wants(sh shape) string {
	var b strings.Builder
	if sh.device != "" {
		fmt.Fprintf(&b, " on %s", sh.device)
	}
	if sh.memory > 0 {
		fmt.Fprintf(&b, " with %d MiB each", sh.memory>>20)
	}
	return b.String()
}

func count(slots int) string {
	if slots == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", slots)
}

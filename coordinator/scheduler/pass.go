package scheduler

import (
	"sync"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// pass is one run of the rules: its arguments, and the books of what it has given
// so far. It takes free slots from the index as it gives them away, and puts them
// all back at the end: only the state gives them away. Its stages take and return
// values, in this order: duties, demand, claims, placements, relief, growth.
type pass struct {
	*index
	s      *state.Snapshot
	now    int64
	policy Policy
	hints  Hints
	turns  map[bidder]int64
	level  bool // wishes are records: commands name them

	free   map[*worker]int // before the pass, of those that it has changed
	given  map[holding]int // by the pass
	spent  map[string]int  // a project's slots anywhere, with what the pass gave
	shares map[*pool]map[string]entitlement
	soon   map[*worker]bool // of which something is coming; nil until somebody asks

	scratch []release

	left  map[uint64]bool // tasks that the pass lets alone: it has a command for them
	asked map[holding]int // what these were asked to give
}

// holding is what a project has of a node class.
type holding struct {
	project string
	class   *nodeClass
}

// part is slots of a worker.
type part struct {
	worker *worker
	slots  int
}

func newPass(x *index, s *state.Snapshot, now int64, policy Policy, hints Hints, turns map[bidder]int64) *pass {
	return &pass{
		index: x, s: s, now: now, policy: policy, hints: hints, turns: turns, level: s.Level() >= api.LevelWishes,
		free: map[*worker]int{}, given: map[holding]int{}, spent: map[string]int{},
		shares: map[*pool]map[string]entitlement{}, left: map[uint64]bool{}, asked: map[holding]int{},
	}
}

// run goes through the stages.
func (p *pass) run(memory Memory) *Plan {
	duties := p.duties()
	bids := demand(p.s, p.index, p.turns)
	claims := p.claims(bids, memory.reservations)
	p.hold(claims)
	backlog := p.backlogs(bids)
	placed := p.place(bids, claims)
	relieved := p.relieve(placed)
	grown := p.grow(placed)
	p.restore()

	plan := &Plan{
		snapshot: p.s, now: p.now, span: p.policy.Span, placed: placed.placed, verdicts: placed.verdicts, backlog: backlog,
		From: memory, Next: Memory{claims.remember(placed.placed), p.turns},
	}
	plan.Commands = append(plan.Commands, duties...)
	for _, g := range placed.gangs {
		plan.Commands = append(plan.Commands, command.Place{
			Task: g.task.Work.Key, Generation: g.task.Generation + 1, Parts: sorted(g.parts), Experiment: g.experiment,
		})
	}
	plan.Commands = append(plan.Commands, relieved...)
	plan.Commands = append(plan.Commands, grown...)
	plan.Commands = append(plan.Commands, claims.stops...)
	plan.needs, plan.idle = sync.OnceValue(plan.needsNow), sync.OnceValue(plan.idleNow)
	return plan
}

// take gives slots of a worker away.
func (p *pass) take(w *worker, slots int) {
	p.change(w, func() { w.free -= slots })
}

// change changes what of a worker is free to whom, until the end of the pass.
func (p *pass) change(w *worker, do func()) {
	if _, ok := p.free[w]; !ok {
		p.free[w] = w.free
	}
	w.hide()
	do()
	w.show()
}

// restore puts back what the pass took.
func (p *pass) restore() {
	for w, free := range p.free {
		w.hide()
		w.free, w.held = free, 0
		w.show()
	}
	for _, k := range p.classes {
		k.claim = nil
	}
}

// give books slots that a project is given.
func (p *pass) give(project string, parts []part) {
	for _, v := range parts {
		p.given[holding{project, v.worker.class}] += v.slots
	}
	p.spent[project] = p.usedBy(project) + total(parts)
}

// leave lets a task alone for the rest of the pass that is asked to give slots.
func (p *pass) leave(t *state.Task, gives int) {
	p.left[t.Seq] = true
	for _, v := range p.tasks.at(t.Seq).more.parts {
		p.asked[holding{t.Project, v.class}] += min(v.slots, gives)
	}
}

// usedBy is a project's slots, with what the pass gave.
func (p *pass) usedBy(project string) int {
	n, ok := p.spent[project]
	if !ok {
		n = p.s.Usage(project)
		p.spent[project] = n
	}
	return n
}

// usedIn is what a project has of a pool, with what the pass gave.
func (p *pass) usedIn(project string, pool *pool) int {
	n := p.in(project, pool)
	for _, k := range pool.classes {
		n += p.given[holding{project, k}]
	}
	return n
}

// wish is the experiment that a command names.
func (p *pass) wish(experiment uint64) uint64 {
	if !p.level {
		return 0
	}
	return experiment
}

func total(parts []part) int {
	n := 0
	for _, p := range parts {
		n += p.slots
	}
	return n
}

func slots(parts []command.Part) int {
	n := 0
	for _, p := range parts {
		n += p.Slots
	}
	return n
}

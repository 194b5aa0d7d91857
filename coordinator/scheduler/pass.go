package scheduler

import (
	"container/heap"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// pass is one run of the rules. It takes free slots from the index as it gives
// them away, and puts them all back at the end: only the state gives them away.
type pass struct {
	*index
	s      *state.Snapshot
	now    int64
	policy Policy

	plan    *Plan
	gangs   []*gang          // placed by this pass, in order
	taken   map[*worker]int  // free slots before the pass
	used    map[string]int   // slots of projects, with what the pass gave
	kept    map[*kind]string // free slots that are kept for whom
	wanted  map[*kind]bool   // somebody waits for slots there
	helped  map[string]int   // of a class: waiters for whom others were looked at
	touched map[uint64]bool  // running tasks that the pass has a command for
	stops   []command.Command
	shares  map[string]int
	soon    map[*kind]int
}

// gang is a task and the workers it is given.
type gang struct {
	task  *state.Task
	pool  *pool
	parts []part
}

type part struct {
	worker *worker
	slots  int
}

func newPass(x *index, s *state.Snapshot, now int64, policy Policy) *pass {
	return &pass{
		index: x, s: s, now: now, policy: policy,
		plan:  &Plan{snapshot: s, now: now, placed: map[uint64]bool{}, verdicts: map[queueKey]verdict{}},
		taken: map[*worker]int{}, used: map[string]int{}, kept: map[*kind]string{},
		wanted: map[*kind]bool{}, helped: map[string]int{}, touched: map[uint64]bool{},
	}
}

func (p *pass) run() *Plan {
	p.evict()
	p.empty()
	p.place()
	p.extend()
	for _, g := range p.gangs {
		p.plan.Commands = append(p.plan.Commands, command.Place{
			Task: g.task.Work.Key, Generation: g.task.Generation + 1, Parts: sorted(g.parts), Experiment: p.payer(g.task),
		})
	}
	p.grow()
	p.plan.Commands = append(p.plan.Commands, p.stops...)
	p.restore()
	return p.plan
}

// payer is the experiment whose wish a placement satisfies; 0 below level 4.
func (p *pass) payer(t *state.Task) uint64 {
	if w, ok := p.s.Wish(t); ok && p.s.Level() >= api.LevelWishes {
		return w.Experiment
	}
	return 0
}

// restore puts back what the pass took.
func (p *pass) restore() {
	for w, free := range p.taken {
		w.hide()
		w.free = free
		w.show()
	}
}

// take gives slots of a worker away.
func (p *pass) take(w *worker, slots int) {
	if _, ok := p.taken[w]; !ok {
		p.taken[w] = w.free
	}
	w.hide()
	w.free -= slots
	w.show()
}

// turns is the projects that have something to place, the next one first.
type turns []*turn

// turn is a project's place in the order, and its queues, the next one first.
type turn struct {
	name          string
	weight, quota int
	used          int
	queues        lines
}

// line is a queue and how far the pass has come in it.
type line struct {
	*queue
	next order
	task *state.Task
}

type lines []*line

func (l lines) Len() int           { return len(l) }
func (l lines) Less(i, j int) bool { return l[i].next.compare(l[j].next) < 0 }
func (l lines) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lines) Push(x any)        { *l = append(*l, x.(*line)) }
func (l *lines) Pop() any          { x := (*l)[len(*l)-1]; *l = (*l)[:len(*l)-1]; return x }

func (t turns) Len() int { return len(t) }

// Less compares used/weight without division. At a tie the older task goes first.
func (t turns) Less(i, j int) bool {
	a, b := int64(t[i].used)*int64(t[j].weight), int64(t[j].used)*int64(t[i].weight)
	if a != b {
		return a < b
	}
	return t[i].queues[0].next.seq < t[j].queues[0].next.seq
}
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(x any)   { *t = append(*t, x.(*turn)) }
func (t *turns) Pop() any     { x := (*t)[len(*t)-1]; *t = (*t)[:len(*t)-1]; return x }

// place gives every project its turns until nobody fits any more.
func (p *pass) place() {
	order := p.turns()
	for order.Len() > 0 {
		t := order[0]
		l := t.queues[0]
		if v, ok := p.try(t, l); ok {
			t.used += v.slots
			p.used[t.name] = t.used
			p.advance(t)
		} else {
			p.plan.verdicts[queueKey{t.name, l.pool.shape}] = v
			heap.Pop(&t.queues)
		}
		if t.queues.Len() == 0 {
			heap.Pop(&order)
		} else {
			heap.Fix(&order, 0)
		}
	}
}

// turns sets up the order of projects and queues.
func (p *pass) turns() turns {
	var out turns
	for name, project := range p.projects {
		limit := p.s.Project(name)
		t := &turn{name: name, weight: limit.Weight, quota: limit.Quota, used: p.s.Usage(name)}
		p.used[name] = t.used
		for _, q := range project.queues {
			o, task, _ := q.tasks.First()
			t.queues = append(t.queues, &line{queue: q, next: o, task: task})
		}
		heap.Init(&t.queues)
		out = append(out, t)
	}
	heap.Init(&out)
	return out
}

// advance goes on to the next task of a project's first queue.
func (p *pass) advance(t *turn) {
	l := t.queues[0]
	o, task, ok := l.tasks.After(l.next)
	if !ok {
		heap.Pop(&t.queues)
		return
	}
	l.next, l.task = o, task
	heap.Fix(&t.queues, 0)
}

// try places the first task of a queue, or says why it and all behind it wait.
func (p *pass) try(t *turn, l *line) (verdict, bool) {
	sh := l.pool.shape
	if t.quota > 0 && t.used+sh.min > t.quota {
		return verdict{why: atQuota, need: sh.min, used: t.used, limit: t.quota}, false
	}
	parts := p.fit(l.pool, l.task)
	if parts == nil {
		return p.refuse(t, l), false
	}
	p.gangs = append(p.gangs, &gang{l.task, l.pool, parts})
	p.plan.placed[l.task.Seq] = true
	return verdict{slots: sh.min}, true
}

// refuse is the verdict on a queue whose first task does not fit, and what follows
// from it for others.
func (p *pass) refuse(t *turn, l *line) verdict {
	v := p.shortage(l.pool)
	if v.why != tooFew {
		return v // more slots would have to be there, not only free
	}
	for _, k := range l.pool.kinds {
		p.wanted[k] = true
	}
	keep := over(p.policy.PatienceMS, l.task.Ready, p.now)
	class := l.pool.shape.class
	if over(p.policy.PreemptAfterMS, l.task.Ready, p.now) && p.helped[class] < maxHelped {
		p.helped[class]++
		v.stopping = p.help(t, l, v)
		if v.stopping > 0 || v.free+v.coming >= v.need {
			p.helped[class] = maxHelped // one at a time: the next pass knows what came of it
			keep = true                 // what is freed for it is not for those behind it
		}
	}
	if keep && !p.isKept(l.pool) {
		for _, k := range l.pool.kinds {
			p.kept[k] = l.task.Work.Name()
		}
	}
	return v
}

// maxHelped bounds for how many waiters of a class a pass looks at everything that
// runs.
const maxHelped = 4

func (p *pass) isKept(pool *pool) bool {
	for _, k := range pool.kinds {
		if p.kept[k] != "" {
			return true
		}
	}
	return false
}

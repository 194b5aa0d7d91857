package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"g2c/api"
	"g2c/coordinator/cow"
	"g2c/coordinator/state"
)

// index is what a pass looks things up in: a function of the snapshot and the
// time, whichever way it came about.
type index struct {
	items    []item // by Seq: where a task stands in the index
	shapes   map[shape]*pool
	projects map[string]*project
	delayed  *cow.Map[delay, struct{}] // ready tasks that wait after a failure
	early    []uint64                  // those of them that stand in queues all the same

	running  *cow.Map[uint64, *state.Task] // with a gang
	stopping *cow.Map[uint64, *state.Task] // of these, those asked to stop
	elastic  *cow.Map[uint64, *state.Task] // of these, those that could grow

	kinds   []*kind // sorted
	workers map[string]*worker
	hosts   map[string][]*worker
	cached  map[api.Key]*cow.Map[string, *worker] // open workers that have data at hand
	special *cow.Map[string, *worker]             // in a mode that time or duty makes a pass look at
	leaving *cow.Map[string, *worker]             // open, with slots that tasks are leaving
}

// item is where a task stands.
type item struct {
	task  *state.Task
	queue *queue // if it stands in one
}

// shape is what a task asks of workers. Tasks of a shape fit or do not fit alike.
type shape struct {
	class, device string
	memory        int64
	min, max      int
	avoid         string // workers, with commas between
}

func shapeOf(t *state.Task) shape {
	g := t.Gang()
	return shape{
		class: t.Work.Task.Numerics, device: t.Need.Device, memory: t.Need.Memory,
		min: g.Min, max: g.Max, avoid: strings.Join(t.Avoid, ","),
	}
}

// pool is a shape and the kinds of worker that suit it, least memory first.
type pool struct {
	shape  shape
	kinds  []*kind
	queues int // that use it
}

// queueKey names a queue.
type queueKey struct {
	project string
	shape   shape
}

// queue is the pending tasks of a project and a shape that could be placed now.
type queue struct {
	project *project
	pool    *pool
	tasks   *cow.Map[order, *state.Task]
}

// order is that of a queue: higher priority first, then as submitted.
type order struct {
	priority int
	seq      uint64
}

func (o order) compare(p order) int {
	return cmp.Or(cmp.Compare(p.priority, o.priority), cmp.Compare(o.seq, p.seq))
}

func orderOf(t *state.Task) order { return order{t.Priority, t.Seq} }

// project is the queues of a project.
type project struct {
	name   string
	queues map[shape]*queue
}

// delay is a task that waits until a time.
type delay struct {
	until int64
	seq   uint64
}

func newIndex(s *state.Snapshot, now int64) *index {
	x := &index{
		items:    make([]item, 0, s.TaskCount()+1),
		shapes:   map[shape]*pool{},
		projects: map[string]*project{},
		delayed: cow.New[delay, struct{}](func(a, b delay) int {
			return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.seq, b.seq))
		}),
		running:  cow.New[uint64, *state.Task](cmp.Compare),
		stopping: cow.New[uint64, *state.Task](cmp.Compare),
		elastic:  cow.New[uint64, *state.Task](cmp.Compare),
		workers:  make(map[string]*worker, s.WorkerCount()),
		hosts:    map[string][]*worker{},
		cached:   map[api.Key]*cow.Map[string, *worker]{},
		special:  cow.New[string, *worker](cmp.Compare),
		leaving:  cow.New[string, *worker](cmp.Compare),
	}
	for w := range s.Workers("") {
		x.putWorker(w.ID, w, now)
	}
	for t := range s.Tasks(0) {
		x.putTask(t.Seq, t)
	}
	x.wake(now)
	return x
}

// update brings the index up to a snapshot by what changed.
func (x *index) update(s *state.Snapshot, now int64, changes []state.Change) {
	seen := make(map[state.Change]bool, len(changes))
	for _, c := range changes {
		c.Index = 0
		if seen[c] {
			continue
		}
		seen[c] = true
		switch c.Kind {
		case state.TaskChanged:
			x.putTask(c.Seq, s.TaskAt(c.Seq))
		case state.WorkerChanged:
			x.putWorker(c.Name, s.Worker(c.Name), now)
		case state.ExperimentChanged, state.ProjectChanged: // a pass reads what it needs of them
		}
	}
	var turned []*worker
	for _, w := range x.special.All() {
		if w.open != w.record.Open(now) {
			turned = append(turned, w)
		}
	}
	for _, w := range turned {
		x.putWorker(w.record.ID, w.record, now)
	}
	x.wake(now)
}

// putTask gives a task its place in the index; nil takes it out.
func (x *index) putTask(seq uint64, t *state.Task) {
	for uint64(len(x.items)) <= seq {
		x.items = append(x.items, item{})
	}
	if x.items[seq].task != nil {
		x.dropTask(seq)
	}
	if t == nil {
		return
	}
	x.items[seq].task = t
	switch {
	case t.Status == state.Pending && t.WaitsOn == 0 && t.NotBefore == 0:
		x.enqueue(t)
	case t.Status == state.Pending && t.WaitsOn == 0:
		x.delayed.Set(delay{t.NotBefore, seq}, struct{}{})
	case t.Parts != nil:
		x.running.Set(seq, t)
		if t.Preempting {
			x.stopping.Set(seq, t)
		} else if t.Slots() < t.Gang().Max {
			x.elastic.Set(seq, t)
		}
	}
}

func (x *index) dropTask(seq uint64) {
	t := x.items[seq].task
	x.dequeue(seq)
	x.delayed.Delete(delay{t.NotBefore, seq})
	x.running.Delete(seq)
	x.stopping.Delete(seq)
	x.elastic.Delete(seq)
	x.items[seq] = item{}
}

func (x *index) enqueue(t *state.Task) {
	p := x.projects[t.Project]
	if p == nil {
		p = &project{name: t.Project, queues: map[shape]*queue{}}
		x.projects[t.Project] = p
	}
	sh := shapeOf(t)
	q := p.queues[sh]
	if q == nil {
		q = &queue{project: p, pool: x.pool(sh), tasks: cow.New[order, *state.Task](order.compare)}
		q.pool.queues++
		p.queues[sh] = q
	}
	q.tasks.Set(orderOf(t), t)
	x.items[t.Seq].queue = q
}

// dequeue takes a task out of its queue, and an empty queue out of the index.
func (x *index) dequeue(seq uint64) {
	q := x.items[seq].queue
	if q == nil {
		return
	}
	x.items[seq].queue = nil
	q.tasks.Delete(orderOf(x.items[seq].task))
	if q.tasks.Len() > 0 {
		return
	}
	delete(q.project.queues, q.pool.shape)
	if len(q.project.queues) == 0 {
		delete(x.projects, q.project.name)
	}
	if q.pool.queues--; q.pool.queues == 0 {
		delete(x.shapes, q.pool.shape)
	}
}

func (x *index) pool(sh shape) *pool {
	p := x.shapes[sh]
	if p == nil {
		p = &pool{shape: sh}
		for _, k := range x.kinds {
			if k.suits(sh) {
				p.kinds = append(p.kinds, k)
			}
		}
		x.shapes[sh] = p
	}
	return p
}

// wake moves tasks whose wait is over into their queues. A wait that is longer
// than any that is ever set was set by a clock that ran ahead: it does not count
// while it looks like that.
func (x *index) wake(now int64) {
	for _, seq := range x.early {
		if seq < uint64(len(x.items)) && x.items[seq].task != nil && x.items[seq].task.NotBefore != 0 {
			x.dequeue(seq)
		}
	}
	x.early = x.early[:0]
	for d := range x.delayed.From(delay{until: now + state.BackoffMaxMS + 1}) {
		if now < d.until-state.BackoffMaxMS {
			x.early = append(x.early, d.seq)
		}
	}
	for _, seq := range x.early {
		x.enqueue(x.items[seq].task)
	}
	for {
		d, _, ok := x.delayed.First()
		if !ok || d.until > now {
			return
		}
		x.delayed.Delete(d)
		x.enqueue(x.items[d.seq].task)
	}
}

// addKind keeps the kinds in one order, and the pools over them.
func (x *index) addKind(k *kind) {
	at, _ := slices.BinarySearchFunc(x.kinds, k, (*kind).compare)
	x.kinds = slices.Insert(x.kinds, at, k)
	for _, p := range x.shapes {
		if k.suits(p.shape) {
			p.kinds = nil
			for _, k := range x.kinds {
				if k.suits(p.shape) {
					p.kinds = append(p.kinds, k)
				}
			}
		}
	}
}

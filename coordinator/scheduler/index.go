package scheduler

import (
	"cmp"

	"g2c/api"
	"g2c/coordinator/cow"
	"g2c/coordinator/state"
)

// index is what a pass looks things up in: a function of the snapshot and the
// time, whichever way it came about.
type index struct {
	tasks    table
	pools    map[request]*pool
	projects map[string]*project       // with something to place
	recent   *queue                    // that was found last: tasks of a sweep come one after the other
	accounts map[string]*account       // of projects with gangs
	delayed  *cow.Map[delay, struct{}] // ready tasks that wait after a failure
	early    []uint64                  // those of them that stand in queues all the same

	running  *cow.Map[uint64, *state.Task] // with a gang
	stopping *cow.Map[uint64, *state.Task] // of these, those asked to stop
	elastic  *cow.Map[uint64, *state.Task] // of these, those that could grow

	classes []*nodeClass // sorted
	workers map[string]*worker
	hosts   map[string][]*worker
	cached  map[api.Key]*cow.Map[string, *worker] // open workers that have data at hand
	special *cow.Map[string, *worker]             // in a mode that time or duty makes a pass look at
	leaving *cow.Map[string, *worker]             // open, with slots that tasks are leaving

	turns    []turn // placements that came with the last update
	anew     bool   // it is being made: tasks get their places in queues at the end
	together bool   // from the level of gangs on: workers without an address train alone
}

// queue is the wishes of a project for pending tasks that could be placed now and
// ask for the same.
type queue struct {
	project *project
	pool    *pool
	tasks   *cow.Map[order, entry]
	beside  map[*queue]int // how many of them stand in another queue first; nil for none
}

// entry is a task in a queue, and the experiment whose wish stands there.
type entry struct {
	task       *state.Task
	experiment uint64 // Seq; 0 below the level of wishes
}

// order is that of a queue: higher priority first, then as submitted.
type order struct {
	priority int
	seq      uint64
}

func (o order) compare(p order) int {
	return cmp.Or(cmp.Compare(p.priority, o.priority), cmp.Compare(o.seq, p.seq))
}

// project is the queues of a project.
type project struct {
	name   string
	queues map[request]*queue
}

// delay is a task that waits until a time.
type delay struct {
	until int64
	seq   uint64
}

func newIndex(s *state.Snapshot, now int64) *index {
	x := &index{
		tasks:    table{pages: map[uint64]*page{}},
		pools:    map[request]*pool{},
		projects: map[string]*project{},
		accounts: map[string]*account{},
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
		together: s.Level() >= api.LevelGangs,
		anew:     s.Level() >= api.LevelWishes,
	}
	for w := range s.Workers("") {
		x.putWorker(w.ID, w, now)
	}
	for t := range s.Tasks(0) {
		x.putTask(s, t.Seq, t)
	}
	if x.anew {
		x.enqueueAll(s)
	}
	x.wake(s, now)
	return x
}

// enqueueAll puts tasks into their queues by one look at all wishes.
func (x *index) enqueueAll(s *state.Snapshot) {
	x.anew = false
	s.EachWishOfAll(func(w *state.Wish) {
		if i := x.tasks.at(w.Task); i != nil && ready(i.task) {
			x.stand(i, w)
		}
	})
}

// ready says whether a task stands in queues, whatever the time.
func ready(t *state.Task) bool {
	return t.Status == state.Pending && t.WaitsOn == 0 && t.NotBefore == 0
}

// update brings the index up to a snapshot by what changed. Workers come first:
// gangs are counted by the node classes of theirs.
func (x *index) update(s *state.Snapshot, now int64, changes []state.Change) {
	x.turns = x.turns[:0]
	seen := make(map[state.Change]bool, len(changes))
	var tasks []uint64
	for _, c := range changes {
		c.Index = 0
		if seen[c] {
			continue
		}
		seen[c] = true
		switch c.Kind {
		case state.TaskChanged:
			tasks = append(tasks, c.Seq)
		case state.WorkerChanged:
			x.putWorker(c.Name, s.Worker(c.Name), now)
		case state.ExperimentChanged:
			if e := s.ExperimentAt(c.Seq); e != nil && e.Cancelled { // its wishes are gone
				tasks = append(tasks, e.Tasks...)
			}
		case state.ProjectChanged: // a pass reads what it needs of it
		}
	}
	for _, seq := range tasks {
		x.putTask(s, seq, s.TaskAt(seq))
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
	x.wake(s, now)
}

// putTask gives a live task its place in the index, and takes out one that has
// ended or is gone.
func (x *index) putTask(s *state.Snapshot, seq uint64, t *state.Task) {
	if old := x.tasks.at(seq); old != nil {
		if t != nil && t.Attempts > old.task.Attempts {
			x.turns = append(x.turns, turnOf(t))
		}
		x.dropTask(old)
	}
	if t == nil || !t.Status.Live() {
		return
	}
	i := x.tasks.put(t)
	switch {
	case ready(t):
		if !x.anew {
			x.enqueue(s, i)
		}
	case t.Status == state.Pending && t.WaitsOn == 0:
		x.delayed.Set(delay{t.NotBefore, seq}, struct{}{})
	case t.Parts != nil:
		x.running.Set(seq, t)
		x.count(s, i)
		if t.Preempting {
			x.stopping.Set(seq, t)
		} else if w, ok := charged(s, t); ok && t.Slots() < w.Gang.Max {
			x.elastic.Set(seq, t)
		}
	}
}

func (x *index) dropTask(i *item) {
	t := i.task
	x.dequeue(i)
	if t.NotBefore != 0 {
		x.delayed.Delete(delay{t.NotBefore, t.Seq})
	}
	if t.Parts != nil {
		x.uncount(i)
		x.running.Delete(t.Seq)
		x.stopping.Delete(t.Seq)
		x.elastic.Delete(t.Seq)
	}
	x.tasks.drop(t.Seq)
}

// enqueue puts a task into the queue of each of its wishes. Of two wishes in one
// queue the more urgent counts.
func (x *index) enqueue(s *state.Snapshot, i *item) {
	eachWish(s, i.task, func(w *state.Wish) { x.stand(i, w) })
}

// stand puts a task into the queue of one of its wishes.
func (x *index) stand(i *item, w *state.Wish) {
	q := x.queue(w.Project, requestOf(i.task, w))
	next := stand{q, w.Priority}
	at := i.standIn(q)
	switch {
	case at == nil && i.first.queue == nil:
		i.first = next
	case at == nil:
		if i.more == nil {
			i.more = &more{}
		}
		i.more.stands = append(i.more.stands, next)
		if q.beside == nil {
			q.beside = map[*queue]int{}
		}
		q.beside[i.first.queue]++
	case at.priority >= w.Priority:
		return
	default:
		q.tasks.Delete(order{at.priority, i.task.Seq})
		*at = next
	}
	q.tasks.Set(order{w.Priority, i.task.Seq}, entry{i.task, w.Experiment})
}

func (i *item) standIn(q *queue) *stand {
	if i.first.queue == q {
		return &i.first
	}
	if i.more == nil {
		return nil
	}
	for n := range i.more.stands {
		if i.more.stands[n].queue == q {
			return &i.more.stands[n]
		}
	}
	return nil
}

func (x *index) queue(name string, r request) *queue {
	if q := x.recent; q != nil && q.project.name == name && q.pool.request == r {
		return q
	}
	p := x.projects[name]
	if p == nil {
		p = &project{name: name, queues: map[request]*queue{}}
		x.projects[name] = p
	}
	q := p.queues[r]
	if q == nil {
		q = &queue{project: p, pool: x.pool(r), tasks: cow.New[order, entry](order.compare)}
		q.pool.queues++
		p.queues[r] = q
	}
	x.recent = q
	return q
}

// dequeue takes a task out of its queues, and empty queues out of the index.
func (x *index) dequeue(i *item) {
	if i.more != nil {
		for _, st := range i.more.stands {
			shift(st.queue.beside, i.first.queue, -1)
			x.leave(st, i.task.Seq)
		}
		i.more.stands = nil
	}
	if i.first.queue != nil {
		x.leave(i.first, i.task.Seq)
	}
	i.first = stand{}
}

// leave takes a task out of one of its queues.
func (x *index) leave(st stand, seq uint64) {
	q := st.queue
	q.tasks.Delete(order{st.priority, seq})
	if q.tasks.Len() > 0 {
		return
	}
	x.recent = nil
	delete(q.project.queues, q.pool.request)
	if len(q.project.queues) == 0 {
		delete(x.projects, q.project.name)
	}
	if q.pool.queues--; q.pool.queues == 0 {
		delete(x.pools, q.pool.request)
	}
}

// wake moves tasks whose wait is over into their queues. A wait that is longer
// than any that is ever set was set by a clock that ran ahead: it does not count
// while it looks like that.
func (x *index) wake(s *state.Snapshot, now int64) {
	for _, seq := range x.early {
		if i := x.tasks.at(seq); i != nil && i.task.NotBefore != 0 {
			x.dequeue(i)
		}
	}
	x.early = x.early[:0]
	for d := range x.delayed.From(delay{until: now + state.BackoffMaxMS + 1}) {
		if now < d.until-state.BackoffMaxMS {
			x.early = append(x.early, d.seq)
		}
	}
	for _, seq := range x.early {
		x.enqueue(s, x.tasks.at(seq))
	}
	for {
		d, _, ok := x.delayed.First()
		if !ok || d.until > now {
			return
		}
		x.delayed.Delete(d)
		x.enqueue(s, x.tasks.at(d.seq))
	}
}

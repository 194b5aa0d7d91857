package scheduler

import (
	"cmp"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Need is how many slots of a kind a project makes use of, or would at once if they were
// there. A task counts in one Need alone.
type Need struct {
	Project       string
	Class, Device string // numerics class, and kind of device; any if that is empty
	Memory        int64  // bytes that a slot must have
	WorkerSlots   int    // slots that a worker must have to be of use

	Running int // slots of tasks that are placed or run
	Waiting int // slots with which all would begin that wait for slots alone: not for inputs, time, a quota or a hold
	Useful  int // slots beside these that would make gangs faster
}

// compare is the order of needs: by what names them.
func (n Need) compare(o Need) int {
	return cmp.Or(cmp.Compare(n.Project, o.Project), cmp.Compare(n.Class, o.Class), cmp.Compare(n.Device, o.Device),
		cmp.Compare(n.Memory, o.Memory), cmp.Compare(n.WorkerSlots, o.WorkerSlots))
}

// backlog is what stood in a queue before a pass placed anything.
type backlog struct {
	queueKey
	tasks  int
	useful int // slots above its least with which the first of them is fastest
	first  map[queueKey]int
}

// backlogs counts what stands in queues, a look at each.
func (p *pass) backlogs(bids []*bid) []backlog {
	lines := 0
	for _, b := range bids {
		lines += len(b.lines)
	}
	out := make([]backlog, 0, lines)
	for _, b := range bids {
		for _, l := range b.lines {
			r := l.pool.request
			v := backlog{queueKey: queueKey{b.project, r}, tasks: l.tasks.Len()}
			v.useful = max(api.Useful(r.max, l.head.task.Work.Task.MostSlots())-r.min, 0)
			for q, n := range l.beside {
				if v.first == nil {
					v.first = map[queueKey]int{}
				}
				v.first[queueKey{q.project.name, q.pool.request}] = n
			}
			out = append(out, v)
		}
	}
	return out
}

// Needs lists what projects make use of, in the order of what names them. Its sums do not
// change when this plan is carried out: what it places only runs instead of waiting.
func (p *Plan) Needs() []Need { return p.needs() }

// needsNow works them out from what the pass found.
func (p *Plan) needsNow() []Need {
	sums := map[Need]*Need{}
	at := func(project string, r request) *Need {
		k := Need{Project: project, Class: r.class, Device: r.device, Memory: r.memory, WorkerSlots: 1}
		if !p.span {
			k.WorkerSlots = r.min
		}
		n := sums[k]
		if n == nil {
			v := k
			n = &v
			sums[k] = n
		}
		return n
	}
	p.countRunning(at)
	placed := p.placedOf()
	for _, v := range p.backlog {
		tasks := p.countable(v, placed)
		if tasks == 0 {
			continue
		}
		n := at(v.project, v.request)
		n.Waiting += tasks * v.request.min
		if p.span {
			n.Useful += tasks * v.useful
		}
	}
	out := make([]Need, 0, len(sums))
	for _, n := range sums {
		out = append(out, *n)
	}
	slices.SortFunc(out, Need.compare)
	p.withinQuotas(out)
	return out
}

// countRunning counts what runs for somebody, and what would make it faster. Who runs for a
// wish that is withdrawn or held is about to stop, and makes use of nothing.
func (p *Plan) countRunning(at func(string, request) *Need) {
	for _, status := range []state.Status{state.Placed, state.Running} {
		for t := range p.snapshot.TasksIn(status, 0) {
			wish, ok := charged(p.snapshot, t)
			if !ok {
				continue
			}
			n := at(wish.Project, requestOf(t, wish))
			n.Running += t.Slots()
			if p.span && !t.Preempting && p.joins(t) {
				n.Useful += max(api.Useful(wish.Gang.Max, t.Work.Task.MostSlots())-t.Slots(), 0)
			}
		}
	}
}

// joins says whether a gang may be joined by other workers.
func (p *Plan) joins(t *state.Task) bool {
	return !slices.ContainsFunc(t.Parts, func(v command.Part) bool { return p.snapshot.Worker(v.Worker).Address == "" })
}

// placedOf is how many tasks of each queue the plan places.
func (p *Plan) placedOf() map[queueKey]int {
	out := map[queueKey]int{}
	for _, c := range p.Commands {
		place, ok := c.(command.Place)
		if !ok {
			continue
		}
		t := p.snapshot.Task(place.Task)
		eachWish(p.snapshot, t, func(w *state.Wish) {
			if w.Experiment == place.Experiment {
				out[queueKey{w.Project, requestOf(t, w)}]++
			}
		})
	}
	return out
}

// countable is how many tasks of a queue count for it: of those that stand in another one
// first, such as its project's quota keeps from being placed there; and of a queue that a
// quota keeps waiting, such as the plan places.
func (p *Plan) countable(v backlog, placed map[queueKey]int) int {
	if p.verdicts[v.queueKey].why == atQuota {
		return placed[v.queueKey]
	}
	tasks := v.tasks
	for k, n := range v.first {
		if p.verdicts[k].why != atQuota {
			tasks -= n
		}
	}
	return tasks
}

// withinQuotas cuts needs, in their order, to what quotas leave. Slots that are being released
// count for a quota until they are free.
func (p *Plan) withinQuotas(needs []Need) {
	left := map[string]int{}
	for _, n := range needs {
		if quota := p.snapshot.Project(n.Project).Quota; quota > 0 {
			left[n.Project] = max(quota-p.snapshot.Usage(n.Project), 0)
		}
	}
	cut := func(project string, slots *int) {
		if room, ok := left[project]; ok {
			*slots = min(*slots, room)
			left[project] = room - *slots
		}
	}
	for i := range needs {
		cut(needs[i].Project, &needs[i].Waiting)
	}
	for i := range needs {
		cut(needs[i].Project, &needs[i].Useful)
	}
}

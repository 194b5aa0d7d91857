package state_test

import (
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

func (m *model) submit(c command.Submit, owner string) error {
	project := c.Project
	if project == "" {
		project = state.DefaultProject
	}
	if m.exp(c.Experiment) != nil {
		return state.ErrExists
	}
	for _, w := range c.Works {
		if w.Key != w.Task.Key() {
			return state.ErrBadWork
		}
	}
	if err := m.admits(c, project, owner); err != nil {
		return err
	}
	m.made++
	e := &mExp{id: c.Experiment, project: project, owner: owner, seq: m.made, priority: c.Priority, submitted: m.at, held: c.Held, wishes: map[api.Key]mWish{}}
	m.exps = append(m.exps, e)
	fresh := map[api.Key]bool{}
	for _, w := range c.Works {
		own := mWish{normal(w.Gang), c.Need, w.Where.Source}
		if m.tasks[w.Key] == nil {
			m.lastTask++
			fresh[w.Key] = true
			t := &mTask{work: w, seq: m.lastTask, first: own, status: state.Pending, parts: map[string]int{}}
			if slices.Contains(c.Finished, w.Key) {
				t.status, t.ended = state.Done, m.at
			}
			m.tasks[w.Key] = t
		}
		if _, twice := e.wishes[w.Key]; !twice {
			e.wishes[w.Key] = own
		}
	}
	m.inputsToo(e, c.Need)
	for _, t := range m.inOrder(func(t *mTask) bool { _, ok := e.wishes[t.work.Key]; return ok && !fresh[t.work.Key] }) {
		m.want(t, slices.Contains(c.Finished, t.work.Key))
	}
	return nil
}

// admits says why a submission is refused at level 4.
func (m *model) admits(c command.Submit, project, owner string) error {
	if m.level < api.LevelWishes {
		return nil
	}
	for _, w := range c.Works {
		if max(w.Gang.Min, w.Gang.Max) > most(w.Task) {
			return state.ErrBadGang
		}
	}
	_, there := m.projects[project]
	template, made := m.projects["*"]
	if project == "*" || !there && !made {
		return state.ErrUnknownProject
	}
	ours, mine := 0, 0
	for _, e := range m.exps {
		if e.project == project {
			ours++
		}
		if e.owner == owner && owner != "" {
			mine++
		}
	}
	if max(ours, mine) >= m.most {
		return state.ErrLimit
	}
	m.make(project, template)
	return nil
}

// inputsToo has an experiment want what its tasks need, on one slot each.
func (m *model) inputsToo(e *mExp, need command.Need) {
	for more := true; more; {
		more = false
		for k := range e.wishes {
			for _, in := range m.tasks[k].work.Task.Inputs() {
				t := m.tasks[in]
				if _, ok := e.wishes[in]; t == nil || ok {
					continue
				}
				e.wishes[in] = mWish{api.Gang{Min: 1, Max: 1}, need, t.first.source}
				more = true
			}
		}
	}
}

// want is one more who asks for a task that is known.
func (m *model) want(t *mTask, finished bool) {
	switch {
	case t.status == state.Done && (!t.gone || finished):
		t.gone = false
	case finished:
		m.vacate(t, "")
		m.finish(t, "")
	case t.status.Live():
	default:
		m.revive(t)
	}
}

func (m *model) exp(id string) *mExp {
	for _, e := range m.exps {
		if e.id == id {
			return e
		}
	}
	return nil
}

func (m *model) cancel(c command.Cancel) error {
	e := m.exp(c.Experiment)
	if e == nil {
		return state.ErrUnknownExperiment
	}
	if e.cancelled {
		return nil
	}
	e.cancelled, e.held = true, false
	for _, t := range m.inOrder(func(t *mTask) bool { _, ok := e.wishes[t.work.Key]; return ok }) {
		switch {
		case len(m.wanting(t)) == 0 && t.status.Live():
			m.vacate(t, "")
			m.end(t, state.Cancelled)
		case t.charged == e && !t.stopping:
			m.handOver(t)
		}
	}
	return nil
}

// hold has what runs for an experiment go on for another, or stop; or no more of that.
func (m *model) hold(id string, held bool) error {
	e := m.exp(id)
	switch {
	case e == nil:
		return state.ErrUnknownExperiment
	case e.cancelled:
		return state.ErrNotWanted
	}
	e.held = held
	for _, t := range m.inOrder(func(t *mTask) bool { return held && t.charged == e && !t.stopping }) {
		m.handOver(t)
	}
	return nil
}

// handOver charges a gang to another who wants it as it is and may have it; if there is
// none, it is to stop.
func (m *model) handOver(t *mTask) {
	for _, e := range m.wishing(t) {
		w := m.wish(t, e)
		fits := t.slots() >= w.gang.Min && t.slots() <= w.gang.Max
		for id := range t.parts {
			fits = fits && m.workers[id].meets(t, w.need)
		}
		if q := m.projects[e.project].quota; q > 0 && e.project != t.charged.project && m.usage(e.project)+t.slots() > q {
			fits = false
		}
		if !fits {
			continue
		}
		for id := range t.parts {
			for i, a := range m.workers[id].allocs {
				if a.task == t && a.gen == t.gen {
					m.workers[id].allocs[i].exp = e
				}
			}
		}
		t.charged = e
		return
	}
	t.stopping = true
}

func (m *model) retry(c command.Retry) error {
	var again map[api.Key]bool
	if c.Experiment != "" {
		e := m.exp(c.Experiment)
		if e == nil {
			return state.ErrUnknownExperiment
		}
		if e.cancelled {
			return state.ErrNotWanted
		}
		again = map[api.Key]bool{}
		for k := range e.wishes {
			again[k] = true
		}
	} else {
		t := m.tasks[c.Task]
		if t == nil {
			return state.ErrUnknownTask
		}
		if len(m.wanting(t)) == 0 {
			return state.ErrNotWanted
		}
		again = map[api.Key]bool{c.Task: true}
		m.spread(again, true, false)
		m.spread(again, false, true)
		m.spread(again, true, false)
	}
	for _, t := range m.inOrder(func(t *mTask) bool { return again[t.work.Key] }) {
		switch {
		case len(m.wanting(t)) == 0:
		case t.status == state.Failed, t.status == state.Cancelled, t.gone:
			m.revive(t)
		case t.status == state.Pending:
			t.notBefore = 0
		}
	}
	return nil
}

// spread adds what tasks of a set need, or what reads those that ended without a result.
func (m *model) spread(set map[api.Key]bool, inputs, readers bool) {
	for more := true; more; {
		more = false
		for k := range set {
			t := m.tasks[k]
			var add []api.Key
			if inputs {
				add = t.work.Task.Inputs()
			}
			if readers && (t.status == state.Failed || t.status == state.Cancelled) {
				for _, r := range m.readers(k) {
					add = append(add, r.work.Key)
				}
			}
			for _, a := range add {
				if m.tasks[a] != nil && !set[a] {
					set[a], more = true, true
				}
			}
		}
	}
}

func (m *model) found(c command.Found) error {
	for _, k := range c.Tasks {
		if t := m.tasks[k]; t != nil && (t.status != state.Done || t.gone) {
			m.vacate(t, "")
			m.finish(t, "")
		}
	}
	return nil
}

func (m *model) missing(c command.Missing) error {
	for _, k := range c.Tasks {
		t := m.tasks[k]
		if t == nil || t.status != state.Done || t.gone {
			continue
		}
		t.gone, t.home = true, ""
		t.missed++
		waits := slices.ContainsFunc(m.readers(k), func(r *mTask) bool { return r.status == state.Pending })
		if waits && len(m.wanting(t)) > 0 {
			m.revive(t)
		}
	}
	return nil
}

func (m *model) forget(c command.Forget) error {
	var kept []*mExp
	for _, e := range m.exps {
		last, over := e.submitted, true
		for k := range e.wishes {
			t := m.tasks[k]
			over = over && !t.status.Live() && !m.holds(t)
			last = max(last, t.ended)
		}
		if !over || last >= c.Before {
			kept = append(kept, e)
		}
	}
	m.exps = kept
	for k, t := range m.tasks {
		if len(m.listing(t)) == 0 {
			delete(m.tasks, k)
		}
	}
	return nil
}

// holds says whether a worker has slots for a task.
func (m *model) holds(t *mTask) bool {
	for _, w := range m.workers {
		if slices.ContainsFunc(w.allocs, func(a mAlloc) bool { return a.task == t }) {
			return true
		}
	}
	return false
}

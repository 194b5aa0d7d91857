package state_test

import (
	"maps"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

func (w *mWorker) free() int {
	n := w.slots
	for _, a := range w.allocs {
		n -= a.slots
	}
	return n
}

func (w *mWorker) meets(t *mTask, need command.Need) bool {
	return t.work.Task.Numerics == api.ClassCPU && (need.Device == "" || need.Device == w.device) && w.memory >= need.Memory
}

func (w *mWorker) open(at int64) bool {
	return !w.lost && (w.mode == command.Ready || w.mode == command.Maintenance && (at < w.from || at >= w.until))
}

func (m *model) place(c command.Place) error {
	t := m.tasks[c.Task]
	switch {
	case t == nil:
		return state.ErrUnknownTask
	case t.status != state.Pending:
		return state.ErrNotPending
	case c.Generation != t.gen+1:
		return state.ErrStale
	case m.waits(t) > 0:
		return state.ErrNotReady
	}
	e, err := m.fits(t, c)
	if err != nil {
		return err
	}
	t.attempts++
	m.occupy(t, e, c.Parts)
	return nil
}

func (m *model) resize(c command.Resize) error {
	t := m.tasks[c.Task]
	switch {
	case t == nil:
		return state.ErrUnknownTask
	case len(t.parts) == 0 || t.stopping:
		return state.ErrNotRunning
	case c.Generation != t.gen+1:
		return state.ErrStale
	}
	e, err := m.fits(t, command.Place(c))
	if err != nil {
		return err
	}
	m.regroup(t, e, c.Parts)
	return nil
}

// fits finds for whom a placement is, and says why that one cannot have it.
func (m *model) fits(t *mTask, c command.Place) (*mExp, error) {
	want := m.wanting(t)
	if m.level >= api.LevelWishes {
		want = slices.DeleteFunc(want, func(e *mExp) bool { return uint64(e.seq) != c.Experiment })
		if len(want) == 0 {
			return nil, state.ErrNotWanted
		}
		if want[0].held {
			return nil, state.ErrHeld
		}
	}
	e := want[0]
	wish, slots, more := m.wish(t, e), 0, 0
	for _, p := range c.Parts {
		w, mine := m.workers[p.Worker], t.parts[p.Worker]
		switch {
		case w == nil:
			return nil, state.ErrUnknownWorker
		case !w.meets(t, wish.need):
			return nil, state.ErrWrongClass
		case w.lost || !w.open(m.at) && p.Slots > mine:
			return nil, state.ErrClosed
		case p.Slots > w.free()+mine:
			return nil, state.ErrNoSlots
		case m.level >= api.LevelGangs && len(c.Parts) > 1 && w.address == "":
			return nil, state.ErrNoAddress
		}
		slots += p.Slots
		more += p.Slots
		if t.charged != nil && t.charged.project == e.project {
			more -= min(p.Slots, mine) // it pays for these already
		}
	}
	if slots < wish.gang.Min || slots > wish.gang.Max {
		return nil, state.ErrNoSlots
	}
	if m.level < api.LevelWishes {
		more = slots - t.slots()
	}
	if q := m.projects[e.project].quota; q > 0 && more > 0 && m.usage(e.project)+more > q {
		return nil, state.ErrQuota
	}
	return e, nil
}

// occupy is a task's next generation.
func (m *model) occupy(t *mTask, e *mExp, parts []command.Part) {
	t.gen++
	t.status, t.stopping, t.notBefore, t.parts = state.Placed, false, 0, map[string]int{}
	if m.level >= api.LevelWishes {
		t.charged = e
	}
	for _, p := range parts {
		t.parts[p.Worker] = p.Slots
		w := m.workers[p.Worker]
		w.allocs = append(w.allocs, mAlloc{task: t, gen: t.gen, slots: p.Slots, exp: t.charged})
	}
}

// regroup ends a generation in the next one: what a worker keeps it keeps, and gives the
// rest up.
func (m *model) regroup(t *mTask, e *mExp, parts []command.Part) {
	for id := range t.parts {
		w := m.workers[id]
		for i := range w.allocs {
			a := &w.allocs[i]
			if a.task != t || a.gen != t.gen {
				continue
			}
			a.terminating = true
			for _, p := range parts {
				if p.Worker == id {
					a.slots = max(a.slots-p.Slots, 0)
				}
			}
		}
		w.allocs = slices.DeleteFunc(w.allocs, func(a mAlloc) bool { return a.slots == 0 })
	}
	m.occupy(t, e, parts)
}

// goesOn has a gang go on without a member, if it is to go on and large enough.
func (m *model) goesOn(t *mTask, worker string) bool {
	left := t.slots() - t.parts[worker]
	if m.level < api.LevelGangs || t.stopping || t.charged == nil || left < m.wish(t, t.charged).gang.Min {
		return false
	}
	var parts []command.Part
	for id, n := range t.parts {
		if id != worker {
			parts = append(parts, command.Part{Worker: id, Slots: n})
		}
	}
	m.regroup(t, t.charged, parts)
	m.workers[worker].leaves(t, t.gen)
	return true
}

// vacate ends a gang: what it has is terminating, but for who says that it has stopped.
func (m *model) vacate(t *mTask, reporter string) {
	for id := range t.parts {
		w := m.workers[id]
		for i := range w.allocs {
			if a := &w.allocs[i]; a.task == t && a.gen == t.gen {
				a.terminating = true
			}
		}
		if id == reporter {
			w.leaves(t, t.gen)
		}
	}
	t.parts, t.stopping, t.charged = map[string]int{}, false, nil
}

// leaves frees what is terminating of a task's generations up to one.
func (w *mWorker) leaves(t *mTask, gen uint64) bool {
	n := len(w.allocs)
	w.allocs = slices.DeleteFunc(w.allocs, func(a mAlloc) bool { return a.task == t && a.terminating && a.gen <= gen })
	return len(w.allocs) < n
}

// partLeaves takes a member out of a gang, which is to stop.
func (m *model) partLeaves(t *mTask, worker string) {
	w := m.workers[worker]
	w.allocs = slices.DeleteFunc(w.allocs, func(a mAlloc) bool { return a.task == t })
	delete(t.parts, worker)
	t.stopping = true
}

func (m *model) stops(k api.Key, gen uint64) (*mTask, error) {
	t := m.tasks[k]
	switch {
	case t == nil:
		return nil, state.ErrUnknownTask
	case len(t.parts) == 0:
		return nil, state.ErrNotRunning
	case t.gen != gen:
		return nil, state.ErrStale
	}
	return t, nil
}

func (m *model) preempt(c command.Preempt) error {
	t, err := m.stops(c.Task, c.Generation)
	if err == nil {
		t.stopping = true
	}
	return err
}

func (m *model) evict(c command.Evict) error {
	t, err := m.stops(c.Task, c.Generation)
	if err == nil {
		m.vacate(t, "")
		m.pend(t)
	}
	return err
}

// report is what a worker says, or what is said of it.
func (m *model) report(c command.Command) error {
	switch c := c.(type) {
	case command.Started:
		return m.about(c.Report, max(c.Generation, 1)-1, func(t *mTask, _ bool) {
			m.workers[c.Worker].leaves(t, max(c.Generation, 1)-1)
			t.status = state.Running
		})
	case command.Done:
		return m.about(c.Report, c.Generation, func(t *mTask, _ bool) {
			t.completions++
			m.vacate(t, c.Worker)
			m.finish(t, c.Worker)
		})
	case command.Failed:
		return m.about(c.Report, c.Generation, func(t *mTask, member bool) { m.failed(t, c, member) })
	case command.Interrupted:
		return m.about(c.Report, c.Generation, func(t *mTask, member bool) {
			if m.goesOn(t, c.Worker) {
				return
			}
			if member {
				m.partLeaves(t, c.Worker)
				return
			}
			m.vacate(t, c.Worker)
			m.pend(t)
		})
	case command.Released:
		return m.about(c.Report, c.Generation, func(t *mTask, member bool) {
			if member && t.stopping {
				m.partLeaves(t, c.Worker)
				return
			}
			if m.goesOn(t, c.Worker) {
				return
			}
			m.vacate(t, c.Worker)
			m.pend(t)
		})
	case command.Lost:
		return m.lost(c)
	case command.Leave:
		return m.leave(c)
	case command.SetMode:
		w := m.workers[c.Worker]
		if w == nil {
			return state.ErrUnknownWorker
		}
		w.mode, w.from, w.until = c.Mode, c.From, c.Until
		return nil
	}
	panic("the model does not know the command")
}

// about does what a report says of the gang that it speaks of. Member says that the
// reporter is not the trainer.
func (m *model) about(r command.Report, left uint64, do func(t *mTask, member bool)) error {
	t, w := m.tasks[r.Task], m.workers[r.Worker]
	switch {
	case t == nil:
		return state.ErrUnknownTask
	case w == nil || w.inc != r.Incarnation || w.lost:
		return state.ErrStale
	case t.gen == r.Generation && t.parts[r.Worker] > 0:
		do(t, m.level >= api.LevelWishes && t.trainer() != r.Worker)
		return nil
	case w.leaves(t, left):
		return nil
	}
	return state.ErrStale
}

func (m *model) failed(t *mTask, c command.Failed, member bool) {
	if member && t.stopping {
		m.partLeaves(t, c.Worker)
		return
	}
	if member && m.goesOn(t, c.Worker) {
		t.avoids(c.Worker)
		return
	}
	m.vacate(t, c.Worker)
	t.failures++
	if c.Permanent && !member || t.failures >= 3 {
		m.end(t, state.Failed)
		m.orphan(t)
		return
	}
	t.notBefore = m.at + 10_000<<(t.failures-1)
	t.avoids(c.Worker)
	m.pend(t)
}

func (t *mTask) avoids(worker string) {
	if !slices.Contains(t.avoid, worker) && len(t.avoid) < 3 {
		t.avoid = append(t.avoid, worker)
	}
}

func (m *model) join(c command.Join) (uint64, error) {
	w := m.workers[c.Worker]
	inc := c.Incarnation
	if m.level >= api.LevelWishes && c.Issue {
		inc = m.lastInc + 1
	}
	if m.level >= api.LevelWishes && w != nil && inc < w.inc {
		return 0, state.ErrStale
	}
	switch {
	case w == nil:
		w = &mWorker{id: c.Worker, mode: command.Ready}
		m.workers[c.Worker] = w
	case w.inc == inc && (w.device != c.Device || w.memory != c.Memory || w.slots != c.Slots):
		return 0, state.ErrStale
	case w.inc != inc:
		left := append(slices.Clone(w.left), m.running(w, c.Progress)...)
		m.abandon(w)
		if m.level >= api.LevelWishes && c.Boot != "" && c.Boot == w.boot {
			m.died(w, left)
		}
	}
	w.inc, w.device, w.memory, w.host, w.slots, w.lost, w.address = inc, c.Device, c.Memory, c.Host, c.Slots, false, c.Address
	if m.level >= api.LevelWishes {
		w.boot, w.left = c.Boot, nil
		m.lastInc = max(m.lastInc, inc)
	}
	return inc, nil
}

func (m *model) lost(c command.Lost) error {
	w := m.workers[c.Worker]
	switch {
	case w == nil:
		return state.ErrUnknownWorker
	case w.inc != c.Incarnation:
		return state.ErrStale
	case w.lost:
		return nil
	}
	w.lost = true
	left := m.running(w, c.Progress)
	m.abandon(w)
	if m.level < api.LevelWishes {
		return nil
	}
	for _, other := range m.workers {
		if other != w && !other.lost && other.host == w.host && w.host != "" {
			m.died(w, left)
			return nil
		}
	}
	w.left = left
	return nil
}

func (m *model) leave(c command.Leave) error {
	w := m.workers[c.Worker]
	if w == nil {
		return state.ErrUnknownWorker
	}
	if m.level >= api.LevelWishes && w.inc != c.Incarnation {
		return state.ErrStale
	}
	m.abandon(w)
	delete(m.workers, c.Worker)
	return nil
}

// running lists what a worker runs, and how far it had come.
func (m *model) running(w *mWorker, heard []command.Progress) []mLeft {
	var out []mLeft
	for _, a := range w.allocs {
		if a.terminating {
			continue
		}
		l := mLeft{key: a.task.work.Key, seq: a.task.seq}
		for _, p := range heard {
			if p.Task == l.key {
				l.step = p.Step
			}
		}
		out = append(out, l)
	}
	return out
}

// abandon ends all on a worker that is gone. A gang that is large enough goes on without
// it; one that is to stop waits for its trainer.
func (m *model) abandon(w *mWorker) {
	had := w.allocs
	w.allocs = nil
	for _, a := range had {
		t := a.task
		if a.terminating {
			continue
		}
		if m.level >= api.LevelWishes && t.stopping && t.trainer() != w.id {
			delete(t.parts, w.id)
			continue
		}
		rest := maps.Clone(t.parts)
		delete(rest, w.id)
		left := t.slots() - t.parts[w.id]
		least := t.first.gang.Min
		if t.charged != nil {
			least = m.wish(t, t.charged).gang.Min
		}
		if left < least || t.stopping {
			m.vacate(t, "")
			m.pend(t)
			continue
		}
		var parts []command.Part
		for id, n := range rest {
			parts = append(parts, command.Part{Worker: id, Slots: n})
		}
		m.regroup(t, t.charged, parts)
	}
}

// died counts a death against what ran.
func (m *model) died(w *mWorker, left []mLeft) {
	for _, l := range left {
		t := m.tasks[l.key]
		switch {
		case t == nil || t.seq != l.seq || !t.status.Live():
		case l.step > t.step:
			t.deaths, t.step = 0, l.step
		default:
			t.deaths++
			t.avoids(w.id)
			if t.deaths >= 5 && t.status == state.Pending {
				m.end(t, state.Failed)
				m.orphan(t)
			}
		}
	}
}

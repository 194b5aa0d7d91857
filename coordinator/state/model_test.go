package state_test

import (
	"cmp"
	"maps"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// model is the state as the contract tells it, slow and obvious: no index, no count that is
// kept, nothing shared. What can be counted is counted each time.
type model struct {
	level    int
	most     int // live experiments of a project
	at       int64
	lastInc  uint64
	lastTask int
	exps     []*mExp // in order of submission, until they are forgotten
	made     int
	tasks    map[api.Key]*mTask
	workers  map[string]*mWorker
	projects map[string]mProject
	requests map[[2]string]mRequest
	users    map[string]command.User
	revoked  map[string]bool
}

type mProject struct{ weight, quota int }

type mRequest struct {
	index   uint64
	number  int
	made    string
	content [32]byte
}

// mExp is an experiment and what it wishes.
type mExp struct {
	id, project, owner string
	seq, priority      int
	submitted          int64
	cancelled, held    bool
	wishes             map[api.Key]mWish
}

type mWish struct {
	gang   api.Gang
	need   command.Need
	source string
}

// mTask is a task. What is parts is its gang: the trainer's is the first by name.
type mTask struct {
	work      api.Work
	seq       int
	first     mWish // as who submitted it first wants it
	status    state.Status
	project   string // the last who paid or would have
	gen       uint64
	parts     map[string]int
	charged   *mExp
	stopping  bool
	avoid     []string
	notBefore int64
	home      string
	ended     int64

	attempts, failures, completions, missed, deaths int

	step uint64
	gone bool
}

type mWorker struct {
	id          string
	inc         uint64
	device      string
	memory      int64
	host, boot  string
	address     string
	slots       int
	mode        command.Mode
	from, until int64
	lost        bool
	allocs      []mAlloc
	left        []mLeft
}

type mAlloc struct {
	task        *mTask
	gen         uint64
	slots       int
	terminating bool
	exp         *mExp
}

type mLeft struct {
	key  api.Key
	seq  int
	step uint64
}

func newModel() *model {
	return &model{
		level: 1, most: fewExperiments, tasks: map[api.Key]*mTask{}, workers: map[string]*mWorker{}, projects: map[string]mProject{},
		requests: map[[2]string]mRequest{}, users: map[string]command.User{}, revoked: map[string]bool{},
	}
}

// result is what became of an entry.
type result struct {
	index    uint64
	made     string
	repeated bool
	inc      uint64
	err      error // the kind
}

func (m *model) apply(index uint64, e command.Entry) result {
	m.at = e.At
	id := [2]string{e.Principal, e.Request}
	if old, ok := m.requests[id]; ok && e.Request != "" {
		other := old.content != [32]byte{} && e.Content != [32]byte{} && old.content != e.Content
		if other || old.number != e.Command.Number() {
			return result{index: index, err: state.ErrRequestReused}
		}
		return result{index: old.index, made: old.made, repeated: true}
	}
	r := result{index: index}
	switch c := e.Command.(type) {
	case command.Submit:
		r.made, r.err = c.Experiment, m.submit(c, e.Principal)
	case command.Join:
		r.inc, r.err = m.join(c)
	default:
		r.err = m.change(c)
	}
	if r.err == nil && e.Request != "" {
		m.requests[id] = mRequest{index, e.Command.Number(), r.made, e.Content}
	}
	m.settleProjects()
	return r
}

func (m *model) change(c command.Command) error {
	switch c := c.(type) {
	case command.Cancel:
		return m.cancel(c)
	case command.Hold:
		return m.hold(c.Experiment, true)
	case command.Release:
		return m.hold(c.Experiment, false)
	case command.Retry:
		return m.retry(c)
	case command.Found:
		return m.found(c)
	case command.Missing:
		return m.missing(c)
	case command.Forget:
		return m.forget(c)
	case command.Place:
		return m.place(c)
	case command.Resize:
		return m.resize(c)
	case command.Preempt:
		return m.preempt(c)
	case command.Evict:
		return m.evict(c)
	case command.Raise:
		return m.raise(c)
	case command.SetProject:
		m.projects[c.Project] = mProject{c.Weight, c.Quota}
		return nil
	case command.PutUser:
		m.users[c.User.Name] = c.User
		return nil
	case command.DropUser:
		if _, ok := m.users[c.Name]; !ok {
			return state.ErrUnknownUser
		}
		delete(m.users, c.Name)
		return nil
	case command.RevokeCertificate:
		m.revoked[c.Serial] = true
		return nil
	}
	return m.report(c)
}

// settleProjects remembers who pays for each task, or would.
func (m *model) settleProjects() {
	for _, t := range m.tasks {
		if t.charged != nil {
			t.project = t.charged.project
		} else if want := m.wanting(t); len(want) > 0 {
			t.project = want[0].project
		}
	}
}

// wanting lists the experiments that want a task.
func (m *model) wanting(t *mTask) []*mExp {
	return slices.DeleteFunc(m.listing(t), func(e *mExp) bool { return e.cancelled })
}

// wishing lists those of them that are not held.
func (m *model) wishing(t *mTask) []*mExp {
	return slices.DeleteFunc(m.wanting(t), func(e *mExp) bool { return e.held })
}

// listing lists those that list it, cancelled ones too.
func (m *model) listing(t *mTask) []*mExp {
	var out []*mExp
	for _, e := range m.exps {
		if _, ok := e.wishes[t.work.Key]; ok {
			out = append(out, e)
		}
	}
	return out
}

// inOrder lists some tasks as they were submitted.
func (m *model) inOrder(of func(t *mTask) bool) []*mTask {
	var out []*mTask
	for _, t := range m.tasks {
		if of(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *mTask) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

func (m *model) waits(t *mTask) int {
	n := map[api.Key]bool{}
	for _, k := range t.work.Task.Inputs() {
		if in := m.tasks[k]; in != nil && in.status.Live() {
			n[k] = true
		}
	}
	return len(n)
}

func (m *model) readers(k api.Key) []*mTask {
	return m.inOrder(func(t *mTask) bool { return slices.Contains(t.work.Task.Inputs(), k) })
}

func (t *mTask) slots() int {
	n := 0
	for _, s := range t.parts {
		n += s
	}
	return n
}

// trainer is the first of a gang.
func (t *mTask) trainer() string { return slices.Min(slices.Collect(maps.Keys(t.parts))) }

// usage is how many slots a project has.
func (m *model) usage(project string) int {
	n := 0
	if m.level < api.LevelWishes {
		for _, t := range m.tasks {
			if want := m.wanting(t); len(want) > 0 && want[0].project == project {
				n += t.slots()
			}
		}
		return n
	}
	for _, w := range m.workers {
		for _, a := range w.allocs {
			if a.exp.project == project {
				n += a.slots
			}
		}
	}
	return n
}

// wish is what an experiment wants of a task.
func (m *model) wish(t *mTask, e *mExp) mWish {
	if m.level < api.LevelWishes {
		return t.first
	}
	return e.wishes[t.work.Key]
}

func normal(g api.Gang) api.Gang {
	low := max(g.Min, 1)
	return api.Gang{Min: low, Max: max(g.Max, low)}
}

func most(t api.Task) int {
	if t.Finetune != nil {
		return t.Finetune.Shards
	}
	return 1
}

// end gives a task a status that is not live.
func (m *model) end(t *mTask, status state.Status) {
	if t.status != status {
		t.ended = m.at
	}
	t.status = status
}

// pend makes a task wait. What it reads and is missing is made again, if somebody wants it.
func (m *model) pend(t *mTask) {
	t.status = state.Pending
	if m.level < api.LevelWishes {
		return
	}
	for _, k := range t.work.Task.Inputs() {
		if in := m.tasks[k]; in != nil && in.gone && len(m.wanting(in)) > 0 {
			m.revive(in)
		}
	}
}

func (m *model) revive(t *mTask) {
	t.failures, t.avoid, t.notBefore, t.deaths, t.gone, t.ended = 0, nil, 0, 0, false, 0
	m.pend(t)
}

// finish ends a task that has its result.
func (m *model) finish(t *mTask, home string) {
	t.home, t.notBefore, t.deaths, t.gone = home, 0, 0, false
	m.end(t, state.Done)
}

// orphan cancels what waits for what failed.
func (m *model) orphan(t *mTask) {
	for _, r := range m.readers(t.work.Key) {
		if r.status == state.Pending {
			m.end(r, state.Cancelled)
			m.orphan(r)
		}
	}
}

// raise makes of what was wanted together what each wants.
func (m *model) raise(c command.Raise) error {
	if m.level >= api.LevelWishes || c.Level < api.LevelWishes {
		m.level = max(m.level, c.Level)
		return nil
	}
	for _, t := range m.tasks {
		limit := max(most(t.work.Task), t.slots())
		g := api.Gang{Max: min(t.first.gang.Max, limit)}
		g.Min = min(t.first.gang.Min, g.Max)
		for _, e := range m.listing(t) {
			e.wishes[t.work.Key] = mWish{g, t.first.need, t.first.source}
		}
		if len(t.parts) > 0 {
			t.charged = m.wanting(t)[0]
		}
	}
	for _, w := range m.workers {
		m.lastInc = max(m.lastInc, w.inc)
		for i := range w.allocs {
			w.allocs[i].exp = m.payer(w.allocs[i].task)
		}
	}
	for _, e := range m.exps {
		m.make(e.project, mProject{weight: 1})
	}
	m.make(state.DefaultProject, mProject{weight: 1})
	m.level = c.Level
	return nil
}

// payer is who pays for what a task had before that was known.
func (m *model) payer(t *mTask) *mExp {
	if t.charged != nil {
		return t.charged
	}
	all := m.listing(t)
	for _, e := range all {
		if e.project == t.project {
			return e
		}
	}
	return all[0]
}

func (m *model) make(name string, by mProject) {
	if _, ok := m.projects[name]; !ok {
		m.projects[name] = by
	}
}

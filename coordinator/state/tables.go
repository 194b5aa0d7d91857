package state

import (
	"cmp"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/cow"
)

// head is what the state counts.
type head struct {
	index          uint64 `f:"1"` // of the last entry applied
	level          int    `f:"2"` // of the vocabulary that every replica reads
	lastTask       uint64 `f:"3"`
	lastExperiment uint64 `f:"4"`
	lastAudit      uint64 `f:"5"`

	lastIncarnation uint64 `f:"6"` // the highest of any worker; 0 below level 4
}

// data is the records, and the indexes that follow from them. A State changes its
// own; a Snapshot has a copy that shares what did not change.
type data struct {
	head
	sum sum // of the records' hashes

	tasks       *cow.Map[uint64, *Task]       // by Seq
	experiments *cow.Map[uint64, *Experiment] // by Seq
	workers     *cow.Map[string, *Worker]
	projects    *cow.Map[string, *Project]
	requests    *cow.Map[string, *Request]
	tokens      *cow.Map[string, *Token]
	audits      *cow.Map[uint64, *Audit]
	users       *cow.Map[string, *User]
	revoked     *cow.Map[string, *Certificate] // by serial
	wishes      *cow.Map[wished, *Wish]        // which experiments list a task; nil values, and no records, below level 4

	// What follows from the records. It is not in snapshots on disk.
	byKey   *cow.Map[api.Key, uint64]  // Seq of a task
	byID    *cow.Map[string, uint64]   // Seq of an experiment
	readers *cow.Map[read, struct{}]   // who reads a key, known or not
	hosts   *cow.Map[onHost, struct{}] // which workers a host has
	recent  *cow.Map[uint64, string]   // requests by index, to forget the oldest
	callers *cow.Map[call, string]     // requests by principal and index
	kept    *cow.Map[string, int]      // how many requests are kept of a principal
	crowd   *cow.Map[caller, struct{}] // principals by that number
	usage   *cow.Map[string, int]      // slots that a project has
	figures *cow.Map[holder, Figures]  // what projects and principals have in the state
	all     Figures                    // what all have together

	counts    TaskCounts                   // of all tasks
	standings *cow.Map[uint64, TaskCounts] // of an experiment's
	byStatus  *cow.Map[standing, struct{}] // tasks where they stand

	changes  changes
	narrowed uint64 // index at which users, tokens or certificates last changed
}

// read says that a task reads a key.
type read struct {
	key    api.Key
	reader uint64
}

// onHost says that a host has a worker.
type onHost struct{ host, worker string }

// call is a request of a principal.
type call struct {
	principal string
	index     uint64
}

// caller is a principal of whom so many requests are kept.
type caller struct {
	requests  int
	principal string
}

func newData() data {
	return data{
		head:        head{level: 1},
		tasks:       cow.New[uint64, *Task](cmp.Compare),
		experiments: cow.New[uint64, *Experiment](cmp.Compare),
		workers:     cow.New[string, *Worker](cmp.Compare),
		projects:    cow.New[string, *Project](cmp.Compare),
		requests:    cow.New[string, *Request](cmp.Compare),
		tokens:      cow.New[string, *Token](cmp.Compare),
		audits:      cow.New[uint64, *Audit](cmp.Compare),
		users:       cow.New[string, *User](cmp.Compare),
		revoked:     cow.New[string, *Certificate](cmp.Compare),
		wishes:      newWishes(),
		byKey:       cow.New[api.Key, uint64](api.Key.Compare),
		byID:        cow.New[string, uint64](cmp.Compare),
		readers: cow.New[read, struct{}](func(a, b read) int {
			return cmp.Or(a.key.Compare(b.key), cmp.Compare(a.reader, b.reader))
		}),
		hosts: cow.New[onHost, struct{}](func(a, b onHost) int {
			return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.worker, b.worker))
		}),
		recent: cow.New[uint64, string](cmp.Compare),
		callers: cow.New[call, string](func(a, b call) int {
			return cmp.Or(cmp.Compare(a.principal, b.principal), cmp.Compare(a.index, b.index))
		}),
		crowd: cow.New[caller, struct{}](func(a, b caller) int {
			return cmp.Or(cmp.Compare(a.requests, b.requests), cmp.Compare(a.principal, b.principal))
		}),
		kept:    cow.New[string, int](cmp.Compare),
		usage:   cow.New[string, int](cmp.Compare),
		figures: cow.New[holder, Figures](holder.compare),

		standings: cow.New[uint64, TaskCounts](cmp.Compare), byStatus: newStandings(),
	}
}

// copy shares everything until one of the two changes it.
func (d *data) copy() data {
	c := *d
	c.tasks, c.experiments, c.workers = d.tasks.Copy(), d.experiments.Copy(), d.workers.Copy()
	c.projects, c.requests, c.tokens = d.projects.Copy(), d.requests.Copy(), d.tokens.Copy()
	c.audits, c.byKey, c.byID = d.audits.Copy(), d.byKey.Copy(), d.byID.Copy()
	c.users, c.revoked, c.wishes = d.users.Copy(), d.revoked.Copy(), d.wishes.Copy()
	c.readers, c.hosts, c.recent, c.callers = d.readers.Copy(), d.hosts.Copy(), d.recent.Copy(), d.callers.Copy()
	c.standings, c.byStatus = d.standings.Copy(), d.byStatus.Copy()
	c.kept, c.crowd, c.usage, c.figures = d.kept.Copy(), d.crowd.Copy(), d.usage.Copy(), d.figures.Copy()
	return c
}

// put stores a record in place of the one it was copied from, and keeps the sum.
func put[K any, R record](s *State, m *cow.Map[K, R], k K, r R) {
	if old, ok := m.Get(k); ok {
		s.sum.sub(*old.sealPlace())
	}
	seal, buf := sealOf(r, s.scratch)
	s.scratch = buf
	*r.sealPlace() = seal
	s.sum.add(seal)
	m.Set(k, r)
}

// drop takes a record out.
func drop[K any, R record](s *State, m *cow.Map[K, R], k K) {
	if old, ok := m.Get(k); ok {
		s.sum.sub(*old.sealPlace())
		m.Delete(k)
	}
}

func (s *State) putTask(t *Task) {
	if old, ok := s.tasks.Get(t.Seq); ok && old != t { // admit counts its own
		s.tally(t.Seq, old.Status, t.Status)
	}
	put(s, s.tasks, t.Seq, t)
	s.changes.add(Change{Index: s.index, Kind: TaskChanged, Seq: t.Seq})
}

func (s *State) putExperiment(e *Experiment) {
	put(s, s.experiments, e.Seq, e)
	s.changes.add(Change{Index: s.index, Kind: ExperimentChanged, Seq: e.Seq})
}

func (s *State) putWorker(w *Worker) {
	old, known := s.workers.Get(w.ID)
	if known {
		s.charges(old, -1)
	}
	s.charges(w, 1)
	put(s, s.workers, w.ID, w)
	if !known || old.Host != w.Host {
		s.rehost(old, w)
	}
	s.changes.add(Change{Index: s.index, Kind: WorkerChanged, Name: w.ID})
}

func (s *State) putProject(p *Project) {
	put(s, s.projects, p.Name, p)
	s.changes.add(Change{Index: s.index, Kind: ProjectChanged, Name: p.Name})
}

// editTask is a copy of a task to change and put.
func (s *State) editTask(seq uint64) *Task {
	t, _ := s.tasks.Get(seq)
	c := *t
	return &c
}

// editWorker is a copy of a worker to change and put. Its holds may be changed in
// place.
func (s *State) editWorker(id string) *Worker {
	w, _ := s.workers.Get(id)
	c := *w
	c.Allocations = append([]Allocation(nil), w.Allocations...)
	return &c
}

// dropWorker takes a worker out that has nothing any more.
func (s *State) dropWorker(w *Worker) {
	s.hosts.Delete(onHost{w.Host, w.ID})
	drop(s, s.workers, w.ID)
}

// indexTask makes what follows from a task's record.
func (d *data) indexTask(t *Task) {
	d.byKey.Set(t.Work.Key, t.Seq)
	for _, k := range t.inputs {
		d.readers.Set(read{k, t.Seq}, struct{}{})
	}
}

// rehost says on which host a worker is, in place of the one where it was.
func (d *data) rehost(old, w *Worker) {
	if old != nil {
		d.hosts.Delete(onHost{old.Host, old.ID})
	}
	if w.Host != "" {
		d.hosts.Set(onHost{w.Host, w.ID}, struct{}{})
	}
}

// charges counts what a worker's slots are used for, from level 4 on.
func (d *data) charges(w *Worker, sign int) {
	if d.apart() {
		for _, a := range w.Allocations {
			d.use(a.Project, sign*a.Slots)
		}
	}
}

// use counts slots of a project's gangs.
func (d *data) use(project string, slots int) {
	if slots == 0 {
		return
	}
	used, _ := d.usage.Get(project)
	if used+slots == 0 {
		d.usage.Delete(project)
		return
	}
	d.usage.Set(project, used+slots)
}

// sortedParts reports whether a gang is in its one order, by worker.
func sortedParts(parts []command.Part) bool {
	for i := 1; i < len(parts); i++ {
		if parts[i-1].Worker >= parts[i].Worker {
			return false
		}
	}
	return len(parts) > 0
}

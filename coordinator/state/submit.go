package state

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
)

// DefaultProject is that of experiments that name none.
const DefaultProject = "default"

// TemplateProject is no project: it gives those that are made by their first submission
// their weight and their quota, if it is there.
const TemplateProject = "*"

// submission is what a Submit comes to, before anything is changed.
type submission struct {
	fresh    []*Task // that nobody submitted before, as they will be
	tasks    []uint64
	works    map[uint64]*api.Work // by task, as this submission has them
	finished map[api.Key]bool
	figures  Figures // that it adds
}

// CheckSubmit says why a submission of a principal would be refused, or would make a record
// that no replica could read: too much of something, a gang that no task can use, a project
// that nobody made. It is for whoever writes the log: below level 4 Apply lets most of it in.
func (d *data) CheckSubmit(principal string, c command.Submit) error {
	return d.checkSubmit(principal, c, maxFrameBytes)
}

// checkSubmit holds records to a bound.
func (d *data) checkSubmit(principal string, c command.Submit, bound int) error {
	if d.byID.Has(c.Experiment) {
		return fmt.Errorf("experiment %s: %w", c.Experiment, ErrExists)
	}
	in := d.resolve(c, 0)
	if !d.apart() {
		if n := d.recordBytes(c, principal, len(in.tasks)); n > bound {
			return fmt.Errorf("experiment %s would list %d tasks in a record of %d bytes, at most %d: %w", c.Experiment, len(in.tasks), n, bound, ErrLimit)
		}
		for k := range in.finished {
			if t := d.task(k); t != nil && t.Parts != nil {
				return fmt.Errorf("%s is %s, and has its result: %w", t.Work.Name(), t.Status, ErrNotPending)
			}
		}
	}
	return d.vet(principal, c, in)
}

// vet holds a submission to what may be there.
func (d *data) vet(principal string, c command.Submit, in *submission) error {
	for i := range c.Works {
		if err := c.Works[i].CheckGang(); err != nil {
			return fmt.Errorf("%w: %w", ErrBadGang, err)
		}
	}
	if err := d.vetProject(projectOf(c)); err != nil {
		return err
	}
	if len(in.tasks) > MaxTasksEach {
		return fmt.Errorf("experiment %s would list %d tasks, at most %d: %w", c.Experiment, len(in.tasks), MaxTasksEach, ErrLimit)
	}
	for _, seq := range in.tasks {
		if t := d.TaskAt(seq); t != nil && d.listed(seq) >= MaxWishesEach {
			return fmt.Errorf("%s is listed by %d experiments, at most so many: %w", clip(t.Work.Name(), maxName), MaxWishesEach, ErrLimit)
		}
	}
	if err := limitsEach.hold("project "+projectOf(c), d.UsageOfProject(projectOf(c)).plus(in.figures)); err != nil {
		return err
	}
	if principal != "" {
		if err := limitsEach.hold(clip(principal, maxName), d.UsageOfPrincipal(principal).plus(in.figures)); err != nil {
			return err
		}
	}
	return limitsInAll.hold("the cluster", d.all.plus(in.figures))
}

// vetProject refuses a project that is not there and is not made by being used.
func (d *data) vetProject(name string) error {
	if !d.apart() || d.projects.Has(name) && name != TemplateProject {
		return nil
	}
	switch {
	case name == TemplateProject || !d.projects.Has(TemplateProject):
		return fmt.Errorf("project %s: %w: an admin makes it, with a weight and a quota", clip(name, maxName), ErrUnknownProject)
	case len(name) > maxName:
		return fmt.Errorf("a project's name of %d bytes, at most %d: %w", len(name), maxName, ErrLimit)
	case d.projects.Len() >= MaxProjects:
		return fmt.Errorf("%d projects, at most so many: %w", d.projects.Len(), ErrLimit)
	}
	return nil
}

func projectOf(c command.Submit) string {
	if c.Project == "" {
		return DefaultProject
	}
	return c.Project
}

// listed is how many experiments list a task.
func (d *data) listed(seq uint64) int {
	n := 0
	for at := range d.wishes.From(wished{task: seq}) {
		if at.task != seq {
			break
		}
		n++
	}
	return n
}

// resolve finds or makes the tasks of a submission, and lists all that they need, as far as
// it is known. What is not known is a ready model of the store: the submitter saw to it.
func (d *data) resolve(c command.Submit, at int64) *submission {
	in := &submission{works: make(map[uint64]*api.Work, len(c.Works)), finished: make(map[api.Key]bool, len(c.Finished))}
	for _, k := range c.Finished {
		in.finished[k] = true
	}
	known := make(map[api.Key]uint64, len(c.Works))
	var named []uint64
	for i := range c.Works {
		w := &c.Works[i]
		seq, ok := known[w.Key]
		if !ok {
			if seq, ok = d.byKey.Get(w.Key); !ok {
				seq = d.lastTask + uint64(len(in.fresh)) + 1
				in.fresh = append(in.fresh, newTask(seq, w, c.Need, at))
			}
			known[w.Key], in.works[seq] = seq, w
			named = append(named, seq)
		}
	}
	in.tasks = d.withInputs(named, in.fresh, known)
	in.figures = d.figuresFor(in)
	return in
}

func newTask(seq uint64, w *api.Work, need command.Need, at int64) *Task {
	b := w.Encode()
	return &Task{Seq: seq, Work: w, work: hashOf(b), size: uint32(len(b)), inputs: w.Task.Inputs(), Need: need, Submitted: at}
}

// withInputs is a list of tasks and all they need that is known, sorted, each once. Fresh
// tasks are known by their keys alone.
func (d *data) withInputs(seqs []uint64, fresh []*Task, known map[api.Key]uint64) []uint64 {
	seen := make(map[uint64]bool, len(seqs))
	all := make([]uint64, 0, len(seqs))
	for todo := slices.Clone(seqs); len(todo) > 0; {
		seq := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[seq] {
			continue
		}
		seen[seq] = true
		all = append(all, seq)
		for _, k := range d.taskOf(seq, fresh).inputs {
			in, ok := known[k]
			if !ok {
				in, ok = d.byKey.Get(k)
			}
			if ok && !seen[in] {
				todo = append(todo, in)
			}
		}
	}
	slices.Sort(all)
	return all
}

// taskOf is a task of the state, or a fresh one.
func (d *data) taskOf(seq uint64, fresh []*Task) *Task {
	if seq > d.lastTask {
		return fresh[seq-d.lastTask-1]
	}
	t, _ := d.tasks.Get(seq)
	return t
}

// figuresFor is what a submission adds to what its project and principal have.
func (d *data) figuresFor(in *submission) Figures {
	f := Figures{Experiments: 1, Tasks: len(in.tasks), Bytes: experimentBytes}
	for _, seq := range in.tasks {
		t := d.taskOf(seq, in.fresh)
		f.Bytes += wishBytes + int(t.size)
		if w := in.works[seq]; w != nil && w != t.Work && d.apart() {
			f.Bytes += len(runningOf(t, w))
		}
		if !in.finished[t.Work.Key] && (t.Status != Done || t.Gone) {
			f.Live++
		}
	}
	return f
}

func (s *State) submit(c command.Submit) error {
	if s.byID.Has(c.Experiment) {
		return fmt.Errorf("experiment %s: %w", c.Experiment, ErrExists)
	}
	for i := range c.Works {
		if w := &c.Works[i]; w.Key != w.Task.Key() {
			return fmt.Errorf("%s: %w", w.Name(), ErrBadWork)
		}
	}
	in := s.resolve(c, s.at)
	if s.apart() {
		if err := s.vet(s.principal, c, in); err != nil {
			return err
		}
		s.makeProject(projectOf(c), s.Project(TemplateProject))
	}
	s.lastExperiment++
	e := &Experiment{
		Seq: s.lastExperiment, ID: c.Experiment, Name: c.Name, Project: projectOf(c), Priority: c.Priority,
		Owner: s.principal, Submitted: s.at, Tasks: in.tasks, apart: s.apart(), bytes: in.figures.Bytes,
	}
	if c.Held {
		s.withhold(e, "")
	}
	s.putExperiment(e)
	s.byID.Set(e.ID, e.Seq)
	s.counting = e.Seq // what it wants is counted once, at the end
	for _, seq := range e.Tasks {
		s.putWish(newWish(s.taskOf(seq, in.fresh), e, c.Need, in.works[seq]))
	}
	for _, seq := range e.Tasks {
		if seq <= s.lastTask {
			s.want(seq, in.finished)
		}
	}
	s.admit(e, in)
	s.counting = 0
	s.standings.Set(e.Seq, s.countsOf(e))
	s.count(e, s.figuresOf(e))
	return nil
}

// admit enters tasks that nobody knew, each stored once: those who read them are told, and
// what they wait for is counted when all of them are there.
func (s *State) admit(e *Experiment, in *submission) {
	for _, t := range in.fresh {
		t.Project, t.Priority = e.Project, e.Priority
		if in.finished[t.Work.Key] {
			t.Status, t.Ended = Done, s.at
		} else {
			t.Status, t.Ready = Pending, s.at
		}
		s.tasks.Set(t.Seq, t)
		s.tally(t.Seq, "", t.Status)
		s.byKey.Set(t.Work.Key, t.Seq)
		if t.Status == Done {
			continue
		}
		for _, seq := range s.readersOf(t.Work.Key) {
			r := s.editTask(seq)
			r.WaitsOn++
			s.putTask(r)
		}
	}
	s.lastTask += uint64(len(in.fresh))
	for _, t := range in.fresh {
		t.WaitsOn = s.waitsOn(t)
		s.putTask(t)
		s.indexTask(t)
	}
}

// want brings a task that an experiment has just listed to life, if it is not
// done. Being asked for again is a new chance for what failed.
func (s *State) want(seq uint64, finished map[api.Key]bool) {
	t := s.editTask(seq)
	s.charge(t)
	switch {
	case t.Status == Done && (!t.Gone || finished[t.Work.Key]):
		t.Gone = false
		s.putTask(t)
	case finished[t.Work.Key]:
		if s.apart() {
			s.vacate(t, "")
		}
		s.finish(t, "")
	case t.Status.Live():
		s.putTask(t)
	default:
		s.revive(t)
	}
}

// revive makes a task pending that had ended without result, or whose result is missing.
func (s *State) revive(t *Task) {
	t.Failures, t.Avoid, t.NotBefore, t.Reason, t.Ended = 0, nil, 0, "", 0
	t.Deaths, t.Gone = 0, false
	s.move(t, Pending)
}

func (s *State) retry(c command.Retry) error {
	if c.Experiment == "" {
		t := s.task(c.Task)
		if t == nil {
			return fmt.Errorf("retry %s: %w", c.Task.Short(), ErrUnknownTask)
		}
		if first, _ := s.wanted(t.Seq); first == nil {
			return fmt.Errorf("retry %s: %w", t.Work.Name(), ErrNotWanted)
		}
		s.retryAll(s.withInputs(s.withReaders(s.withInputs([]uint64{t.Seq}, nil, nil)), nil, nil))
		return nil
	}
	e := s.experiment(c.Experiment)
	switch {
	case e == nil:
		return fmt.Errorf("retry %s: %w", c.Experiment, ErrUnknownExperiment)
	case e.Cancelled:
		return fmt.Errorf("retry %s: %w", c.Experiment, ErrNotWanted)
	}
	s.retryAll(e.Tasks)
	return nil
}

// withReaders adds what was cancelled since a task of the list failed.
func (s *State) withReaders(seqs []uint64) []uint64 {
	seen := make(map[uint64]bool, len(seqs))
	for _, seq := range seqs {
		seen[seq] = true
	}
	for i := 0; i < len(seqs); i++ {
		t, _ := s.tasks.Get(seqs[i])
		if t.Status != Failed && t.Status != Cancelled {
			continue
		}
		for _, r := range s.readersOf(t.Work.Key) {
			if !seen[r] {
				seen[r] = true
				seqs = append(seqs, r)
			}
		}
	}
	return seqs
}

// retryAll gives wanted tasks that ended without result, or that wait after a
// failure, another chance.
func (s *State) retryAll(seqs []uint64) {
	for _, seq := range seqs {
		t := s.editTask(seq)
		if first, _ := s.wanted(seq); first == nil {
			continue
		}
		switch {
		case t.Status == Failed, t.Status == Cancelled, t.Status == Done && t.Gone:
			s.revive(t)
		case t.Status == Pending && t.NotBefore != 0:
			t.NotBefore = 0
			s.putTask(t)
		}
	}
}

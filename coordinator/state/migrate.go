package state

import (
	"cmp"
	"slices"

	"g2c/api"
	"g2c/coordinator/cow"
)

// migrate makes of a state that played by the rules of level 3 one of level 4, once the
// level is raised.
func (s *State) migrate(level int) {
	s.endFound()
	s.level = level
	s.usage = cow.New[string, int](cmp.Compare) // it counts allocations from now on
	s.wishes = newWishes()                      // they are records from now on
	s.migrateExperiments()
	for _, t := range s.placed() {
		t = s.editTask(t.Seq)
		first, _ := s.wanted(t.Seq)
		t.Charged, t.Project, t.Priority = first.Seq, first.Project, first.Priority
		s.putTask(t)
	}
	for seq, t := range s.tasks.All() { // what is wanted of them may not be what it was
		if t.Status.Live() {
			s.changes.add(Change{Index: s.index, Kind: TaskChanged, Seq: seq})
		}
	}
	for _, w := range slices.Collect(values(s.workers.All())) {
		s.migrateWorker(w)
	}
	s.makeProject(DefaultProject, s.Project(DefaultProject))
	var principals []string
	for name := range s.kept.All() {
		principals = append(principals, name)
	}
	for _, name := range principals {
		s.forgetRequests(name)
	}
}

// placed lists the tasks that have a gang.
func (d *data) placed() []*Task {
	var out []*Task
	for _, t := range d.tasks.All() {
		if len(t.Parts) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// endFound ends the gangs of tasks whose results a submission found while they ran: it did
// not, below level 4.
func (s *State) endFound() {
	for _, t := range s.placed() {
		if !t.Status.Live() {
			t = s.editTask(t.Seq)
			s.vacate(t, "")
			s.putTask(t)
		}
	}
}

// migrateExperiments gives each wish a record of its own, with what its task was first
// submitted with, and makes the projects that are in use.
func (s *State) migrateExperiments() {
	for _, old := range slices.Collect(values(s.experiments.All())) {
		e := *old
		e.apart = true
		s.putExperiment(&e)
		s.makeProject(e.Project, s.Project(e.Project))
		for _, seq := range e.Tasks {
			t, _ := s.tasks.Get(seq)
			w := newWish(t, &e, t.Need, t.Work)
			w.Gang = gangWithin(t)
			s.putWish(w)
		}
	}
}

// gangWithin is a task's gang, as far as it can make use of it: nobody held it to that. One
// that has more already may keep it.
func gangWithin(t *Task) api.Gang {
	most := max(t.Work.Task.MostSlots(), t.Slots())
	high := min(t.Gang().Max, most)
	return api.Gang{Min: min(t.Gang().Min, high), Max: high}
}

// migrateWorker says of all that is allocated for whom it is. For what an older generation
// still holds nobody knows: it is who pays for the task now, or did in the end.
func (s *State) migrateWorker(old *Worker) {
	if old.Incarnation <= maxShown {
		s.lastIncarnation = max(s.lastIncarnation, old.Incarnation)
	}
	w := s.editWorker(old.ID)
	for i := range w.Allocations {
		a := &w.Allocations[i]
		t, _ := s.tasks.Get(a.Task)
		e := s.payer(t)
		a.Experiment, a.Project = e.Seq, e.Project
	}
	put(s, s.workers, w.ID, w)
	s.charges(w, 1)
	s.changes.add(Change{Index: s.index, Kind: WorkerChanged, Name: w.ID})
}

// payer is the experiment that pays for what a task has.
func (s *State) payer(t *Task) *Experiment {
	all := s.experimentsOf(t.Seq)
	for _, e := range all {
		if e.Seq == t.Charged || t.Charged == 0 && e.Project == t.Project {
			return e
		}
	}
	return all[0]
}

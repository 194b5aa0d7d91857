package state

import (
	"fmt"

	"g2c/coordinator/command"
)

// charge sets who pays for a task and how urgent it is, after its experiments changed.
// It does not store the task.
//
// A gang is charged to the wish that it was given for. If that is withdrawn or held, another that
// it satisfies as it is takes it over; if there is none, it saves its state and stops, at
// the cost of the old one, and is placed anew for those who still want it.
func (s *State) charge(t *Task) {
	if !s.apart() {
		s.charge3(t)
		return
	}
	if t.Charged == 0 {
		s.display(t)
		return
	}
	if s.live(t.Seq, t.Charged) != nil || t.Preempting {
		return
	}
	for _, w := range s.Wishes(t) {
		if s.takesOver(t, &w) {
			s.transfer(t, &w)
			return
		}
	}
	t.Preempting, t.Stopping = true, s.at
	t.Reason = "the experiment that it ran for was cancelled, and its gang is not what the others want"
	if e, _ := s.experiments.Get(t.Charged); e.Held {
		t.Reason = s.clipped("the experiment that it ran for is "+e.WhyHeld(), maxReason)
	}
}

// display sets what is shown of who pays for a task that has no gang.
func (s *State) display(t *Task) {
	if first, priority := s.wanted(t.Seq); first != nil {
		t.Project, t.Priority = first.Project, priority
	}
}

// takesOver says whether a wish is satisfied by the gang that a task has, within its
// project's quota.
func (s *State) takesOver(t *Task, w *Wish) bool {
	if n := t.Slots(); n < w.Gang.Min || n > w.Gang.Max {
		return false
	}
	for _, p := range t.Parts {
		if v, ok := s.workers.Get(p.Worker); !ok || !v.Meets(t, w.Need) {
			return false
		}
	}
	more := t.Slots()
	if w.Project == t.Project {
		more = 0
	}
	return s.quota(w.Project, more) == nil
}

// transfer charges a gang to another wish. What older generations still hold stays with
// whom it was given for.
func (s *State) transfer(t *Task, to *Wish) {
	for _, p := range t.Parts {
		w := s.editWorker(p.Worker)
		for i := range w.Allocations {
			if a := &w.Allocations[i]; a.Task == t.Seq && a.Generation == t.Generation {
				a.Experiment, a.Project = to.Experiment, to.Project
			}
		}
		s.putWorker(w)
	}
	t.Charged, t.Project, t.Priority = to.Experiment, to.Project, to.Priority
}

// uncharge ends what a task is charged for, with its gang.
func (s *State) uncharge(t *Task) {
	if t.Charged != 0 {
		t.Charged = 0
		s.display(t)
	}
}

// quota refuses more slots than a project may have. Those that are terminating count until
// they are free.
func (s *State) quota(project string, more int) error {
	p, ok := s.projects.Get(project)
	if used, _ := s.usage.Get(project); ok && p.Quota > 0 && more > 0 && used+more > p.Quota {
		return overQuota(project, used, p.Quota)
	}
	return nil
}

func overQuota(project string, used, quota int) error {
	return fmt.Errorf("%s has %d of %d slots: %w", project, used, quota, ErrQuota)
}

// wishFor is the wish that a placement says it satisfies.
func (s *State) wishFor(t *Task, experiment uint64) (*Wish, error) {
	if !s.apart() {
		s.wish = Wish{Gang: t.Gang(), Need: t.Need}
		return &s.wish, nil
	}
	if w := s.live(t.Seq, experiment); w != nil {
		return w, nil
	}
	if e, _ := s.experiments.Get(experiment); e != nil && !e.Cancelled && s.wishes.Has(wished{t.Seq, experiment}) {
		return nil, fmt.Errorf("for %s: %w", e.ID, ErrHeld)
	}
	return nil, fmt.Errorf("for experiment %d: %w", experiment, ErrNotWanted)
}

// more is how many slots a wish's project has more once a task has other parts. What it
// keeps on a worker it has already, if it pays for it; what it gives up stays charged to
// who pays for it until it is free.
func more(t *Task, w *Wish, parts []command.Part) int {
	n := 0
	for _, p := range parts {
		n += p.Slots
		if w.Project == t.Project {
			n -= min(p.Slots, t.slotsOn(p.Worker))
		}
	}
	return n
}

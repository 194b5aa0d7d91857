package state

import "g2c/coordinator/command"

// The rules of levels 1 to 3, in which a task had one gang, one need and one payer. A
// cluster that is to be raised still plays by them, beside replicas of the release before;
// when no such cluster is left, this file can go.

// wish3 is the one wish there is for a task.
func (d *data) wish3(t *Task) []Wish {
	first, priority := d.wanted(t.Seq)
	if first == nil {
		return nil
	}
	return []Wish{{Task: t.Seq, Experiment: first.Seq, Project: first.Project, Priority: priority, Gang: t.Gang(), Need: t.Need}}
}

// charge3 sets who pays for a task: the first who wants it, even while it runs.
func (s *State) charge3(t *Task) {
	first, priority := s.wanted(t.Seq)
	if first == nil {
		return
	}
	s.use(t.Project, -t.Slots())
	t.Project, t.Priority = first.Project, priority
	s.use(t.Project, t.Slots())
}

// use3 counts the slots of a gang for its project until the gang ends.
func (s *State) use3(t *Task, sign int) {
	if !s.apart() {
		s.use(t.Project, sign*t.Slots())
	}
}

// quota3 refuses slots above a project's quota, to which what is terminating does not
// count.
func (s *State) quota3(t *Task, slots int) error {
	if p, ok := s.projects.Get(t.Project); ok && p.Quota > 0 && slots > t.Slots() {
		if used, _ := s.usage.Get(t.Project); used-t.Slots()+slots > p.Quota {
			return overQuota(t.Project, used, p.Quota)
		}
	}
	return nil
}

// join3 believes every incarnation.
func (s *State) join3(c command.Join) error {
	w := &Worker{ID: c.Worker, Mode: command.Ready}
	if _, ok := s.workers.Get(c.Worker); ok {
		w = s.editWorker(c.Worker)
	}
	same := w.Incarnation == c.Incarnation && w.Joined != 0
	if same && w.differs(c) {
		return errChanged(c.Worker)
	}
	if !same && len(w.Allocations) > 0 {
		s.abandon(w, "worker "+w.ID+" started anew")
		w = s.editWorker(c.Worker)
	}
	w.Incarnation = c.Incarnation
	s.welcome(w, c)
	return nil
}

// forgetRequests3 keeps one table for all principals.
func (s *State) forgetRequests3() {
	if s.requests.Len() > MaxRequests {
		_, oldest, _ := s.recent.First()
		s.forgetRequest(oldest)
	}
}

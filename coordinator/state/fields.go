package state

import "g2c/coordinator/command"

// The numbers below stand in snapshots and backups: they are never reused. A
// field that is added later takes a new number.

func (h *head) fields(c coder) {
	c.uint(1, &h.index)
	c.int(2, &h.level)
	c.uint(3, &h.lastTask)
	c.uint(4, &h.lastExperiment)
	c.uint(5, &h.lastAudit)
}

func (t *Task) fields(c coder) {
	c.uint(1, &t.Seq)
	c.work(2, t)
	c.text(3, &t.Need.Device)
	c.time(4, &t.Need.Memory)
	c.text(5, &t.Project)
	c.int(6, &t.Priority)
	c.text(7, (*string)(&t.Status))
	c.text(8, &t.Reason)
	c.int(9, &t.WaitsOn)
	c.uint(10, &t.Generation)
	c.each(11, len(t.Parts), func(i int, c coder) {
		if i == len(t.Parts) {
			t.Parts = append(t.Parts, command.Part{})
		}
		c.text(1, &t.Parts[i].Worker)
		c.int(2, &t.Parts[i].Slots)
	})
	c.flag(12, &t.Preempting)
	c.texts(13, &t.Avoid)
	c.int(14, &t.Attempts)
	c.int(15, &t.Failures)
	c.int(16, &t.Completions)
	c.time(17, &t.NotBefore)
	c.text(18, &t.Home)
	c.time(19, &t.Submitted)
	c.time(20, &t.Ready)
	c.time(21, &t.PlacedAt)
	c.time(22, &t.Started)
	c.time(23, &t.Stopping)
	c.time(24, &t.Ended)
}

func (e *Experiment) fields(c coder) {
	c.uint(1, &e.Seq)
	c.text(2, &e.ID)
	c.text(3, &e.Name)
	c.text(4, &e.Project)
	c.int(5, &e.Priority)
	c.text(6, &e.Owner)
	c.time(7, &e.Submitted)
	c.flag(8, &e.Cancelled)
	c.text(9, &e.Reason)
	c.uints(10, &e.Tasks)
}

func (w *Worker) fields(c coder) {
	c.text(1, &w.ID)
	c.uint(2, &w.Incarnation)
	c.text(3, &w.Class)
	c.text(4, &w.Device)
	c.time(5, &w.Memory)
	c.text(6, &w.Host)
	c.int(7, &w.Slots)
	c.keys(8, &w.Cached)
	c.text(9, (*string)(&w.Mode))
	c.time(10, &w.From)
	c.time(11, &w.Until)
	c.text(12, &w.Reason)
	c.flag(13, &w.Lost)
	c.time(14, &w.Joined)
	c.each(15, len(w.Allocations), func(i int, c coder) {
		if i == len(w.Allocations) {
			w.Allocations = append(w.Allocations, Allocation{})
		}
		w.Allocations[i].fields(c)
	})
}

func (h *Allocation) fields(c coder) {
	c.uint(1, &h.Task)
	c.uint(2, &h.Generation)
	c.int(3, &h.Slots)
	c.flag(4, &h.Terminating)
	c.time(5, &h.Since)
}

func (p *Project) fields(c coder) {
	c.text(1, &p.Name)
	c.int(2, &p.Weight)
	c.int(3, &p.Quota)
}

func (r *Request) fields(c coder) {
	c.text(1, &r.ID)
	c.uint(2, &r.Index)
	c.int(3, &r.Number)
	c.text(4, &r.Made)
}

func (t *Token) fields(c coder) {
	c.text(1, &t.ID)
	c.key(2, &t.Hash)
	c.text(3, &t.Project)
	c.text(4, &t.Role)
	c.time(5, &t.Created)
	c.time(6, &t.Expires)
	c.text(7, &t.Note)
	c.time(8, &t.Revoked)
}

func (a *Audit) fields(c coder) {
	c.uint(1, &a.Number)
	c.uint(2, &a.Index)
	c.time(3, &a.At)
	c.text(4, &a.Principal)
	c.text(5, &a.Verb)
	c.text(6, &a.Subject)
	c.text(7, &a.Outcome)
}

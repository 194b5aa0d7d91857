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
	c.uint(6, &h.lastIncarnation)
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
	c.uint(25, &t.Charged)
	c.int(26, &t.Deaths)
	c.uint(27, &t.DeathStep)
	c.int(28, &t.Missed)
	c.flag(29, &t.Gone)
}

func (w *Wish) fields(c coder) {
	c.uint(1, &w.Task)
	c.uint(2, &w.Experiment)
	c.int(3, &w.Gang.Min)
	c.int(4, &w.Gang.Max)
	c.text(5, &w.Need.Device)
	c.time(6, &w.Need.Memory)
	c.running(7, w)
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
	if !e.apart {
		c.uints(10, &e.Tasks)
	}
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
	c.text(16, &w.Boot)
	c.each(17, len(w.Left), func(i int, c coder) {
		if i == len(w.Left) {
			w.Left = append(w.Left, Left{})
		}
		c.uint(1, &w.Left[i].Task)
		c.uint(2, &w.Left[i].Step)
		c.text(3, &w.Left[i].Words)
	})
}

func (h *Allocation) fields(c coder) {
	c.uint(1, &h.Task)
	c.uint(2, &h.Generation)
	c.int(3, &h.Slots)
	c.flag(4, &h.Terminating)
	c.time(5, &h.Since)
	c.uint(6, &h.Experiment)
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
	c.key(5, &r.Content)
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

func (u *User) fields(c coder) {
	c.text(1, &u.Name)
	c.text(2, &u.Role)
	c.text(3, &u.Project)
	c.time(4, &u.Set)
}

func (k *Certificate) fields(c coder) {
	c.text(1, &k.Serial)
	c.text(2, &k.Note)
	c.time(3, &k.Revoked)
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

package state

import "cmp"

// Figures are what somebody has in the state.
type Figures struct {
	Experiments int // until they are forgotten
	Tasks       int // that these list: one that two list counts twice
	Live        int // of these, tasks that have not ended, of experiments that are not cancelled
	Bytes       int // of records, about
}

// holder is who has them.
type holder struct {
	principal bool // or else a project
	name      string
}

func (h holder) compare(o holder) int {
	switch {
	case h.principal == o.principal:
		return cmp.Compare(h.name, o.name)
	case h.principal:
		return 1
	}
	return -1
}

// UsageOfProject is what a project has in the state.
func (d *data) UsageOfProject(name string) Figures {
	f, _ := d.figures.Get(holder{name: name})
	return f
}

// UsageOfPrincipal is what a principal has in the state: that of all it submitted.
func (d *data) UsageOfPrincipal(name string) Figures {
	f, _ := d.figures.Get(holder{principal: true, name: name})
	return f
}

// UsageInAll is what all have together. A live task counts once for each experiment
// that wants it.
func (d *data) UsageInAll() Figures { return d.all }

func (f Figures) plus(o Figures) Figures {
	return Figures{f.Experiments + o.Experiments, f.Tasks + o.Tasks, f.Live + o.Live, f.Bytes + o.Bytes}
}

// count adds to what an experiment's project and owner have.
func (d *data) count(e *Experiment, more Figures) {
	d.countFor(holder{name: e.Project}, more)
	if e.Owner != "" {
		d.countFor(holder{principal: true, name: e.Owner}, more)
	}
	d.all = d.all.plus(more)
}

func (d *data) countFor(h holder, more Figures) {
	f, _ := d.figures.Get(h)
	if f = f.plus(more); f == (Figures{}) {
		d.figures.Delete(h)
	} else {
		d.figures.Set(h, f)
	}
}

// countLive notes that a task has come to life, or has ended, for those who want it.
func (s *State) countLive(t *Task, more int) {
	for at := range s.wishes.From(wished{task: t.Seq}) {
		if at.task != t.Seq {
			break
		}
		if e, _ := s.experiments.Get(at.experiment); !e.Cancelled && e.Seq != s.counting {
			s.count(e, Figures{Live: more})
		}
	}
}

// figuresOf is what an experiment adds to what its project and its owner have.
func (d *data) figuresOf(e *Experiment) Figures {
	f := Figures{Experiments: 1, Tasks: len(e.Tasks), Bytes: e.bytes}
	if e.Cancelled {
		return f
	}
	for _, seq := range e.Tasks {
		if t, ok := d.tasks.Get(seq); ok && t.Status.Live() {
			f.Live++
		}
	}
	return f
}

// What a record takes beside what is counted of it: numbers, states, reasons.
const (
	experimentBytes = 512
	wishBytes       = 512 // of a task and of the wish for it
)

// bytesOf is about how much the records of an experiment take: those of its tasks, as if
// nobody else listed them, and its own.
func (d *data) bytesOf(e *Experiment) int {
	n := experimentBytes
	for _, seq := range e.Tasks {
		if t, ok := d.tasks.Get(seq); ok {
			n += wishBytes + int(t.size)
		}
		if w, _ := d.wishes.Get(wished{seq, e.Seq}); w != nil {
			n += w.size
		}
	}
	return n
}

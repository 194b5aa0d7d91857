package state

import (
	"bytes"
	"cmp"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/cow"
)

// Wish is an experiment's interest in a task: for whom it would run, how urgently,
// and what it would need for that. A placement satisfies one wish, whole. It never
// changes.
//
// Below level 4 there is one wish for a task, and no record of it: that of the first
// experiment that wants it, with the highest priority of all that do and with what the
// task was first submitted with.
type Wish struct {
	sealed     `f:"-"`
	Task       uint64       `f:"1"` // Seq
	Experiment uint64       `f:"2"` // Seq
	Project    string       `f:"-"`
	Priority   int          `f:"-"`
	Gang       api.Gang     `f:"3,flat"` // slots, both bounds at least 1
	Need       command.Need `f:"5,flat"`

	running *api.Running `f:"7"` // how to run the task for it; nil for as the task was first submitted
	size    int          `f:"-"` // bytes of running's encoding
}

// wished names a wish: which experiment lists which task.
type wished struct{ task, experiment uint64 }

func newWishes() *cow.Map[wished, *Wish] {
	return cow.New[wished, *Wish](func(a, b wished) int {
		return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.experiment, b.experiment))
	})
}

// Wishes lists the wishes for a task that may have slots: of experiments that are neither
// cancelled nor held, in the order of their submission.
func (d *data) Wishes(t *Task) []Wish {
	if !d.apart() {
		return d.wish3(t)
	}
	var out []Wish
	d.EachWish(t, func(w *Wish) { out = append(out, *w) })
	return out
}

// EachWish calls visit for what Wishes lists, from level 4 on: records, that are not to be
// changed.
func (d *data) EachWish(t *Task, visit func(*Wish)) {
	for at, w := range d.wishes.From(wished{task: t.Seq}) {
		if at.task != t.Seq {
			return
		}
		if e, _ := d.experiments.Get(at.experiment); e.active() {
			visit(w)
		}
	}
}

// EachWishOfAll calls visit for what EachWish lists of every task, ordered by task.
func (d *data) EachWishOfAll(visit func(*Wish)) {
	var e *Experiment // the last: a sweep's wishes come one after the other
	for at, w := range d.wishes.All() {
		if e == nil || e.Seq != at.experiment {
			e, _ = d.experiments.Get(at.experiment)
		}
		if e.active() {
			visit(w)
		}
	}
}

// Charged is the wish that a placed task is charged to, from level 4 on; nil if its
// experiment was cancelled or is held, and the task goes on until it has stopped.
func (d *data) Charged(t *Task) *Wish { return d.live(t.Seq, t.Charged) }

// Wish is the wish that a placed task satisfies, and of one that waits the first. It
// reports false if nobody wants the task.
func (d *data) Wish(t *Task) (Wish, bool) {
	if d.apart() && t.Charged != 0 {
		if w, ok := d.wishes.Get(wished{t.Seq, t.Charged}); ok {
			return *w, true
		}
		return Wish{}, false
	}
	if first, _ := d.wanted(t.Seq); first == nil {
		return Wish{}, false
	} else if d.apart() {
		w, _ := d.wishes.Get(wished{t.Seq, first.Seq})
		return *w, true
	}
	return d.wish3(t)[0], true
}

// live finds a wish that may have slots; nil if there is none.
func (d *data) live(task, experiment uint64) *Wish {
	w, ok := d.wishes.Get(wished{task, experiment})
	if e, _ := d.experiments.Get(experiment); !ok || !e.active() {
		return nil
	}
	return w
}

// WorkFor is a task's work as a wish wants it run: its gang, its names, its paths.
func (d *data) WorkFor(t *Task, w Wish) api.Work {
	if w.running == nil {
		out := *t.Work
		out.Gang = w.Gang
		return out
	}
	return t.Work.As(w.running, w.Gang)
}

// apart says whether wishes are records of their own.
func (d *data) apart() bool { return d.level >= api.LevelWishes }

// together says whether workers train together: every member of a gang has the task's
// state, and any of them can go on without the others.
func (d *data) together() bool { return d.level >= api.LevelGangs }

// newWish makes an experiment's wish for a task. Work is what it submitted, nil if it
// needs the task and did not submit it.
func newWish(t *Task, e *Experiment, need command.Need, work *api.Work) *Wish {
	w := &Wish{Task: t.Seq, Experiment: e.Seq, Project: e.Project, Priority: e.Priority, Need: need, Gang: api.Gang{Min: 1, Max: 1}}
	if work == nil {
		return w
	}
	w.Gang = gangOf(work)
	if b := runningOf(t, work); b != nil {
		r := work.Running()
		w.running, w.size = &r, len(b)
	}
	return w
}

// runningOf is the encoding of how a work is to be run, if that is not how its task was
// first submitted; else nil.
func runningOf(t *Task, work *api.Work) []byte {
	if work == t.Work {
		return nil
	}
	r, own := work.Running(), t.Work.Running()
	if b := r.Encode(); !bytes.Equal(b, own.Encode()) {
		return b
	}
	return nil
}

// putWish enters an experiment's wish for a task; below level 4, only that there is one.
func (s *State) putWish(w *Wish) {
	if s.apart() {
		put(s, s.wishes, wished{w.Task, w.Experiment}, w)
	} else {
		s.wishes.Set(wished{w.Task, w.Experiment}, nil)
	}
}

func (s *State) dropWish(task, experiment uint64) {
	if s.apart() {
		drop(s, s.wishes, wished{task, experiment})
	} else {
		s.wishes.Delete(wished{task, experiment})
	}
}

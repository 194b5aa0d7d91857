package state

import (
	"g2c/api"
	"g2c/coordinator/command"
)

// Wish is an experiment's interest in a task: for whom it would run, how urgently,
// and what it would need for that. A placement satisfies one wish, whole.
type Wish struct {
	Task       uint64 // Seq
	Experiment uint64 // Seq
	Project    string
	Priority   int
	Gang       api.Gang // slots, both bounds at least 1
	Need       command.Need
}

// Wishes lists the wishes for a task of experiments that are not cancelled, in the
// order of their submission.
func (d *data) Wishes(t *Task) []Wish {
	first, priority := d.wanted(t.Seq)
	if first == nil {
		return nil
	}
	return []Wish{{Task: t.Seq, Experiment: first.Seq, Project: first.Project, Priority: priority, Gang: t.Gang(), Need: t.Need}}
}

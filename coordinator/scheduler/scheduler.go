// Package scheduler decides which pending tasks go where. It is one pure
// function of a view of the state: no clock of its own, no randomness, no order
// of a map. A plan is data; state.Apply checks each placement again and may
// refuse it.
package scheduler

import (
	"fmt"
	"sort"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Plan is what should happen next.
type Plan struct {
	Places  []command.Place
	Blocked []Blocked // pending tasks that are not placed, and why
}

// Blocked is a task that has to wait.
type Blocked struct {
	Task   api.Key
	Name   string
	Reason string
}

// Schedule places pending tasks whose inputs are done, higher priority first and
// then in the order they were submitted, each whole or not at all. A gang takes
// as many slots as are free on the worker with most of them, from its least to
// its most.
func Schedule(v state.View) Plan {
	var p Plan
	done := map[api.Key]state.Status{}
	for _, t := range v.Tasks {
		done[t.Work.Key] = t.Status
	}
	free := append([]state.Worker(nil), v.Workers...)
	for _, t := range byPriority(v.Tasks) {
		if why := waitsFor(t, done, v); why != "" {
			p.Blocked = append(p.Blocked, Blocked{t.Work.Key, t.Work.Name(), why})
			continue
		}
		w, why := choose(free, t)
		if w == nil {
			p.Blocked = append(p.Blocked, Blocked{t.Work.Key, t.Work.Name(), why})
			continue
		}
		slots := min(w.Free, max(t.Work.Gang.Max, 1))
		w.Free -= slots
		p.Places = append(p.Places, command.Place{Task: t.Work.Key, Worker: w.ID, Slots: slots})
	}
	return p
}

// byPriority lists the pending tasks in the order they are considered.
func byPriority(tasks []state.Task) []state.Task {
	var pending []state.Task
	for _, t := range tasks {
		if t.Status == state.Pending {
			pending = append(pending, t)
		}
	}
	sort.SliceStable(pending, func(i, j int) bool { return pending[i].Work.Priority > pending[j].Work.Priority })
	return pending
}

// waitsFor says which input a task waits for, "" for none.
func waitsFor(t state.Task, status map[api.Key]state.Status, v state.View) string {
	for _, k := range t.Work.Task.Inputs() {
		if s, known := status[k]; known && s != state.Done {
			in, _ := v.Task(k)
			return fmt.Sprintf("waits for %s, which is %s", in.Work.Name(), s)
		}
	}
	return ""
}

// choose is the worker of the task's class with most free slots, the first of
// equal ones, or the reason why there is none.
func choose(workers []state.Worker, t state.Task) (*state.Worker, string) {
	need := max(t.Work.Gang.Min, 1)
	var best *state.Worker
	class, free := false, 0
	for i := range workers {
		w := &workers[i]
		if w.Class != t.Work.Task.Numerics {
			continue
		}
		class = true
		free += w.Free
		if w.Free >= need && (best == nil || w.Free > best.Free) {
			best = w
		}
	}
	switch {
	case best != nil:
		return best, ""
	case !class:
		return nil, "no worker of class " + t.Work.Task.Numerics
	}
	return nil, fmt.Sprintf("needs %d slots on one worker, %d free", need, free)
}

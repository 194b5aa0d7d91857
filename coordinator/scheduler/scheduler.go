// Package scheduler decides which pending tasks go where. It is one pure
// function of a view of the state: no clock of its own, no randomness, no order
// of a map. A plan is data; state.Apply checks each placement again and may
// refuse it.
package scheduler

import (
	"fmt"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Plan is what should happen next.
type Plan struct {
	Commands []command.Command
	waiting  map[api.Key]string
}

// Why says why a pending task is not placed, in words; empty if it is.
func (p *Plan) Why(k api.Key) string { return p.waiting[k] }

// Policy is what a cluster wants of its scheduler.
type Policy struct{}

// DefaultPolicy is a good start.
func DefaultPolicy() Policy { return Policy{} }

// LocalPolicy is that of g2c run.
func LocalPolicy() Policy { return Policy{} }

// Make makes the plan for a state at a time.
func Make(s *state.Snapshot, now int64, _ Policy) *Plan {
	p := &Plan{waiting: map[api.Key]string{}}
	free := map[string]int{}
	for w := range s.Workers("") {
		if w.Open(now) {
			free[w.ID] = w.Free()
		}
	}
	for t := range s.Tasks(0) {
		if t.Status != state.Pending {
			continue
		}
		if t.WaitsOn > 0 {
			p.waiting[t.Work.Key] = fmt.Sprintf("waits for %d inputs", t.WaitsOn)
			continue
		}
		p.waiting[t.Work.Key] = fmt.Sprintf("needs %d slots of class %s", t.Gang().Min, t.Work.Task.Numerics)
		for w := range s.Workers("") {
			if slots := min(free[w.ID], t.Gang().Max); w.Fits(t) && slots >= t.Gang().Min {
				free[w.ID] -= slots
				delete(p.waiting, t.Work.Key)
				p.Commands = append(p.Commands, command.Place{
					Task: t.Work.Key, Generation: t.Generation + 1, Parts: []command.Part{{Worker: w.ID, Slots: slots}},
				})
				break
			}
		}
	}
	return p
}

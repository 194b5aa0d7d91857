// Package scheduler decides which pending tasks go where, which gangs grow and
// shrink, and who has to stop for whom. It is one pure function of a snapshot, a
// time and a policy: no clock of its own, no randomness, no order of a map. A plan
// is data; state.Apply checks each command again and may refuse it.
//
// The rules, in the order in which they decide:
//
//  1. Projects take turns: next is the one that uses least for its weight. Inside a
//     project higher priority goes first, then who was submitted first. A project
//     at its quota waits.
//  2. A gang is placed whole, with its least number of slots, or not at all; whoever
//     does not fit lets smaller ones pass, until it has waited for the policy's
//     patience: then free slots are kept for it.
//  3. A task goes to the open worker where most of what it reads lies, else where it
//     leaves the smallest hole; to several workers only if no single one will do,
//     then to workers of one host first. A worker where it failed is avoided, if
//     there are others.
//  4. Slots that nobody waits for extend gangs towards their most.
//  5. Who has waited long enough may make others shrink, or save and stop: tasks of
//     lower priority in its own project, and what other projects have above their
//     fair share while it has less than its own. So nobody preempts in turn.
//
// Words (state has more): a kind is the workers of one class, device and memory. A
// queue is the pending tasks of one project that ask for the same, so that one look
// at its head answers for all of it. A pass is one run of the rules.
package scheduler

import (
	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Plan is what should happen next, and why the rest has to wait. It never changes
// and may be read from any number of goroutines.
type Plan struct {
	// Commands are to be written in this order.
	Commands []command.Command

	snapshot *state.Snapshot
	now      int64
	placed   map[uint64]bool
	verdicts map[queueKey]verdict
}

// Make makes the plan for a state at a time. A Planner makes the same ones faster,
// one after the other.
func Make(s *state.Snapshot, now int64, policy Policy) *Plan {
	return new(Planner).Plan(s, now, policy)
}

// Planner makes plans for one state as it goes on, keeping its indexes between
// them. It belongs to one goroutine. The zero Planner is ready.
type Planner struct {
	index *index
	at    uint64 // of the last snapshot
	now   int64
}

// Plan makes the same plan as Make.
func (p *Planner) Plan(s *state.Snapshot, now int64, policy Policy) *Plan {
	p.follow(s, now)
	return newPass(p.index, s, now, policy).run()
}

// follow brings the indexes up to a snapshot and a time. When time went back, or
// the state cannot say any more what changed, they are made anew.
func (p *Planner) follow(s *state.Snapshot, now int64) {
	changes, ok := s.ChangesSince(p.at)
	if p.index == nil || !ok || s.Index() < p.at || now < p.now {
		p.index = newIndex(s, now)
	} else {
		p.index.update(s, now, changes)
	}
	p.at, p.now = s.Index(), now
}

// Why says in words why a task is not running, if it is pending and this plan does
// not place it; else nothing.
func (p *Plan) Why(k api.Key) string {
	t := p.snapshot.Task(k)
	if t == nil || t.Status != state.Pending || p.placed[t.Seq] {
		return ""
	}
	return p.why(t)
}

// Package scheduler decides which pending tasks go where, which gangs grow and
// shrink, and who has to stop for whom. It is one pure function of a snapshot, a
// time, a policy, hints and what the plan before remembered: no clock of its own,
// no randomness, no order of a map. A plan is data; state.Apply checks each command
// again and may refuse it.
//
// The rules, in the order in which they decide:
//
//  1. Projects take turns at each numerics class: next is the one that has least,
//     for its weight, of the node classes that its first task could use; of equals
//     the one with the smaller dominant share over all device kinds, then the one
//     that has had fewer turns, then the older task. Inside a project higher
//     priority goes first, then who was submitted first. A task is placed for one of
//     its wishes, with what that one asks for. A project at its quota waits.
//  2. A gang is placed whole, with its least number of slots, or not at all, and on
//     one worker unless the policy lets it span several. Whoever does not fit lets
//     others pass, until it has waited for the policy's patience: then slots are
//     reserved for it, if it could ever have them, if its project's share is large
//     enough, and if they are expected in time. Others may use them until then, if
//     they will have ended by then, or as far as they are not needed. A project's
//     quota is reserved the same way.
//  3. A task goes to the open worker where most of what it reads lies, else where it
//     leaves the smallest hole. A worker where it failed is avoided, if there are
//     others.
//  4. Slots that nobody waits for extend gangs towards their most.
//  5. Who has waited long enough may make others shrink, or save and stop: tasks of
//     lower priority in its own project, and what other projects have above their
//     fair share while it has less than its own. So nobody preempts in turn, but
//     for projects whose share is less than a slot: they take turns.
//
// Words (state has more): a node class is the workers of one numerics class, device
// and memory. A resource request is what a wish asks of workers; a pool is the node
// classes that suit it. A queue is the wishes of one project for pending tasks that
// ask for the same, so that one look at its head answers for all of it. A
// reservation is slots reserved for the head of a queue; a claim is one with what it
// means in this pass. A pass is one run of the rules, in stages that return values.
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
	// From is what the plan was made with, Next what the plan after it needs.
	From, Next Memory

	snapshot *state.Snapshot
	now      int64
	span     bool
	placed   map[uint64]bool
	verdicts map[queueKey]verdict
	backlog  []backlog

	needs func() []Need          // worked out when somebody asks, once
	idle  func() map[string]bool // the same
}

// Index is that of the state which the plan is for.
func (p *Plan) Index() uint64 { return p.snapshot.Index() }

// queueKey names a queue.
type queueKey struct {
	project string
	request request
}

// Make makes the plan for a state at a time. Nil hints know nothing. A Planner
// makes the same ones faster, one after the other.
func Make(s *state.Snapshot, now int64, policy Policy, hints Hints, memory Memory) *Plan {
	x := newIndex(s, now)
	return newPass(x, s, now, policy, hints, memory.count(s, x)).run(memory)
}

// Planner makes plans for one state as it goes on, keeping its indexes between
// them, and its memory. It belongs to one goroutine. The zero Planner is ready.
type Planner struct {
	index  *index
	at     uint64 // of the last snapshot
	now    int64
	level  int
	memory Memory
}

// Plan makes the plan that Make makes of the same, and of what the Planner
// remembers, which the plan says.
func (p *Planner) Plan(s *state.Snapshot, now int64, policy Policy, hints Hints) *Plan {
	p.follow(s, now)
	turns := p.memory.count(s, p.index)
	p.index.turns = p.index.turns[:0]
	plan := newPass(p.index, s, now, policy, hints, turns).run(Memory{p.memory.reservations, turns})
	p.memory = plan.Next
	return plan
}

// follow brings the indexes up to a snapshot and a time. When time went back, or
// the state cannot say any more what changed, they are made anew.
func (p *Planner) follow(s *state.Snapshot, now int64) {
	changes, ok := s.ChangesSince(p.at)
	if p.index == nil || !ok || s.Index() < p.at || now < p.now || p.level != s.Level() { // a level changes what is wanted and who can join
		p.index = newIndex(s, now)
	} else {
		p.index.update(s, now, changes)
	}
	p.at, p.now, p.level = s.Index(), now, s.Level()
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

package sim

import (
	"bytes"

	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// leader is the node that writes, if there is one.
type leader struct {
	there   bool
	offset  int64            // of its clock
	heard   map[string]int64 // true time of a worker's last heartbeat
	pending bool             // a plan will be made soon
}

// clock is what the leader believes the time to be. It never goes below 1.
func (w *World) clock() int64 { return max(w.now+w.leader.offset+3600_000, 1) }

// elect makes a leader that knows nothing but the state, from a snapshot on disk.
// It has heard of nobody yet, so every lease begins anew.
func (w *World) elect() {
	var b bytes.Buffer
	if err := w.state.Encode(&b); err != nil {
		w.fail("snapshot: %w", err)
		return
	}
	restored, err := state.Decode(&b)
	if err != nil {
		w.fail("restore: %w", err)
		return
	}
	if restored.Hash() != w.state.Hash() {
		w.fail("a restored state has another hash")
	}
	w.state, w.planner = restored, new(scheduler.Planner)
	w.stats.Leaders++
	w.leader = leader{there: true, offset: w.between(-3000, 3000), heard: map[string]int64{}}
	for v := range w.state.Workers("") {
		w.leader.heard[v.ID] = w.now
	}
	w.planSoon()
}

// depose leaves the cluster without a leader for about as long as an election
// takes.
func (w *World) depose() {
	if w.leader.there {
		w.leader.there = false
		w.after(w.between(300, 1500), w.elect)
	}
}

func (w *World) planSoon() {
	if w.leader.pending {
		return
	}
	w.leader.pending = true
	w.after(planMS, func() {
		w.leader.pending = false
		w.plan()
	})
}

// plan makes a plan and commits it.
func (w *World) plan() {
	if !w.leader.there {
		return
	}
	w.last = w.planner.Plan(w.state.Snapshot(), w.clock(), w.cfg.Policy, w.hints())
	for _, c := range w.last.Commands {
		if r := w.apply(c); r.Err != nil {
			w.fail("the plan is refused: %+v: %w", c, r.Err)
			return
		}
		switch c := c.(type) {
		case command.Place:
			w.stats.Placed++
			w.checkQuota(c)
		case command.Resize:
			w.stats.Resized++
		case command.Preempt:
			w.stats.Preempted++
		case command.Evict:
			w.stats.Evicted++
		}
	}
}

// checkQuota holds the quota of the project for which a task was placed. From the
// level on at which a task is charged for whom it runs, it holds after every entry:
// before, another experiment's end may charge one that has no room.
func (w *World) checkQuota(c command.Place) {
	w.checkQuotaOf(w.state.Task(c.Task).Project)
}

func (w *World) checkQuotaOf(name string) {
	if quota := w.state.Project(name).Quota; quota > 0 && w.state.Usage(name) > quota {
		w.fail("project %s uses %d of %d slots", name, w.state.Usage(name), quota)
	}
}

// tick does what time alone asks for: plans whose reason is the clock, and leases.
func (w *World) tick() {
	w.after(tickMS, w.tick)
	w.done = w.finished()
	if !w.leader.there {
		return
	}
	for _, v := range w.workers {
		record := w.state.Worker(v.id)
		if record != nil && !record.Lost && w.now-w.leader.heard[v.id] > leaseMS {
			w.stats.Lost++
			w.apply(command.Lost{Worker: v.id, Incarnation: record.Incarnation})
		}
	}
	w.plan()
}

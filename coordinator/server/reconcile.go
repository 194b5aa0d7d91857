package server

import (
	"maps"
	"slices"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// The store is the truth, and the state is reconciled with it: round after round, a few
// tasks a second, so that a store far away is not kept busy by it.
const (
	reconcileEvery = time.Second
	reconcileTasks = 50 // of which the store is asked in that time
)

// reconcile walks the tasks and asks the store whether what is done has its result still,
// and whether what is not has one all the same.
func (r *leadership) reconcile() {
	if r.artifacts.repo == nil {
		return
	}
	next := uint64(0)
	for r.pause(reconcileEvery) {
		snapshot := r.Snapshot()
		if snapshot.Level() < api.LevelWishes {
			continue
		}
		ask, status := map[api.Key]bool{}, map[api.Key]state.Status{}
		from := next
		next = 0
		for t := range snapshot.Tasks(from) {
			if len(ask) == reconcileTasks {
				next = t.Seq
				break
			}
			if t.Status == state.Pending || t.Status == state.Failed || t.Status == state.Done && !t.Gone {
				ask[t.Work.Key], status[t.Work.Key] = true, t.Status
			}
		}
		final, err := r.artifacts.finals(r.ctx, ask)
		if err != nil {
			if r.ctx.Err() == nil {
				r.log.Warn("the store cannot be asked what is done", "why", err)
			}
			continue // nothing is known of any: they are asked for in the next round
		}
		r.settle(status, final)
	}
}

// settle tells the state what the store has and what it has not. A store that has none of
// what is done is taken for another one, or for one that is not mounted: nothing is
// trained again for that.
func (r *leadership) settle(status map[api.Key]state.Status, final map[api.Key]bool) {
	var found, missing []api.Key
	there := false
	for _, k := range slices.SortedFunc(maps.Keys(status), api.Key.Compare) {
		switch {
		case status[k] == state.Done && final[k]:
			there = true
		case status[k] == state.Done:
			missing = append(missing, k)
		case final[k]:
			found = append(found, k)
		}
	}
	if len(missing) > 0 && !there {
		r.log.Warn("the store has no result of tasks that are done: is it the right one, and mounted?", "tasks", len(missing), "one", missing[0])
		missing = nil
	}
	if len(found) > 0 {
		r.tell(command.Found{Tasks: found}, "results were found in the store", len(found))
	}
	if len(missing) > 0 {
		r.tell(command.Missing{Tasks: missing}, "results are gone from the store", len(missing))
	}
}

func (r *leadership) tell(c command.Command, what string, n int) {
	if _, err := r.propose(r.ctx, command.Entry{Command: c}); err != nil {
		r.log.Warn(what+", and that could not be written", "tasks", n, "why", err)
		return
	}
	r.log.Info(what, "tasks", n)
}

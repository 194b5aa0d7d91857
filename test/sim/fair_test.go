package sim

import (
	"fmt"
	"time"

	"g2c/coordinator/state"
)

// fairEvery is how often the world is held to who comes first.
const fairEvery = time.Minute

// bound is how long the first task of its project that asks for the same may wait
// while a worker has all it needs free, or held by those with less right to it. The
// policy's patience passes before slots are reserved, the longest task has to end on
// them, and once more if a worker is lost meanwhile; the rest is for those that are
// asked to save and do not, and for leaders that change and whose clocks jump.
func (w *world) bound() time.Duration {
	return time.Duration(w.cfg.policy.PatienceMS)*time.Millisecond + 2*w.cfg.longest + 30*time.Minute
}

// wronged is a task that waits though those with less right have what it needs.
type wronged struct {
	since time.Duration
	where string
}

// watchFair holds waiting tasks to the promise now and then.
func (w *world) watchFair() {
	w.after(fairEvery, w.watchFair)
	if !w.leader.leads {
		return
	}
	w.findFirsts()
	next := map[uint64]wronged{}
	for t := range w.state.Tasks(0) {
		if !w.first(t) {
			continue
		}
		where := w.wrongedAt(t)
		if where == "" {
			continue
		}
		was, ok := w.wronged[t.Seq]
		if !ok {
			was.since = w.now
		}
		was.where = where
		next[t.Seq] = was
		waited := w.now - was.since
		w.stats.wronged = max(w.stats.wronged, waited)
		if waited > w.bound() {
			w.fail("%s of %s at %d has waited for %v, though %s: %s",
				t.Work.Name(), t.Project, t.Priority, waited, where, w.leader.plan.Why(t.Work.Key))
		}
	}
	w.wronged = next
}

// want is what tasks of a project have in common that wait for the same.
type want struct {
	project, device string
	memory          int64
	min             int
}

func wantOf(t *state.Task) want {
	return want{t.Project, t.Need.Device, t.Need.Memory, t.Gang().Min}
}

// first says whether a task could be placed, and comes first of those of its project
// that ask for the same.
func (w *world) first(t *state.Task) bool {
	if !w.placeable(t) {
		return false
	}
	best, ok := w.wants[wantOf(t)]
	return ok && best == t.Seq
}

// placeable says whether a task waits for nothing but slots, of any worker.
func (w *world) placeable(t *state.Task) bool {
	return t.Status == state.Pending && t.WaitsOn == 0 && t.NotBefore <= w.clock() && len(t.Avoid) == 0 && !w.withheld(t)
}

// findFirsts finds who comes first of each project and want.
func (w *world) findFirsts() {
	w.wants = map[want]uint64{}
	for t := range w.state.Tasks(0) {
		if !w.placeable(t) {
			continue
		}
		k := wantOf(t)
		if best, ok := w.wants[k]; !ok || t.Priority > w.state.TaskAt(best).Priority {
			w.wants[k] = t.Seq
		}
	}
}

// wrongedAt says where a task could be, if those with less right made way; nothing
// if nowhere. A worker will do if what is free there and what those with less right
// have there is enough, and the project's quota has room.
func (w *world) wrongedAt(t *state.Task) string {
	need := t.Gang().Min
	p := w.state.Project(t.Project)
	if p.Quota > 0 && w.state.Usage(t.Project)+need > p.Quota {
		return ""
	}
	over, within := w.shares(t)
	for v := range w.state.Workers("") {
		if !v.Open(w.clock()) || !v.Fits(t) {
			continue
		}
		free, less := v.Free(), 0
		for _, h := range v.Allocations {
			r := w.state.TaskAt(h.Task)
			if !h.Terminating && lessRight(r, t, within && over[r.Project] >= r.Slots()) {
				less += h.Slots
			}
		}
		if free+less >= need {
			return fmt.Sprintf("%s has %d slots free and %d held by tasks with less right", v.ID, free, less)
		}
	}
	return ""
}

// lessRight says whether a running task has less right to its slots than one that
// waits: it is of the same project and less urgent, or as urgent, submitted later and
// placed while the other waited; or it is of another project that has at least so
// much above its share, while the one that waits is of one that stays within its own.
func lessRight(r, t *state.Task, above bool) bool {
	if r.Preempting {
		return false
	}
	if r.Project != t.Project {
		return above
	}
	return r.Priority < t.Priority || r.Priority == t.Priority && r.Seq > t.Seq && r.PlacedAt > t.Ready
}

// shares is what other projects have above their share of the slots that could
// serve a task, and whether its own would stay within its share with it.
func (w *world) shares(t *state.Task) (over map[string]int, within bool) {
	capacity, weights := 0, 0
	used := map[string]int{t.Project: 0}
	for v := range w.state.Workers("") {
		if !v.Open(w.clock()) || !v.Fits(t) {
			continue
		}
		capacity += v.Slots
		for _, h := range v.Allocations {
			if r := w.state.TaskAt(h.Task); !h.Terminating && !r.Preempting {
				used[r.Project] += h.Slots
			}
		}
	}
	for k := range w.wants {
		used[k.project] += 0
	}
	for name := range used {
		weights += w.state.Project(name).Weight
	}
	share := func(name string) int { return capacity * w.state.Project(name).Weight / weights }
	over = map[string]int{}
	for name, n := range used {
		if name != t.Project && n > share(name)+1 { // what is rounded is nobody's wrong
			over[name] = n - share(name) - 1
		}
	}
	return over, used[t.Project]+t.Gang().Min <= share(t.Project)
}

package sim

import (
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// holds is which experiments are held, and since when, by a clock that is right.
type holds map[uint64]time.Duration

// mayHold has some experiments held for a while, once every replica reads that.
func (w *world) mayHold(id string) {
	if w.state.Level() < api.LevelHolds || !w.chance(8) {
		return
	}
	w.after(w.between(0, 10*time.Minute), func() {
		w.ask(command.Hold{Experiment: id, Reason: "somebody else is in a hurry"}, whatever)
		w.releaseLater(id)
	})
}

// releaseLater has an experiment go on after a while, so that every task ends. One that was
// cancelled meanwhile is refused.
func (w *world) releaseLater(id string) {
	w.after(w.between(0, 15*time.Minute), func() { w.ask(command.Release{Experiment: id}, whatever) })
}

// withheld says whether somebody who wants a task is held: it may have a project and a
// priority then that it is not placed with.
func (w *world) withheld(t *state.Task) bool {
	for _, e := range w.state.ExperimentsOf(t) {
		if e.Held {
			return true
		}
	}
	return false
}

// stopWithin is how long a gang may be there after its experiment was held: who does not save
// in time is evicted, by a leader whose clock may have jumped, and who may have to be elected.
func (w *world) stopWithin() time.Duration {
	return 2*time.Duration(w.cfg.policy.GraceMS)*time.Millisecond + 3*time.Minute
}

// checkHolds holds experiments that are held to having no gang any more, but for one that
// stops, which has its time for that.
func (w *world) checkHolds() {
	now := holds{}
	for e := range w.state.Experiments(0) {
		if !e.Held {
			continue
		}
		since, known := w.holds[e.Seq]
		if !known {
			since = w.now
			w.stats.held++
		}
		now[e.Seq] = since
		for _, seq := range e.Tasks {
			t := w.state.TaskAt(seq)
			switch {
			case t.Charged != e.Seq:
			case !t.Preempting:
				w.fail("%s runs for %s, which is %s", t.Work.Name(), e.ID, e.WhyHeld())
			case w.now-since > w.stopWithin():
				w.fail("%s still runs for %s, which was held %v ago", t.Work.Name(), e.ID, w.now-since)
			}
		}
	}
	w.holds = now
}

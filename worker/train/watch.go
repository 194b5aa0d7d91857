package train

import (
	"fmt"
	"time"
)

// A gang is as fast as its slowest member. Each of the others sees how long it stands and
// waits for whom, and says so: in the task's log, and to the coordinator, which may have the
// gang go on with another.

const (
	watchSteps   = 20   // over which it is judged
	waitsTooLong = 0.25 // of their time
)

// watch is what a member sees of the others of a generation. The zero watch has seen
// nothing.
type watch struct {
	steps int
	from  time.Time
	slow  map[int]bool // by place: who was said to be
}

// step is the end of a step.
func (w *watch) step(f *finetuner) {
	if f.devices.late == nil || f.meeting == nil {
		return
	}
	if w.from.IsZero() { // the first step is of those who get ready
		w.begin(f)
		return
	}
	if w.steps++; w.steps < watchSteps {
		return
	}
	passed := f.opt.Now().Sub(w.from)
	late := f.devices.late()
	for place, waited := range late.Waited {
		slow := waited > time.Duration(waitsTooLong*float64(passed))
		if slow && w.slow[place] { // twice in a row, it is more than a moment
			f.opt.Gang.Waits(f.meeting, place, min(float64(waited)/float64(passed), 1))
		}
		if slow == w.slow[place] || !slow && 2*waited > time.Duration(waitsTooLong*float64(passed)) {
			continue
		}
		w.slow[place] = slow
		name, each := f.meeting.Names[place], passed/watchSteps
		if slow {
			f.opt.Warn(fmt.Sprintf("%v of each step of %v are spent waiting for worker %s: it is slow, or the way to it", round(waited/watchSteps), round(each), name))
		} else {
			f.opt.Warn(fmt.Sprintf("worker %s is waited for no more: a step takes %v", name, round(each)))
		}
	}
	w.begin(f)
}

func (w *watch) begin(f *finetuner) {
	f.devices.late()
	w.steps, w.from = 0, f.opt.Now()
	if w.slow == nil {
		w.slow = map[int]bool{}
	}
}

// round leaves a duration so many digits as people read.
func round(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

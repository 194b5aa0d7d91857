package server

import (
	"fmt"
	"time"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Where a spec does not say how long a task may be without a sign of life.
const (
	// stillStarting is from its placement: reading data and the last checkpoint come
	// before the first step, and say lines meanwhile.
	stillStarting = time.Hour
	// stillRunning is from one completed step to the next, and no less than stillSteps
	// of them at the rate that the worker reports: between two may lie an evaluation or
	// a checkpoint.
	stillRunning = 30 * time.Minute
	stillSteps   = 50
)

// watchdog takes tasks off their workers that were placed and never start, or that run
// and get no further. It counts from its own leadership on, at the earliest: what was
// said before was said to another.
func (r *leadership) watchdog() {
	for r.pause(r.cfg.Lease) {
		snapshot := r.Snapshot()
		if snapshot.Level() < api.LevelWishes {
			continue
		}
		for w := range snapshot.Workers("") {
			for _, a := range w.Allocations {
				t := snapshot.TaskAt(a.Task)
				if a.Terminating || t.Preempting || t.Parts[0].Worker != w.ID { // one look a gang
					continue
				}
				if c, ok := r.hung(snapshot, t); ok {
					r.log.Warn("a task hangs", "task", t.Work.Name(), "key", t.Work.Key, "worker", w.ID, "why", c.Reason)
					if _, err := r.propose(r.ctx, command.Entry{Command: c}); err != nil {
						r.log.Warn("a task that hangs could not be taken off its workers", "why", err)
					}
				}
			}
		}
	}
}

// hung is the command that takes a task off its workers, if it has given no sign of life
// for too long.
func (r *leadership) hung(snapshot *state.Snapshot, t *state.Task) (command.Evict, bool) {
	wish, _ := snapshot.Wish(t)
	dog := snapshot.WorkFor(t, wish).Watchdog
	heard, progress := r.journal.lifeOf(t.Work.Key, t.Generation)
	since, limit, what := heard.spoke, seconds(dog.Start, stillStarting), "it did not start, and said nothing"
	if t.Status == state.Running {
		since, limit = heard.moved, seconds(dog.Progress, max(stillRunning, stepsTime(progress)))
		what = fmt.Sprintf("it got no further than step %d of %d", progress.GetStep(), progress.GetSteps())
	}
	if since.Before(r.began) {
		since = r.began
	}
	if at := time.UnixMilli(max(t.PlacedAt, t.Started)); since.Before(at) && at.Before(r.clock.Now()) {
		since = at
	}
	silent := r.clock.Now().Sub(since)
	if silent < limit {
		return command.Evict{}, false
	}
	return command.Evict{
		Task: t.Work.Key, Generation: t.Generation, Hung: true, Step: progress.GetStep(), Words: r.journal.wordsOf(t.Work.Key, maxWords),
		Reason: fmt.Sprintf("%s for %v on %s", what, silent.Round(time.Second), t.Parts[0].Worker),
	}, true
}

// maxWords bounds the last words of a task that go into the state.
const maxWords = 500

// seconds is a time of a spec, or the default for 0.
func seconds(n int, otherwise time.Duration) time.Duration {
	if n == 0 {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

// stepsTime is how long so many steps take at the rate that was reported.
func stepsTime(p *apiv1.Progress) time.Duration {
	if rate := p.GetStepsPerSecond(); rate > 0 {
		return time.Duration(min(stillSteps/rate, 1e6) * float64(time.Second))
	}
	return 0
}

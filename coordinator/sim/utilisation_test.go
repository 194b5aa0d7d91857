package sim

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
)

// mixed is a day's work: sweeps of small tasks, gangs of several sizes, three
// priorities, two projects; submitted in the first hour. Times are of one slot.
func (w *World) mixed() (work []job) {
	for _, p := range projects[:2] {
		w.apply(p)
	}
	for e := range 60 {
		c := command.Submit{Experiment: fmt.Sprint("e", e), Project: projects[e%2].Project, Priority: e % 3}
		add := func(i, slots int, ms int64) {
			name := fmt.Sprintf("T%d.%d", e, i)
			v := fixture.Work(name, fixture.Options{Gang: api.Gang{Min: slots, Max: slots}})
			w.left[v.Key] = ms * int64(slots)
			work = append(work, job{slots: slots, ms: ms})
			c.Works = append(c.Works, v)
		}
		switch e % 3 {
		case 0, 1: // a sweep
			for i := range 40 {
				add(i, 1, w.between(300_000, 3600_000))
			}
		case 2: // gangs
			for i := range 6 {
				add(i, 2<<w.rand.IntN(3), w.between(1200_000, 7200_000))
			}
		}
		at := w.between(0, 3600_000)
		w.after(at, func() { w.apply(c) })
	}
	return work
}

// job is a task whose run time is known.
type job struct {
	slots int
	ms    int64
}

// offline is when the last of some jobs ends if somebody who knows all run times
// places them at once, the largest first, each on the worker where it can begin
// first.
func offline(jobs []job, workers int, slots int) int64 {
	slices.SortStableFunc(jobs, func(a, b job) int {
		return cmp.Or(cmp.Compare(b.slots, a.slots), cmp.Compare(b.ms, a.ms))
	})
	free := make([][]int64, workers) // when each slot is free, sorted
	for i := range free {
		free[i] = make([]int64, slots)
	}
	last := int64(0)
	for _, j := range jobs {
		best := 0
		for i := range free {
			if free[i][j.slots-1] < free[best][j.slots-1] {
				best = i
			}
		}
		end := free[best][j.slots-1] + j.ms
		for i := range j.slots {
			free[best][i] = end
		}
		slices.Sort(free[best])
		last = max(last, end)
	}
	return last
}

// A mixed load ends nearly as early as if somebody who knew all run times had
// placed it: with reports of what is left, and without.
func TestUtilisation(t *testing.T) {
	for n := uint64(1); n <= 4; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			hints := n%2 == 1
			w := newWorld(Config{Seed: n, Duration: 3600_000, Policy: scheduler.DefaultPolicy(), Hints: hints, Longest: 7200_000})
			for i := range 8 {
				w.addWorkerOf(&worker{id: fmt.Sprintf("w%05d", i), host: fmt.Sprint("h", i), slots: 8, up: true, slow: 1})
			}
			jobs := w.mixed()
			w.until(func() bool { return w.done })
			if w.err != nil {
				t.Fatal(w.err)
			}
			total, end := int64(0), int64(0)
			for task := range w.state.Tasks(0) {
				end = max(end, task.Ended-3600_000-w.leader.offset)
			}
			for _, j := range jobs {
				total += int64(j.slots) * j.ms
			}
			best := offline(jobs, 8, 8)
			ratio := float64(best) / float64(end)
			t.Logf("seed %d, hints %v: %d tasks end after %d s, %.3f of all slots used; offline after %d s, %.3f; that is %.3f of it; %d preempted",
				n, hints, len(jobs), end/1000, float64(total)/float64(64*end), best/1000, float64(total)/float64(64*best), ratio, w.stats.Preempted)
			if !(ratio >= 0.9) {
				t.Errorf("seed %d, hints %v: %.3f of the offline greedy's utilisation, want 0.9", n, hints, ratio)
			}
		})
	}
}

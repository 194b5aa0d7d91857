package sim

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
)

// mixed is a day's work: sweeps of small tasks, gangs of several sizes, three
// priorities, two projects; submitted in the first hour. Times are of one slot.
func (w *world) mixed() (work []known) {
	for _, p := range projects[:2] {
		w.apply(command.Entry{Command: p})
	}
	for e := range 60 {
		c := command.Submit{Experiment: fmt.Sprint("e", e), Project: projects[e%2].Project, Priority: e % 3}
		add := func(i, slots int, d time.Duration) {
			name := fmt.Sprintf("T%d.%d", e, i)
			v := fixture.Work(name, fixture.Options{Gang: api.Gang{Min: slots, Max: slots}})
			w.put(v, d*time.Duration(slots))
			work = append(work, known{slots, d})
			c.Works = append(c.Works, v)
		}
		switch e % 3 {
		case 0, 1: // a sweep
			for i := range 40 {
				add(i, 1, w.between(5*time.Minute, time.Hour))
			}
		case 2: // gangs
			for i := range 6 {
				add(i, 2<<w.rand.IntN(3), w.between(20*time.Minute, 2*time.Hour))
			}
		}
		at := w.between(0, time.Hour)
		w.after(at, func() { w.request(c) })
	}
	return work
}

// known is a task whose run time is known.
type known struct {
	slots int
	took  time.Duration
}

// offline is when the last of some jobs ends if somebody who knows all run times
// places them at once, the largest first, each on the worker where it can begin
// first.
func offline(jobs []known, workers int, slots int) time.Duration {
	slices.SortStableFunc(jobs, func(a, b known) int {
		return cmp.Or(cmp.Compare(b.slots, a.slots), cmp.Compare(b.took, a.took))
	})
	free := make([][]time.Duration, workers) // when each slot is free, sorted
	for i := range free {
		free[i] = make([]time.Duration, slots)
	}
	last := time.Duration(0)
	for _, j := range jobs {
		best := 0
		for i := range free {
			if free[i][j.slots-1] < free[best][j.slots-1] {
				best = i
			}
		}
		end := free[best][j.slots-1] + j.took
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
			w := newWorld(config{seed: n, duration: time.Hour, policy: scheduler.DefaultPolicy(), hints: hints, longest: 2 * time.Hour})
			for i := range 8 {
				w.add(&node{id: fmt.Sprintf("w%05d", i), host: &host{name: fmt.Sprint("h", i)}, slots: 8})
			}
			w.raise()
			jobs := w.mixed()
			w.until(w.finished)
			if w.err != nil {
				t.Fatal(w.err)
			}
			total, end := time.Duration(0), w.now
			for _, j := range jobs {
				total += time.Duration(j.slots) * j.took
			}
			best := offline(jobs, 8, 8)
			ratio := float64(best) / float64(end)
			t.Logf("seed %d, hints %v: %d tasks end after %d s, %.3f of all slots used; offline after %d s, %.3f; that is %.3f of it; %d preempted",
				n, hints, len(jobs), end/time.Second, float64(total)/float64(64*end), best/time.Second, float64(total)/float64(64*best), ratio, w.stats.preempted)
			if !(ratio >= 0.9) {
				t.Errorf("seed %d, hints %v: %.3f of the offline greedy's utilisation, want 0.9", n, hints, ratio)
			}
		})
	}
}

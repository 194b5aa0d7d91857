package sim

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
)

// projects share the cluster: by weight, one of them with a quota.
var projects = []command.SetProject{
	{Project: "alpha", Weight: 1},
	{Project: "beta", Weight: 3},
	{Project: "gamma", Weight: 2, Quota: 64},
}

// load has people submit experiments, and cancel a few.
func (w *World) load() {
	w.apply(command.Raise{Level: command.Level})
	for _, p := range projects {
		w.apply(p)
	}
	for range w.cfg.Experiments {
		w.after(w.between(0, w.cfg.Duration), w.submit)
	}
}

// submit asks for an experiment: generators, many of them shared with others, and
// what reads them.
func (w *World) submit() {
	if !w.leader.there {
		w.after(1000, w.submit)
		return
	}
	w.made++
	c := command.Submit{
		Experiment: fmt.Sprint("e", w.made), Project: projects[w.rand.IntN(len(projects))].Project, Priority: w.rand.IntN(3),
	}
	widths := 4
	if w.chance(8) {
		c.Need = command.Need{Device: "big", Memory: 2 << 34}
		widths = 3 // no gang that only one worker could hold
	}
	var generators []api.Key
	for range 1 + w.rand.IntN(3) {
		g := w.work(fmt.Sprintf("G%d", w.rand.IntN(40+w.cfg.Experiments)), fixture.Options{Data: "small"})
		if !slices.Contains(generators, g.Key) {
			generators = append(generators, g.Key)
			c.Works = append(c.Works, g)
		}
	}
	for i := range 1 + w.rand.IntN(8) {
		low := 1 << w.rand.IntN(widths)
		c.Works = append(c.Works, w.work(fmt.Sprintf("F%d.%d", w.made, i), fixture.Options{
			Inputs: generators, Gang: api.Gang{Min: low, Max: low + w.rand.IntN(8)}, Data: "big",
		}))
	}
	if r := w.apply(c); r.Err != nil {
		w.fail("submit: %w", r.Err)
	}
	if w.chance(15) {
		w.after(w.between(0, 600_000), func() { w.cancel(c.Experiment) })
	}
}

func (w *World) cancel(experiment string) {
	if !w.leader.there {
		w.after(1000, func() { w.cancel(experiment) })
		return
	}
	w.apply(command.Cancel{Experiment: experiment})
}

// longestMS is the longest that a task of the usual load runs on one slot.
const longestMS = 600_000

// work is a task with an amount of work to do: half a minute to ten, of one slot.
func (w *World) work(name string, o fixture.Options) api.Work {
	work := fixture.Work(name, o)
	if _, known := w.left[work.Key]; !known {
		w.left[work.Key] = w.between(30_000, longestMS)
	}
	return work
}

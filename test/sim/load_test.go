package sim

import (
	"fmt"
	"slices"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// projects share the cluster: by weight, one of them with a quota of a third.
var projects = []command.SetProject{
	{Project: "alpha", Weight: 1},
	{Project: "beta", Weight: 3},
	{Project: "gamma", Weight: 2, Quota: 3},
}

// load has people submit experiments, and cancel or hold a few.
func (w *world) load() {
	slots := 0
	for _, n := range w.nodes {
		slots += n.slots
	}
	for _, p := range projects {
		if p.Quota > 0 {
			p.Quota = slots / p.Quota
		}
		w.apply(command.Entry{Command: p})
	}
	for range w.cfg.experiments {
		w.after(w.between(0, w.cfg.duration), w.submit)
	}
}

// ask has somebody's request written, however often that takes: a request that was not
// answered is made again, under the same number. It is applied once.
func (w *world) ask(c command.Command, then func(state.Result)) {
	w.requests++
	w.waiting++
	e := command.Entry{Command: c, Request: fmt.Sprint("r", w.requests)}
	index := uint64(0) // of the entry that was applied
	var try func()
	try = func() {
		if !w.leader.leads {
			w.after(time.Second, try)
			return
		}
		answered := false
		w.leader.propose(e, func(r state.Result) {
			answered = true
			switch {
			case r.Err == nil && index > 0 && (r.Index != index || !r.Repeated):
				w.fail("request %s was applied twice", e.Request)
			case r.Err == nil && index == 0 && w.mishap(20): // nobody hears the answer
				index = r.Index
				if _, named := c.(command.Submit); w.cfg.sabotage == noRequests && !named { // an experiment's id is a number, too
					e.Request = ""
				}
				w.after(time.Second, try)
			default:
				w.waiting--
				then(r)
			}
		})
		w.after(2*time.Second, func() {
			if !answered {
				try()
			}
		})
	}
	try()
}

// whatever is the answer to a request that may be refused.
func whatever(state.Result) {}

// submit asks for an experiment: generators, many of them shared with others, and
// what reads them.
func (w *world) submit() {
	w.experiments++
	c := command.Submit{
		Experiment: fmt.Sprint("e", w.experiments), Project: projects[w.rand.IntN(len(projects))].Project, Priority: w.rand.IntN(3),
	}
	widths := 4
	if w.chance(8) {
		c.Need = command.Need{Device: "big", Memory: 2 << 34}
		widths = 3 // no gang that only one worker could hold
	}
	var generators []api.Key
	for range 1 + w.rand.IntN(3) {
		g := w.work(fmt.Sprintf("G%d", w.rand.IntN(40+w.cfg.experiments)), fixture.Options{Data: "small"})
		if !slices.Contains(generators, g.Key) {
			generators = append(generators, g.Key)
			c.Works = append(c.Works, g)
		}
	}
	for i := range 1 + w.rand.IntN(8) {
		low := 1 << w.rand.IntN(widths)
		c.Works = append(c.Works, w.work(fmt.Sprintf("F%s.%d", c.Experiment, i), fixture.Options{
			Inputs: generators, Gang: api.Gang{Min: low, Max: low + w.rand.IntN(8)}, Data: "big",
		}))
	}
	if c.Held = w.state.Level() >= api.LevelHolds && w.chance(30); c.Held {
		w.releaseLater(c.Experiment)
	}
	w.request(c)
	w.mayHold(c.Experiment)
	if w.chance(15) {
		w.after(w.between(0, 10*time.Minute), func() { w.ask(command.Cancel{Experiment: c.Experiment}, whatever) })
	}
}

// request submits an experiment that has to be accepted.
func (w *world) request(c command.Submit) {
	w.ask(c, func(r state.Result) {
		if r.Err != nil {
			w.fail("submit: %w", r.Err)
		}
	})
}

// work is a task with an amount of work to do: up to the longest, of one slot.
func (w *world) work(name string, o fixture.Options) api.Work {
	work := fixture.Work(name, o)
	if w.store[work.Key] == nil {
		w.put(work, w.between(w.cfg.longest/20, w.cfg.longest))
	}
	return work
}

// put makes it known how much work a task is.
func (w *world) put(work api.Work, all time.Duration) {
	w.store[work.Key] = &job{all: int((all + stepWork - 1) / stepWork)}
}

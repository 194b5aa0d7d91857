package scheduler_test

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scenario"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// player is the users and the workers of a scenario: it lets hours go by, in which
// tasks come, run for as long as the scenario says, save when they are asked to,
// and end.
type player struct {
	planner *scheduler.Planner
	policy  *scheduler.Policy
	knows   bool // workers report what is left

	now     int64
	streams []*stream
	lasts   map[api.Key]int64 // how long tasks run, in milliseconds; others never end
	ran     map[api.Key]int64 // for how long they have, up to their last placement
	since   map[api.Key]int64 // their last placement
	hangs   map[api.Key]bool  // they never save and never stop
	first   map[api.Key]int64 // when tasks were first placed
	sums    sums
}

// stream is tasks that come one after the other.
type stream struct {
	name              string
	every, next, last int64
	made              int
	submit            command.Submit
	options           fixture.Options
}

// sums is what a run came to.
type sums struct {
	placed, done, preempted, evicted, resized int
	slots, used                               int64 // slot-milliseconds
}

func newPlayer(planner *scheduler.Planner, policy *scheduler.Policy) *player {
	return &player{
		planner: planner, policy: policy, lasts: map[api.Key]int64{}, ran: map[api.Key]int64{}, since: map[api.Key]int64{},
		hangs: map[api.Key]bool{}, first: map[api.Key]int64{},
	}
}

// verbs are those of time that goes by.
func (p *player) verbs() map[string]scenario.Verb {
	return map[string]scenario.Verb{
		// stream NAME every=4m lasts=1m, and what a task and an experiment may have.
		"stream": func(w *scenario.World, a *scenario.Args) string {
			p.streams = append(p.streams, &stream{
				name: a.Word(), every: span(a.Text("every")), next: w.Now, last: span(a.Text("lasts")),
				submit:  command.Submit{Project: a.Text("project"), Priority: int(a.Int("priority")), Need: command.Need{Device: a.Text("device")}},
				options: fixture.Options{Class: a.Text("class"), Gang: api.Gang{Min: int(a.Int("min")), Max: int(a.Int("max"))}},
			})
			return ""
		},
		// lasts TASK 24h
		"lasts": func(w *scenario.World, a *scenario.Args) string {
			p.lasts[key(w, a.Word())] = span(a.Word())
			return ""
		},
		"hangs": func(w *scenario.World, a *scenario.Args) string { p.hangs[key(w, a.Word())] = true; return "" },
		"hints": func(_ *scenario.World, a *scenario.Args) string { p.knows = a.Word() == "yes"; return "" },
		// run 50h every=5m watch=TASK,TASK
		"run": p.run,
	}
}

func key(w *scenario.World, name string) api.Key {
	work, ok := w.Work(name)
	if !ok {
		panic("no task " + name)
	}
	return work.Key
}

// span is a length of time, such as 4m, in milliseconds.
func span(text string) int64 {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d.Milliseconds()
}

// Remaining implements scheduler.Hints: workers report what is left of what they
// run, and it is known how long the others would.
func (p *player) Remaining(t *state.Task) (int64, bool) {
	left, ok := p.lasts[t.Work.Key]
	left -= p.ran[t.Work.Key]
	if t.Parts != nil {
		left -= p.now - p.since[t.Work.Key]
	}
	return left, ok
}

// Late implements scheduler.Hints.
func (p *player) Late() []scheduler.Late { return nil }

// Slow implements scheduler.Hints.
func (p *player) Slow() []string { return nil }

// run lets time go by and says what came of it.
func (p *player) run(w *scenario.World, a *scenario.Args) string {
	length, every := span(a.Word()), span(cmp.Or(a.Text("every"), "1m"))
	p.sums, p.first = sums{}, map[api.Key]int64{}
	began := w.Now
	var plan *scheduler.Plan
	for end := w.Now + length; ; w.Now += every {
		p.now = w.Now
		p.work(w)
		p.come(w)
		plan = p.plan(w)
		if w.Now >= end {
			break
		}
		p.count(w, every)
	}
	var b strings.Builder
	s := p.sums
	fmt.Fprintf(&b, "%d placed, %d done, %d preempted, %d evicted, %d resized; %d %% of the slots were used\n",
		s.placed, s.done, s.preempted, s.evicted, s.resized, (100*s.used+s.slots/2)/max(s.slots, 1))
	for _, name := range a.List("watch") {
		k := key(w, name)
		if at, ok := p.first[k]; ok {
			fmt.Fprintf(&b, "%s was placed after %v\n", name, time.Duration(at-began)*time.Millisecond)
		}
		if why := plan.Why(k); why != "" {
			fmt.Fprintf(&b, "%s waits: %s\n", name, why)
		}
	}
	return b.String()
}

func (p *player) count(w *scenario.World, ms int64) {
	for v := range w.State.Workers("") {
		p.sums.slots += int64(v.Slots) * ms
		for _, h := range v.Allocations {
			if !h.Terminating {
				p.sums.used += int64(h.Slots) * ms
			}
		}
	}
}

// work is what workers report: of what has ended, was saved, or was released.
func (p *player) work(w *scenario.World) {
	var reports []command.Command
	for v := range w.State.Workers("") {
		for _, h := range v.Allocations {
			t := w.State.TaskAt(h.Task)
			k := t.Work.Key
			about := command.Report{Task: k, Worker: v.ID, Incarnation: v.Incarnation, Generation: h.Generation}
			lasts, ends := p.lasts[k]
			ran := p.ran[k] + w.Now - p.since[k]
			switch {
			case p.hangs[k] && (h.Terminating || t.Preempting):
			case h.Terminating:
				reports = append(reports, command.Released{Report: about})
			case t.Parts[0].Worker != v.ID:
			case ends && ran >= lasts:
				reports = append(reports, command.Done{Report: about})
				p.sums.done++
			case t.Preempting:
				p.ran[k] = ran
				reports = append(reports, command.Interrupted{Report: about})
			}
		}
	}
	for _, c := range reports {
		w.Apply(command.Entry{Command: c})
	}
}

// come has the tasks of streams submitted.
func (p *player) come(w *scenario.World) {
	for _, s := range p.streams {
		for ; s.next <= w.Now; s.next += s.every {
			s.made++
			work := fixture.Work(fmt.Sprintf("%s%d", s.name, s.made), s.options)
			p.lasts[work.Key] = s.last
			c := s.submit
			c.Experiment, c.Works = work.Name(), []api.Work{work}
			w.Apply(command.Entry{Command: c})
		}
	}
}

// plan has a plan made and carried out: what is placed starts.
func (p *player) plan(w *scenario.World) *scheduler.Plan {
	var hints scheduler.Hints
	if p.knows {
		hints = p
	}
	plan := p.planner.Plan(w.State.Snapshot(), w.Now, *p.policy, hints)
	for _, c := range plan.Commands {
		if r := w.Apply(command.Entry{Command: c}); r.Err != nil {
			panic(r.Err)
		}
		switch c := c.(type) {
		case command.Place:
			p.sums.placed++
			if _, ok := p.first[c.Task]; !ok {
				p.first[c.Task] = w.Now
			}
			p.start(w, c.Task)
		case command.Resize:
			p.sums.resized++
			p.ran[c.Task] += w.Now - p.since[c.Task]
			p.start(w, c.Task)
		case command.Preempt:
			p.sums.preempted++
		case command.Evict:
			p.sums.evicted++
		}
	}
	return plan
}

func (p *player) start(w *scenario.World, k api.Key) {
	t := w.State.Task(k)
	p.since[k] = w.Now
	v := w.State.Worker(t.Parts[0].Worker)
	w.Apply(command.Entry{Command: command.Started{Report: command.Report{
		Task: k, Worker: v.ID, Incarnation: v.Incarnation, Generation: t.Generation,
	}}})
}

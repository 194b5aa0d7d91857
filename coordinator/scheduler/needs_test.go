package scheduler_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scenario"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// pool is workers of a slot each that follow demand as docs/cluster.md says: as many as it was
// at most in the last ten minutes, and those that may go are drained first.
type pool struct {
	t       *testing.T
	w       *scenario.World
	planner scheduler.Planner
	late    []int            // demand of the last minutes
	made    int              // workers ever
	ends    map[uint64]int64 // of tasks by number: when their generation ends
	failed  map[uint64]bool  // once
}

const minute = 60_000

// apply writes what may not be refused.
func (p *pool) apply(c command.Command) {
	p.t.Helper()
	if r := p.w.Apply(command.Entry{Command: c}); r.Err != nil {
		p.t.Fatalf("%+v: %v", c, r.Err)
	}
}

// step lets a minute go by: tasks end, a plan is carried out, and the pool follows.
func (p *pool) step() (demand int) {
	p.w.Now += minute
	p.work()
	plan := p.planner.Plan(p.w.State.Snapshot(), p.w.Now, scheduler.DefaultPolicy(), nil)
	before := sum(plan)
	for _, c := range plan.Commands {
		p.apply(c)
	}
	p.start()
	plan = p.planner.Plan(p.w.State.Snapshot(), p.w.Now, scheduler.DefaultPolicy(), nil)
	if demand = sum(plan); demand != before {
		p.t.Fatalf("at %d: the plan makes a demand of %d one of %d", p.w.Now/minute, before, demand)
	}
	p.late = append(p.late, demand)
	p.late = p.late[max(len(p.late)-10, 0):]
	p.follow(plan, slices.Max(p.late))
	return demand
}

func sum(plan *scheduler.Plan) int {
	n := 0
	for _, v := range plan.Needs() {
		n += v.Running + v.Waiting + v.Useful
	}
	return n
}

// follow makes the pool as large as it is to be.
func (p *pool) follow(plan *scheduler.Plan, want int) {
	have := p.w.State.WorkerCount()
	for ; have < want; have++ {
		p.made++
		name := fmt.Sprintf("w%04d", p.made)
		p.apply(command.Join{Worker: name, Class: api.ClassCPU, Slots: 1, Issue: true, Address: name + ":7000"})
	}
	for v := range p.w.State.Snapshot().Workers("") {
		if have > want && plan.Idle(v.ID) {
			p.apply(command.Leave{Worker: v.ID, Incarnation: v.Incarnation})
			have--
		}
	}
}

// work ends what has run for long enough; every fifth task fails once.
func (p *pool) work() {
	for t := range p.w.State.Snapshot().Tasks(0) {
		if t.Status != state.Running || p.w.Now < p.ends[t.Seq] {
			continue
		}
		about := command.Report{Task: t.Work.Key, Worker: t.Parts[0].Worker, Generation: t.Generation}
		about.Incarnation = p.w.State.Worker(about.Worker).Incarnation
		if t.Seq%5 == 0 && !p.failed[t.Seq] {
			p.failed[t.Seq] = true
			p.apply(command.Failed{Report: about, Reason: "x"})
		} else {
			p.apply(command.Done{Report: about})
		}
	}
	p.release()
}

// start has what was placed run, for some minutes from its first placement on.
func (p *pool) start() {
	for t := range p.w.State.Snapshot().Tasks(0) {
		if t.Status != state.Placed {
			continue
		}
		if t.Generation == uint64(t.Attempts) || p.ends[t.Seq] == 0 {
			p.ends[t.Seq] = p.w.Now + minute*int64(5+t.Seq%7)
		}
		worker := t.Parts[0].Worker
		p.apply(command.Started{Report: command.Report{Task: t.Work.Key, Worker: worker, Generation: t.Generation, Incarnation: p.w.State.Worker(worker).Incarnation}})
	}
}

// release has workers leave what they were told to.
func (p *pool) release() {
	for v := range p.w.State.Snapshot().Workers("") {
		for _, a := range v.Allocations {
			if a.Terminating {
				p.apply(command.Released{Report: command.Report{
					Task: p.w.State.TaskAt(a.Task).Work.Key, Worker: v.ID, Generation: a.Generation, Incarnation: v.Incarnation,
				}})
			}
		}
	}
}

// A pool that follows demand grows from nothing, does all there is to do, and is nothing again
// afterwards; and it does not go back and forth: of the workers that it starts for a while of
// work few go before the work does.
func TestAPoolThatFollowsDemand(t *testing.T) {
	r := rand.New(rand.NewPCG(max(*seed, 1), 0))
	p := &pool{t: t, w: scenario.New(), ends: map[uint64]int64{}, failed: map[uint64]bool{}}
	p.apply(command.Raise{Level: command.Level})
	p.apply(command.SetProject{Project: "a", Weight: 1})
	p.apply(command.SetProject{Project: "b", Weight: 1, Quota: 6})
	for round := range 3 {
		before, most := p.made, 0
		for e := range 4 {
			c := command.Submit{Experiment: fmt.Sprintf("e%d.%d", round, e), Project: []string{"a", "b"}[e%2]}
			g := fixture.Work(fmt.Sprint("G", c.Experiment), fixture.Options{})
			c.Works = append(c.Works, g)
			for i := range 3 + r.IntN(4) {
				c.Works = append(c.Works, fixture.Work(fmt.Sprint("T", c.Experiment, ".", i), fixture.Options{
					Inputs: []api.Key{g.Key}, Gang: api.Gang{Min: 1 + r.IntN(2), Max: 4}, Shards: 4,
				}))
			}
			p.apply(c)
		}
		idle := 0
		for steps := 0; idle < 15; steps++ {
			demand := p.step()
			if most = max(most, demand); demand > 0 {
				idle = 0
			} else {
				idle++
			}
			if steps > 600 {
				t.Fatalf("round %d is never over: %+v", round, p.w.State.Counts())
			}
		}
		n := p.w.State.Counts()
		if n.Live() > 0 || n.Failed > 0 || n.Done == 0 {
			t.Errorf("round %d: %+v", round, n)
		}
		if left := p.w.State.WorkerCount(); left > 0 {
			t.Errorf("round %d: %d workers are left of the pool", round, left)
		}
		started := p.made - before
		t.Logf("round %d: %d tasks done, %d workers started for a demand of %d at most", round, n.Done, started, most)
		if started > most {
			t.Errorf("round %d: %d workers were started for a demand of %d at most: the pool goes back and forth", round, started, most)
		}
	}
}

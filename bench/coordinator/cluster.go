package main

import (
	"fmt"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// cluster is a state and the planner that follows it.
type cluster struct {
	state   *state.State
	planner scheduler.Planner
	now     int64
}

func (c *cluster) apply(commands ...command.Command) error {
	for _, v := range commands {
		if r := c.state.Apply(c.state.Index()+1, command.Entry{At: c.now, Command: v}); r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func (c *cluster) plan() *scheduler.Plan {
	return c.planner.Plan(c.state.Snapshot(), c.now, scheduler.DefaultPolicy(), nil)
}

const projects = 10

// newCluster has workers of so many slots, four to a host.
func newCluster(workers, slots int) (*cluster, error) {
	c := &cluster{state: state.New(), now: 1}
	if err := c.apply(command.Raise{Level: command.Level}); err != nil {
		return nil, err
	}
	for p := range projects {
		if err := c.apply(command.SetProject{Project: fmt.Sprint("p", p), Weight: 1}); err != nil {
			return nil, err
		}
	}
	for i := range workers {
		err := c.apply(command.Join{
			Worker: fmt.Sprintf("w%05d", i), Incarnation: 1, Class: api.ClassCPU, Slots: slots, Host: fmt.Sprint("h", i/4),
			Cached: []api.Key{fixture.Data(fmt.Sprint(i % 7))},
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// fill submits a hundred thousand tasks: experiments of a thousand, from ten
// projects at three priorities. If gangs are wanted, every tenth takes four to
// eight slots.
func (c *cluster) fill(gangs bool) error {
	for e := range 100 {
		s := command.Submit{Experiment: fmt.Sprint("e", e), Project: fmt.Sprint("p", e%projects), Priority: e % 3}
		for i := range 1000 {
			o := fixture.Options{Gang: api.Gang{Min: 1, Max: 1}, Data: fmt.Sprint(i % 7)}
			if gangs && i%10 == 9 {
				o.Gang = api.Gang{Min: 4, Max: 8}
			}
			s.Works = append(s.Works, fixture.Work(fmt.Sprintf("T%d.%d", e, i), o))
		}
		if err := c.apply(s); err != nil {
			return err
		}
	}
	return nil
}

// crowded is 10,000 slots and 100,000 pending tasks.
func crowded() (*cluster, error) {
	c, err := newCluster(1250, 8)
	if err != nil {
		return nil, err
	}
	return c, c.fill(true)
}

func about(p command.Place) command.Report {
	return command.Report{Task: p.Task, Worker: p.Parts[0].Worker, Incarnation: 1, Generation: p.Generation}
}

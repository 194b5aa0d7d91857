package main

import (
	"fmt"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
)

func measurePlan() ([]row, error) {
	c, err := crowded()
	if err != nil {
		return nil, err
	}
	s := c.state.Snapshot()
	full := func() error {
		scheduler.Make(s, c.now, scheduler.DefaultPolicy(), nil, scheduler.Memory{})
		return nil
	}
	empty, err := times(20, full)
	if err != nil {
		return nil, err
	}
	var placed []command.Place
	for _, v := range c.plan().Commands {
		if p, ok := v.(command.Place); ok {
			placed = append(placed, p)
		}
		if err := c.apply(v); err != nil {
			return nil, err
		}
	}
	s = c.state.Snapshot()
	taken, err := times(20, full)
	if err != nil {
		return nil, err
	}
	c.plan() // catch up with all that was placed
	done, err := c.measureChange(placed)
	if err != nil {
		return nil, err
	}
	submitted, err := c.measureSubmitted()
	if err != nil {
		return nil, err
	}
	c.now += 30 * 60_000 // now everybody has waited long enough to have others stopped
	late, err := c.measureChange(placed[200:])
	if err != nil {
		return nil, err
	}
	return []row{
		{"full plan, 10,000 slots free, 100,000 tasks pending", empty, "100 ms"},
		{fmt.Sprintf("full plan, all slots taken by %d tasks", len(placed)), taken, "100 ms"},
		{"incremental pass, one task done", done, "5 ms"},
		{"incremental pass, an experiment of ten submitted", submitted, "5 ms"},
		{"incremental pass, one task done, with preemption due", late, "5 ms"},
	}, nil
}

// measureChange times plans after one task is done and what was planned before is
// applied.
func (c *cluster) measureChange(placed []command.Place) (string, error) {
	var took []time.Duration
	for _, p := range placed[:200] {
		if err := c.apply(command.Done{Report: about(p)}); err != nil {
			return "", err
		}
		began := time.Now()
		plan := c.plan()
		took = append(took, time.Since(began))
		if err := c.apply(plan.Commands...); err != nil {
			return "", err
		}
	}
	return spread(took), nil
}

func (c *cluster) measureSubmitted() (string, error) {
	var took []time.Duration
	for e := range 100 {
		s := command.Submit{Experiment: fmt.Sprint("late", e), Project: "p1"}
		for i := range 10 {
			s.Works = append(s.Works, fixture.Work(fmt.Sprintf("L%d.%d", e, i), fixture.Options{Gang: api.Gang{Min: 1, Max: 1}}))
		}
		if err := c.apply(s); err != nil {
			return "", err
		}
		began := time.Now()
		c.plan()
		took = append(took, time.Since(began))
	}
	return spread(took), nil
}

// measurePlacement has 100,000 tasks placed on 10,000 workers of one slot, as fast
// as they can be planned, committed in memory, started and done.
func measurePlacement() ([]row, error) {
	c, err := newCluster(10_000, 1)
	if err != nil {
		return nil, err
	}
	if err := c.fill(false); err != nil {
		return nil, err
	}
	began := time.Now()
	placed, planning := 0, time.Duration(0)
	for placed < 100_000 {
		c.now += 1000
		started := time.Now()
		plan := c.plan()
		planning += time.Since(started)
		for _, v := range plan.Commands {
			p, ok := v.(command.Place)
			if !ok {
				return nil, fmt.Errorf("%T is planned, which nothing asks for", v)
			}
			if err := c.apply(p, command.Started{Report: about(p)}, command.Done{Report: about(p)}); err != nil {
				return nil, err
			}
			placed++
		}
	}
	took := time.Since(began)
	rate := float64(placed) / took.Seconds()
	what := "placements of 100,000 tasks on 10,000 workers: planned, placed, started, done"
	return []row{{what, fmt.Sprintf("%.0f a second (%v, %v of it planning)", rate, round(took), round(planning)), "5,000 a second"}}, nil
}

package main

import (
	"context"
	"strings"
	"time"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/planned"
	"g2c/experiments/sweep"
	"g2c/worker/train"
)

// estimate begins to estimate how long a run takes, on so many slots: from what the store
// says of tasks that are done, and then from every step.
func (e *experiment) estimate(ctx context.Context, repo *checkpoint.Repo, slots int) (*planned.Left, error) {
	known, err := e.known(ctx, repo, func(checkpoint.Damage) {}) // the run says it when it comes to the task
	if err != nil {
		return nil, err
	}
	loads, err := loadsOf(e.plan, known.Steps)
	if err != nil {
		return nil, err
	}
	return planned.NewLeft(e.plan, known, loads, slots), nil
}

// loadsOf is what tasks take in floating-point operations.
func loadsOf(p *sweep.Plan, steps map[api.Key]int64) (map[api.Key]planned.Load, error) {
	efforts := map[string]train.Effort{}
	loads := map[api.Key]planned.Load{}
	for _, item := range p.Items {
		shape := planned.Shape(item.Task)
		effort, ok := efforts[shape]
		if !ok {
			var err error
			if effort, err = train.EffortOf(item.Task); err != nil {
				return nil, err
			}
			efforts[shape] = effort
		}
		loads[item.Key] = loadOf(item.Task, effort, steps[item.Key])
	}
	return loads, nil
}

// loadOf is what a task of so many steps takes.
func loadOf(t api.Task, e train.Effort, steps int64) planned.Load {
	load := planned.Load{Steps: steps, Cost: float64(e.Frozen), CostFrom: float64(e.Step)}
	switch {
	case t.Evaluate != nil:
		load.CostFrom = float64(e.Image)
	case t.Finetune != nil && t.Finetune.Epochs > 0:
		load.First = steps / int64(t.Finetune.Epochs) * int64(t.Finetune.FrozenEpochs)
	}
	return load
}

// leftText is a run's time left for people; nothing where nothing is known.
func leftText(l *planned.Left) string {
	if l == nil {
		return ""
	}
	left, least, ok := l.Estimate()
	if !ok {
		return ""
	}
	text := rounded(left) + " left in all"
	if least {
		return "over " + text
	}
	return text
}

// rounded is a time as exact as it is known.
func rounded(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		d = d.Round(10 * time.Second)
	default:
		d = d.Round(time.Minute)
	}
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

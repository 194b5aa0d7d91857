package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
)

// await follows an experiment until it has ended, telling how it goes on, and
// returns what its end says: nil if all is done.
func await(ctx context.Context, cluster *client.Client, id string, tell func(format string, a ...any)) error {
	failed := map[string]*apiv1.Task{}
	states := map[string]apiv1.TaskState{}
	ended := errors.New("ended")
	last := ""
	var end *apiv1.Experiment
	err := cluster.Watch(ctx, &apiv1.WatchRequest{Experiment: id}, func(m *apiv1.WatchResponse) error {
		for _, t := range m.Tasks {
			if old, known := states[t.Key]; known && old != t.State {
				tell("%s", changeOf(t))
			}
			states[t.Key] = t.State
			heed(failed, t)
		}
		for _, e := range m.Experiments {
			end = e
		}
		if m.More || end == nil {
			return nil
		}
		line := countsOf(end)
		if held := whyHeld(end); held != "" {
			line += "; " + held
		}
		if line != last {
			tell("%s", line)
			last = line
		}
		if end.State != apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING {
			return ended
		}
		return nil
	})
	if ctx.Err() != nil && errors.Is(err, fault.ErrInterrupted) {
		return fault.New(fault.ErrInterrupted, "%s is not followed any more, and goes on", id).
			WithHint("`g2c watch %s` follows it again, `g2c cancel %s` stops it", id, id)
	}
	if !errors.Is(err, ended) {
		return err
	}
	return outcome(end, failed)
}

// heed keeps which tasks have failed: one that has may be given another attempt.
func heed(failed map[string]*apiv1.Task, t *apiv1.Task) {
	delete(failed, t.Key)
	if t.State == apiv1.TaskState_TASK_STATE_FAILED {
		failed[t.Key] = t
	}
}

// changeOf is a line on what a task has come to.
func changeOf(t *apiv1.Task) string {
	line := t.Name + " is " + word(t.State, "TASK_STATE_")
	if len(t.Gang) > 0 {
		line += " on " + strings.Join(workersOf(t), ", ")
	}
	if why := reasonOf(t); why != "" && t.State != apiv1.TaskState_TASK_STATE_DONE {
		line += ": " + why
	}
	return line
}

func countsOf(e *apiv1.Experiment) string {
	c := e.Tasks
	var parts []string
	for _, p := range []struct {
		n    uint32
		what string
	}{{c.Pending, "pending"}, {c.Placed + c.Running, "running"}, {c.Done, "done"}, {c.Failed, "failed"}, {c.Cancelled, "cancelled"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return e.Id + ": " + strings.Join(parts, ", ")
}

// outcome is the end of an experiment as the end of a command.
func outcome(e *apiv1.Experiment, failed map[string]*apiv1.Task) error {
	switch e.State {
	case apiv1.ExperimentState_EXPERIMENT_STATE_DONE:
		return nil
	case apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED:
		return fault.New(fault.ErrInterrupted, "%s was cancelled%s", e.Id, colon(e.Reason)).WithHint("what is done stays; submit the spec again to go on")
	}
	err := fault.New(fault.ErrTraining, "%s failed: %d of %d tasks are done", e.Id, e.Tasks.Done,
		e.Tasks.Pending+e.Tasks.Placed+e.Tasks.Running+e.Tasks.Done+e.Tasks.Failed+e.Tasks.Cancelled)
	if keys := slices.Sorted(maps.Keys(failed)); len(keys) > 0 {
		t := failed[keys[0]]
		err = fault.New(fault.ErrTraining, "%s failed: %s: %s", e.Id, t.Name, t.Reason)
		return err.WithHint("see `g2c logs %.12s`, then `g2c retry %s`", t.Key, e.Id)
	}
	return err.WithHint("`g2c ps %s` shows them, `g2c retry %s` tries again", e.Id, e.Id)
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// workersOf lists the workers that have a task, or the one that finished it.
func workersOf(t *apiv1.Task) []string {
	out := []string{}
	if t.Home != "" {
		out = append(out, t.Home)
	}
	for _, p := range t.Gang {
		out = append(out, p.Worker)
	}
	return out
}

// reasonOf is why a task is not running, or what became of it last.
func reasonOf(t *apiv1.Task) string {
	if t.Waiting != "" {
		return t.Waiting
	}
	return t.Reason
}

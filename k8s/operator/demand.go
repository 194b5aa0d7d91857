package operator

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// Demand says how many slots of a kind of device there is work for: what runs on them, and
// what could if there were more. It is the one place that asks the coordinators for it.
type Demand interface {
	Slots(ctx context.Context, coord *g2c.Client, of Work) (int, error)
}

// Work is whose tasks are meant.
type Work struct {
	Project    string
	Experiment string // id; empty for all of the project
	Device     string // kind of device: cpu, cuda
	Slots      int    // of a worker; 0 if that is not to count
}

// Planned asks the scheduler what its plan makes use of. The plan does not tell the
// experiments of a project apart: one alone is looked for in the list.
type Planned struct{ Listed }

// Slots implements Demand.
func (p Planned) Slots(ctx context.Context, coord *g2c.Client, of Work) (int, error) {
	if of.Experiment != "" {
		return p.Listed.Slots(ctx, coord, of)
	}
	n := 0
	for d, err := range coord.AllDemand(ctx) {
		if err != nil {
			return 0, err
		}
		if d.Project == of.Project && (of.Device == "" || kindOf(d.Numerics) == of.Device) && (of.Slots == 0 || int(d.WorkerSlots) <= of.Slots) {
			n += int(d.Running + d.Waiting + d.Useful)
		}
	}
	return n, nil
}

// Listed finds the demand in the list of tasks. It takes a task that nothing but a place is
// missing to want one slot: how many a gang may have the list does not say.
type Listed struct{}

// Slots implements Demand.
func (Listed) Slots(ctx context.Context, coord *g2c.Client, of Work) (int, error) {
	d := demand{device: of.Device}
	for t, err := range coord.AllTasks(ctx, &apiv1.ListTasksRequest{Experiment: of.Experiment, Project: of.Project}) {
		if err != nil {
			return 0, err
		}
		d.add(t)
	}
	return d.held + len(d.ready()), nil
}

// demand counts, task by task.
type demand struct {
	device  string // kind; empty for all
	held    int    // slots that tasks are placed on
	pending []*apiv1.Task
	undone  map[string]bool // keys of tasks that are not done
}

func (d *demand) add(t *apiv1.Task) {
	if t.State != apiv1.TaskState_TASK_STATE_DONE {
		if d.undone == nil {
			d.undone = map[string]bool{}
		}
		d.undone[t.Key] = true
	}
	if d.device != "" && kindOf(t.Numerics) != d.device {
		return
	}
	switch t.State {
	case apiv1.TaskState_TASK_STATE_PENDING:
		d.pending = append(d.pending, t)
	case apiv1.TaskState_TASK_STATE_PLACED, apiv1.TaskState_TASK_STATE_RUNNING:
		for _, part := range t.Gang {
			d.held += int(part.Slots)
		}
	}
}

// ready are the tasks that wait for nothing but a place.
func (d *demand) ready() (out []*apiv1.Task) {
	for _, t := range d.pending {
		if !d.anyUndone(t.Inputs) {
			out = append(out, t)
		}
	}
	return out
}

func (d *demand) anyUndone(keys []string) bool {
	for _, k := range keys {
		if d.undone[k] {
			return true
		}
	}
	return false
}

// kindOf is the kind of device that computes in a numerics class.
func kindOf(class string) string {
	kind, _, _ := strings.Cut(class, "-")
	return kind
}

// shrinkAfter is for how long a pool keeps what there was work for.
const shrinkAfter = 10 * time.Minute

// steady is how many slots are wanted: those that there is work for, or more if there was
// lately. It stands in the status, so a new operator shrinks nothing sooner, and is written
// twice in that time at most while nothing changes.
func steady(peak *v1alpha1.Peak, slots int, now time.Time) (*v1alpha1.Peak, int) {
	switch {
	case peak == nil || int(peak.Slots) < slots || !now.Before(peak.Until.Time), int(peak.Slots) == slots && peak.Until.Sub(now) < shrinkAfter/2:
		return &v1alpha1.Peak{Slots: int32(slots), Until: metav1.NewTime(now.Add(shrinkAfter).Truncate(time.Second))}, slots
	}
	return peak, int(peak.Slots)
}

package server

import (
	"slices"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// view is a state as a caller sees it, and what is known beside it.
type view struct {
	*state.Snapshot
	who  *who
	live live
}

// live is what a leader knows and the state does not, for as long as it leads.
type live interface {
	// why says in words why a task is not running, as far as the last plan knows.
	why(api.Key) string
	// progressOf is how far a task is, nil if nobody said.
	progressOf(api.Key) *apiv1.Progress
	// idle says whether a worker may go, as far as the last plan knows.
	idle(worker string) bool
	// connected says whether a worker has a session.
	connected(worker string) bool
}

var taskStates = map[state.Status]apiv1.TaskState{
	state.Pending:   apiv1.TaskState_TASK_STATE_PENDING,
	state.Placed:    apiv1.TaskState_TASK_STATE_PLACED,
	state.Running:   apiv1.TaskState_TASK_STATE_RUNNING,
	state.Done:      apiv1.TaskState_TASK_STATE_DONE,
	state.Failed:    apiv1.TaskState_TASK_STATE_FAILED,
	state.Cancelled: apiv1.TaskState_TASK_STATE_CANCELLED,
}

// task is a task's record on the wire.
func (v *view) task(t *state.Task) *apiv1.Task {
	m := &apiv1.Task{
		Key: t.Work.Key.String(), Name: t.Work.Name(), Kind: string(t.Work.Task.Kind), Numerics: t.Work.Task.Numerics,
		Project: t.Project, Priority: int32(t.Priority), State: taskStates[t.Status], Reason: t.Reason,
		Generation: t.Generation, Preempting: t.Preempting,
		Attempts: uint32(t.Attempts), Failures: uint32(t.Failures), Completions: uint32(t.Completions),
		SubmittedMs: t.Submitted, StartedMs: t.Started, EndedMs: t.Ended, Progress: v.live.progressOf(t.Work.Key),
		Home: t.Home,
	}
	if t.Status == state.Pending {
		if m.Waiting = v.WhyHeld(t); m.Waiting == "" {
			m.Waiting = v.live.why(t.Work.Key)
		}
	}
	for _, p := range t.Parts {
		m.Gang = append(m.Gang, &apiv1.GangPart{Worker: p.Worker, Slots: uint32(p.Slots)})
	}
	for _, k := range t.Inputs() {
		m.Inputs = append(m.Inputs, k.String())
	}
	return m
}

// experiment is an experiment's record on the wire, with where its tasks stand.
func (v *view) experiment(e *state.Experiment) *apiv1.Experiment {
	n := v.CountsOf(e)
	m := &apiv1.Experiment{
		Id: e.ID, Name: e.Name, Project: e.Project, Priority: int32(e.Priority), Reason: e.Reason, SubmittedMs: e.Submitted,
		Owner: e.Owner, Tasks: &apiv1.TaskCounts{
			Pending: uint32(n.Pending), Placed: uint32(n.Placed), Running: uint32(n.Running),
			Done: uint32(n.Done), Failed: uint32(n.Failed), Cancelled: uint32(n.Cancelled),
		},
	}
	if e.Held {
		m.Hold = &apiv1.Hold{SinceMs: e.HeldSince, By: e.HeldBy, Reason: e.HeldFor}
	}
	switch c := m.Tasks; {
	case e.Cancelled:
		m.State = apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED
	case c.Pending+c.Placed+c.Running > 0:
		m.State = apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING
	case c.Failed+c.Cancelled > 0:
		m.State = apiv1.ExperimentState_EXPERIMENT_STATE_FAILED
	default:
		m.State = apiv1.ExperimentState_EXPERIMENT_STATE_DONE
	}
	return m
}

// worker is a worker's record on the wire. Names of tasks that the caller may not
// see are left out.
func (v *view) worker(w *state.Worker) *apiv1.Worker {
	m := &apiv1.Worker{
		Id: w.ID, Numerics: w.Class, Device: w.Device, MemoryBytes: w.Memory, Host: w.Host, Slots: uint32(w.Slots), Free: uint32(w.Free()),
		Mode: modes[w.Mode], FromMs: w.From, UntilMs: w.Until, Reason: w.Reason, Lost: w.Lost, JoinedMs: w.Joined, Connected: v.live.connected(w.ID),
	}
	m.Idle = len(w.Allocations) == 0 && (w.Lost || m.Connected) && v.live.idle(w.ID)
	for _, h := range w.Allocations {
		t := v.TaskAt(h.Task)
		hold := &apiv1.Allocation{Generation: h.Generation, Slots: uint32(h.Slots), Terminating: h.Terminating}
		if v.seesTask(t) {
			hold.Task, hold.Name = t.Work.Key.String(), t.Work.Name()
		}
		m.Allocations = append(m.Allocations, hold)
	}
	return m
}

// modes are an operator's words for what a worker may do.
var modes = map[command.Mode]apiv1.WorkerMode{
	command.Ready:       apiv1.WorkerMode_WORKER_MODE_READY,
	command.Cordoned:    apiv1.WorkerMode_WORKER_MODE_CORDONED,
	command.Draining:    apiv1.WorkerMode_WORKER_MODE_DRAINING,
	command.Maintenance: apiv1.WorkerMode_WORKER_MODE_MAINTENANCE,
}

func modeOf(m apiv1.WorkerMode) (command.Mode, bool) {
	for mode, v := range modes {
		if v == m {
			return mode, true
		}
	}
	return "", false
}

// seesTask says whether a task is there for the caller: its project pays for it, or
// lists it.
func (v *view) seesTask(t *state.Task) bool {
	return v.who.sees(t.Project) || slices.ContainsFunc(v.ExperimentsOf(t), func(e *state.Experiment) bool { return v.who.sees(e.Project) })
}

// experimentOf finds an experiment by its id, if the caller may see it.
func (v *view) experimentOf(id string) (*state.Experiment, error) {
	e := v.Experiment(id)
	if e == nil || !v.who.sees(e.Project) {
		return nil, rpcerr.New(rpcerr.NotFound, "there is no experiment %.100q", id).WithHint("`g2c ps` lists them")
	}
	return e, nil
}

// taskOf finds a task by its key or an unambiguous beginning of it.
func (v *view) taskOf(prefix string) (*state.Task, error) {
	if !api.IsKeyPrefix(prefix) || len(prefix) < 4 {
		return nil, rpcerr.New(rpcerr.BadRequest, "%.100q is no key of a task, nor the beginning of one: at least 4 digits of lower-case hex", prefix)
	}
	var found *state.Task
	for t := range v.TasksWith(prefix) {
		if !v.seesTask(t) {
			continue
		}
		if found != nil {
			return nil, rpcerr.New(rpcerr.Ambiguous, "%s begins more than one key: %s and %s", prefix, found.Work.Key, t.Work.Key).WithHint("give more digits")
		}
		found = t
	}
	if found == nil {
		return nil, rpcerr.New(rpcerr.NotFound, "there is no task %s", prefix).WithHint("`g2c ps ID` lists an experiment's tasks")
	}
	return found, nil
}

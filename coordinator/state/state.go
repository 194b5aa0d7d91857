// Package state is the coordinator's state as a function of the commands applied
// to it. There is no clock, randomness, environment, goroutine or order of a map
// in it: the same commands give the same state everywhere.
//
// A State belongs to one goroutine; a View is a copy that may be handed out.
package state

import (
	"errors"
	"fmt"

	"g2c/api"
	"g2c/coordinator/command"
)

// Status is where a task stands.
type Status string

// The statuses. Pending tasks wait for inputs or for a place.
const (
	Pending   Status = "pending"
	Running   Status = "running"
	Done      Status = "done"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// MaxAttempts is how often a task is tried before it counts as failed: a fault of
// one host shows once, a fault of the task every time.
const MaxAttempts = 3

// Refusals of commands that do not fit the state. They change nothing.
var (
	ErrUnknownTask   = errors.New("no such task")
	ErrUnknownWorker = errors.New("no such worker")
	ErrNotPending    = errors.New("task is not pending")
	ErrNotRunning    = errors.New("task is not running")
	ErrNotReady      = errors.New("inputs of the task are not done")
	ErrNoSlots       = errors.New("worker has not as many free slots")
	ErrWrongClass    = errors.New("worker is of another numerics class")
	ErrBadWork       = errors.New("work does not fit its key")
)

// Task is a task as the coordinator sees it.
type Task struct {
	Work        api.Work
	Status      Status
	Attempts    int // begun
	Failures    int
	Worker      string // while running
	Slots       int    // while running
	Reason      string // of the last failure, or why it was cancelled
	Experiments []string
}

// Worker is a worker and what is free of it.
type Worker struct {
	ID    string
	Class string
	Slots int
	Free  int
}

// State is all tasks and workers. Tasks keep the order they were submitted in.
type State struct {
	tasks   []*Task
	byKey   map[api.Key]*Task
	workers []*Worker
	index   uint64 // of the last command applied
}

// New is the empty state.
func New() *State { return &State{byKey: map[api.Key]*Task{}} }

// Index is the number of the last command applied.
func (s *State) Index() uint64 { return s.index }

// Apply applies the command at a place of the log. A command that does not fit is
// refused with one of this package's errors and changes nothing but the index.
func (s *State) Apply(index uint64, c command.Command) error {
	s.index = index
	switch c := c.(type) {
	case command.Submit:
		return s.submit(c)
	case command.Join:
		return s.join(c)
	case command.Leave:
		return s.leave(c)
	case command.Place:
		return s.place(c)
	case command.Done:
		return s.done(c)
	case command.Failed:
		return s.failed(c)
	case command.Interrupted:
		return s.interrupted(c)
	case command.Cancel:
		return s.cancel(c)
	}
	return fmt.Errorf("state: command %T is not known", c)
}

func (s *State) submit(c command.Submit) error {
	for _, w := range c.Works {
		if w.Key != w.Task.Key() {
			return fmt.Errorf("%s: %w", w.Name(), ErrBadWork)
		}
	}
	for _, w := range c.Works {
		t := s.byKey[w.Key]
		if t == nil {
			t = &Task{Work: w, Status: Pending}
			s.tasks = append(s.tasks, t)
			s.byKey[w.Key] = t
		}
		if t.Status == Cancelled || t.Status == Failed {
			t.Status, t.Failures, t.Reason = Pending, 0, ""
		}
		t.Experiments = appendNew(t.Experiments, c.Experiment)
	}
	return nil
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

func (s *State) join(c command.Join) error {
	if w := s.worker(c.Worker); w != nil {
		return s.rejoin(w, c)
	}
	s.workers = append(s.workers, &Worker{ID: c.Worker, Class: c.Class, Slots: c.Slots, Free: c.Slots})
	return nil
}

// rejoin takes a worker's word for what it offers now: what it ran is pending.
func (s *State) rejoin(w *Worker, c command.Join) error {
	s.release(w.ID)
	w.Class, w.Slots, w.Free = c.Class, c.Slots, c.Slots
	return nil
}

func (s *State) leave(c command.Leave) error {
	for i, w := range s.workers {
		if w.ID == c.Worker {
			s.release(w.ID)
			s.workers = append(s.workers[:i:i], s.workers[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("worker %s: %w", c.Worker, ErrUnknownWorker)
}

// release makes what a worker ran pending again.
func (s *State) release(worker string) {
	for _, t := range s.tasks {
		if t.Status == Running && t.Worker == worker {
			s.stop(t, Pending)
		}
	}
}

// stop takes a running task off its slots.
func (s *State) stop(t *Task, to Status) {
	if w := s.worker(t.Worker); w != nil {
		w.Free += t.Slots
	}
	t.Status, t.Worker, t.Slots = to, "", 0
}

func (s *State) place(c command.Place) error {
	t, w := s.byKey[c.Task], s.worker(c.Worker)
	switch {
	case t == nil:
		return fmt.Errorf("place %s: %w", c.Task.Short(), ErrUnknownTask)
	case w == nil:
		return fmt.Errorf("place %s on %s: %w", t.Work.Name(), c.Worker, ErrUnknownWorker)
	case t.Status != Pending:
		return fmt.Errorf("place %s: %w", t.Work.Name(), ErrNotPending)
	case !s.ready(t):
		return fmt.Errorf("place %s: %w", t.Work.Name(), ErrNotReady)
	case w.Class != t.Work.Task.Numerics:
		return fmt.Errorf("place %s on %s: %w", t.Work.Name(), w.ID, ErrWrongClass)
	case c.Slots < 1 || c.Slots > w.Free:
		return fmt.Errorf("place %s on %s: %w", t.Work.Name(), w.ID, ErrNoSlots)
	}
	w.Free -= c.Slots
	t.Status, t.Worker, t.Slots = Running, w.ID, c.Slots
	t.Attempts++
	return nil
}

// ready reports whether every input that the state knows is done. One that it
// does not know is a ready model of the store, and the submitter checked it.
func (s *State) ready(t *Task) bool {
	for _, k := range t.Work.Task.Inputs() {
		if in := s.byKey[k]; in != nil && in.Status != Done {
			return false
		}
	}
	return true
}

func (s *State) done(c command.Done) error {
	t := s.byKey[c.Task]
	if t == nil {
		return fmt.Errorf("done %s: %w", c.Task.Short(), ErrUnknownTask)
	}
	if t.Status == Running {
		s.stop(t, Done)
	}
	t.Status, t.Reason = Done, ""
	return nil
}

func (s *State) failed(c command.Failed) error {
	t := s.byKey[c.Task]
	if t == nil || t.Status != Running {
		return fmt.Errorf("failed %s: %w", c.Task.Short(), ErrNotRunning)
	}
	t.Failures++
	t.Reason = c.Reason
	if c.Permanent || t.Failures >= MaxAttempts {
		s.stop(t, Failed)
		s.orphan(t)
		return nil
	}
	s.stop(t, Pending)
	return nil
}

// orphan cancels everything that needs a failed task.
func (s *State) orphan(failed *Task) {
	for _, t := range s.tasks {
		if t.Status != Pending {
			continue
		}
		for _, k := range t.Work.Task.Inputs() {
			if k == failed.Work.Key {
				t.Status = Cancelled
				t.Reason = "needs " + failed.Work.Name() + ", which failed"
				s.orphan(t)
			}
		}
	}
}

func (s *State) interrupted(c command.Interrupted) error {
	t := s.byKey[c.Task]
	if t == nil || t.Status != Running {
		return fmt.Errorf("interrupted %s: %w", c.Task.Short(), ErrNotRunning)
	}
	s.stop(t, Pending)
	return nil
}

func (s *State) cancel(c command.Cancel) error {
	for _, t := range s.tasks {
		for i, e := range t.Experiments {
			if e != c.Experiment {
				continue
			}
			t.Experiments = append(t.Experiments[:i:i], t.Experiments[i+1:]...)
			if len(t.Experiments) == 0 && (t.Status == Pending || t.Status == Running) {
				s.stop(t, Cancelled)
				t.Reason = "its experiment was cancelled"
			}
			break
		}
	}
	return nil
}

func (s *State) worker(id string) *Worker {
	for _, w := range s.workers {
		if w.ID == id {
			return w
		}
	}
	return nil
}

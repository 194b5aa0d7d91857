package state

import (
	"errors"
	"reflect"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
)

const class = api.ClassCPU

func pretrain(stain string) api.Work {
	t := api.PretrainTask(class, api.Pretrain{Stain: stain})
	return api.Work{Key: t.Key(), Names: []string{"pretrain/" + stain}, Task: t}
}

func finetune(generators ...api.Work) api.Work {
	f := api.Finetune{Gamma: float64(len(generators))}
	for _, g := range generators {
		f.Generators = append(f.Generators, g.Key)
		f.Stains = append(f.Stains, g.Task.Pretrain.Stain)
	}
	t := api.FinetuneTask(class, f)
	return api.Work{Key: t.Key(), Names: []string{"finetune"}, Task: t}
}

// world is a state with two generators and what reads them, and a worker.
func world(t *testing.T) (s *State, he, masson, both api.Work) {
	t.Helper()
	he, masson = pretrain("HE"), pretrain("MASSON")
	both = finetune(he, masson)
	s = New()
	apply(t, s, nil, command.Submit{Experiment: "e", Works: []api.Work{he, masson, both}})
	apply(t, s, nil, command.Join{Worker: "w", Class: class, Slots: 1})
	return s, he, masson, both
}

func apply(t *testing.T, s *State, want error, c command.Command) {
	t.Helper()
	if err := s.Apply(s.Index()+1, c); !errors.Is(err, want) {
		t.Fatalf("%T: %v, want %v", c, err, want)
	}
}

func status(t *testing.T, s *State, w api.Work) Task {
	t.Helper()
	task, ok := s.View().Task(w.Key)
	if !ok {
		t.Fatalf("no task %s", w.Name())
	}
	return task
}

func TestATaskRunsOnceItsInputsAreDone(t *testing.T) {
	s, he, masson, both := world(t)
	apply(t, s, ErrNotReady, command.Place{Task: both.Key, Worker: "w", Slots: 1})
	apply(t, s, nil, command.Place{Task: he.Key, Worker: "w", Slots: 1})
	apply(t, s, ErrNoSlots, command.Place{Task: masson.Key, Worker: "w", Slots: 1})
	apply(t, s, ErrNotPending, command.Place{Task: he.Key, Worker: "w", Slots: 1})
	apply(t, s, nil, command.Done{Task: he.Key})
	apply(t, s, nil, command.Done{Task: masson.Key}) // found in the store
	apply(t, s, nil, command.Place{Task: both.Key, Worker: "w", Slots: 1})
	if got := status(t, s, both); got.Status != Running || got.Attempts != 1 {
		t.Errorf("%+v", got)
	}
}

func TestPlacesAreChecked(t *testing.T) {
	s, he, _, _ := world(t)
	apply(t, s, ErrUnknownWorker, command.Place{Task: he.Key, Worker: "x", Slots: 1})
	apply(t, s, ErrUnknownTask, command.Place{Task: api.Key{1}, Worker: "w", Slots: 1})
	apply(t, s, nil, command.Join{Worker: "ref", Class: api.ClassRef, Slots: 4})
	apply(t, s, ErrWrongClass, command.Place{Task: he.Key, Worker: "ref", Slots: 1})
	bad := he
	bad.Task = pretrain("PASM").Task
	apply(t, s, ErrBadWork, command.Submit{Experiment: "e", Works: []api.Work{bad}})
}

func TestFailuresAreCountedAndTakeDependentsAlong(t *testing.T) {
	s, he, masson, both := world(t)
	for i := range MaxAttempts {
		if got := status(t, s, he); got.Status != Pending {
			t.Fatalf("before attempt %d: %s", i+1, got.Status)
		}
		apply(t, s, nil, command.Place{Task: he.Key, Worker: "w", Slots: 1})
		apply(t, s, nil, command.Failed{Task: he.Key, Reason: "disk"})
	}
	if got := status(t, s, he); got.Status != Failed || got.Reason != "disk" {
		t.Errorf("%+v", got)
	}
	if got := status(t, s, both); got.Status != Cancelled || got.Reason == "" {
		t.Errorf("what needs it: %+v", got)
	}
	if got := status(t, s, masson); got.Status != Pending {
		t.Errorf("what does not: %+v", got)
	}
	apply(t, s, ErrNotRunning, command.Failed{Task: he.Key})
	// Submitting again is a new chance.
	apply(t, s, nil, command.Submit{Experiment: "e", Works: []api.Work{he, masson, both}})
	if got := status(t, s, both); got.Status != Pending {
		t.Errorf("submitted again: %+v", got)
	}
}

func TestInterruptsDoNotCount(t *testing.T) {
	s, he, _, _ := world(t)
	for range 2 * MaxAttempts {
		apply(t, s, nil, command.Place{Task: he.Key, Worker: "w", Slots: 1})
		apply(t, s, nil, command.Interrupted{Task: he.Key})
	}
	if got := status(t, s, he); got.Status != Pending || got.Failures != 0 {
		t.Errorf("%+v", got)
	}
}

func TestALostWorkerReleasesItsTasks(t *testing.T) {
	s, he, _, _ := world(t)
	apply(t, s, nil, command.Place{Task: he.Key, Worker: "w", Slots: 1})
	apply(t, s, nil, command.Leave{Worker: "w"})
	if got := status(t, s, he); got.Status != Pending || got.Worker != "" {
		t.Errorf("%+v", got)
	}
	apply(t, s, ErrUnknownWorker, command.Leave{Worker: "w"})
	apply(t, s, nil, command.Join{Worker: "w", Class: class, Slots: 1})
	apply(t, s, nil, command.Place{Task: he.Key, Worker: "w", Slots: 1})
}

func TestCancelSparesWhatOthersWant(t *testing.T) {
	s, he, masson, both := world(t)
	apply(t, s, nil, command.Submit{Experiment: "f", Works: []api.Work{he}})
	apply(t, s, nil, command.Done{Task: masson.Key})
	apply(t, s, nil, command.Cancel{Experiment: "e"})
	for w, want := range map[string]Status{he.Name(): Pending, masson.Name(): Done, both.Name(): Cancelled} {
		for _, task := range s.View().Tasks {
			if task.Work.Name() == w && task.Status != want {
				t.Errorf("%s is %s, want %s", w, task.Status, want)
			}
		}
	}
}

// Two states given the same commands are the same, refusals included.
func TestApplyIsAFunction(t *testing.T) {
	he, masson := pretrain("HE"), pretrain("MASSON")
	both := finetune(he, masson)
	commands := []command.Command{
		command.Submit{Experiment: "e", Works: []api.Work{he, masson, both}},
		command.Join{Worker: "a", Class: class, Slots: 2}, command.Join{Worker: "b", Class: class, Slots: 1},
		command.Place{Task: he.Key, Worker: "a", Slots: 2}, command.Place{Task: both.Key, Worker: "b", Slots: 1},
		command.Place{Task: masson.Key, Worker: "b", Slots: 1}, command.Failed{Task: he.Key, Reason: "x"},
		command.Leave{Worker: "b"}, command.Done{Task: he.Key}, command.Join{Worker: "a", Class: class, Slots: 1},
		command.Cancel{Experiment: "e"},
	}
	a, b := New(), New()
	for i, c := range commands {
		ea, eb := a.Apply(uint64(i+1), c), b.Apply(uint64(i+1), c)
		if (ea == nil) != (eb == nil) || !reflect.DeepEqual(a.View(), b.View()) {
			t.Fatalf("command %d: the states differ", i)
		}
	}
}

func TestCommandNumbersAreDistinct(t *testing.T) {
	seen := map[int]bool{}
	for _, c := range []command.Command{
		command.Submit{}, command.Join{}, command.Leave{}, command.Place{}, command.Done{}, command.Failed{}, command.Interrupted{}, command.Cancel{},
	} {
		if seen[c.Number()] {
			t.Errorf("%T shares its number", c)
		}
		seen[c.Number()] = true
	}
}

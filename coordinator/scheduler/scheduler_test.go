package scheduler

import (
	"reflect"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/state"
)

func task(stain string, priority int, gang api.Gang) state.Task {
	t := api.PretrainTask(api.ClassCPU, api.Pretrain{Stain: stain})
	return state.Task{
		Work:   api.Work{Key: t.Key(), Names: []string{stain}, Task: t, Priority: priority, Gang: gang},
		Status: state.Pending,
	}
}

func after(name string, inputs ...state.Task) state.Task {
	f := api.Finetune{Source: name}
	for _, in := range inputs {
		f.Generators = append(f.Generators, in.Work.Key)
	}
	t := api.FinetuneTask(api.ClassCPU, f)
	return state.Task{Work: api.Work{Key: t.Key(), Names: []string{name}, Task: t}, Status: state.Pending}
}

func worker(id string, free int) state.Worker {
	return state.Worker{ID: id, Class: api.ClassCPU, Slots: free, Free: free}
}

// text prints a plan: name@worker*slots, then what is blocked and why.
func text(v state.View, p Plan) string {
	var out []string
	for _, place := range p.Places {
		t, _ := v.Task(place.Task)
		out = append(out, t.Work.Name()+"@"+place.Worker+strings.Repeat("*", place.Slots))
	}
	for _, b := range p.Blocked {
		out = append(out, b.Name+": "+b.Reason)
	}
	return strings.Join(out, "; ")
}

func TestSchedule(t *testing.T) {
	one := api.Gang{Min: 1, Max: 1}
	he, masson := task("HE", 0, one), task("MASSON", 0, one)
	done := he
	done.Status = state.Done
	failed := he
	failed.Status = state.Failed
	for _, c := range []struct {
		name string
		view state.View
		want string
	}{
		{"in the order of submission", state.View{Tasks: []state.Task{he, masson}, Workers: []state.Worker{worker("w", 1)}},
			"HE@w*; MASSON: needs 1 slots on one worker, 0 free"},
		{"higher priority first", state.View{Tasks: []state.Task{he, task("PASM", 5, one)}, Workers: []state.Worker{worker("w", 1)}},
			"PASM@w*; HE: needs 1 slots on one worker, 0 free"},
		{"onto the worker with most free slots", state.View{Tasks: []state.Task{he, masson}, Workers: []state.Worker{worker("a", 1), worker("b", 2)}},
			"HE@b*; MASSON@a*"},
		{"a gang takes what it can use", state.View{Tasks: []state.Task{task("HE", 0, api.Gang{Min: 2, Max: 4})}, Workers: []state.Worker{worker("a", 3)}},
			"HE@a***"},
		{"or nothing at all", state.View{Tasks: []state.Task{task("HE", 0, api.Gang{Min: 2, Max: 4})}, Workers: []state.Worker{worker("a", 1), worker("b", 1)}},
			"HE: needs 2 slots on one worker, 2 free"},
		{"inputs first", state.View{Tasks: []state.Task{he, after("G2C", he)}, Workers: []state.Worker{worker("w", 2)}},
			"HE@w*; G2C: waits for HE, which is pending"},
		{"then what reads them", state.View{Tasks: []state.Task{done, after("G2C", done)}, Workers: []state.Worker{worker("w", 1)}},
			"G2C@w*"},
		{"never after a failure", state.View{Tasks: []state.Task{failed, after("G2C", failed)}, Workers: []state.Worker{worker("w", 1)}},
			"G2C: waits for HE, which is failed"},
		{"only on its class", state.View{Tasks: []state.Task{he}, Workers: []state.Worker{{ID: "r", Class: api.ClassRef, Slots: 9, Free: 9}}},
			"HE: no worker of class cpu-1"},
	} {
		got := Schedule(c.view)
		if text(c.view, got) != c.want {
			t.Errorf("%s: %s, want %s", c.name, text(c.view, got), c.want)
		}
		if again := Schedule(c.view); !reflect.DeepEqual(got, again) {
			t.Errorf("%s: a second plan differs", c.name)
		}
	}
}

package server_test

import (
	"testing"
	"time"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
)

// What is submitted is placed, run and done; what reads another's result waits for
// it; and the same again is done at once.
func TestAnExperimentFromSubmitToDone(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	first := work("HE")
	r := submit(t, c, "Glomeruli 1", first, work("gs", first.Key))
	if r.Tasks != 2 || r.Done != 0 || r.Experiment == "" {
		t.Fatalf("submitted: %v", r)
	}
	w := mustConnect(t, c, hello("w1", 2))
	go w.labour()
	until(t, c, r.Experiment, ended(apiv1.ExperimentState_EXPERIMENT_STATE_DONE))
	for task, err := range c.AllTasks(t.Context(), &apiv1.ListTasksRequest{Experiment: r.Experiment}) {
		if err != nil || task.State != apiv1.TaskState_TASK_STATE_DONE || task.Completions != 1 || task.Attempts != 1 {
			t.Errorf("%v, %v", task, err)
		}
	}
	again := submit(t, c, "Glomeruli 1", first, work("gs", first.Key))
	if again.Done != 2 || again.Experiment == r.Experiment {
		t.Errorf("submitted again: %v", again)
	}
	e, err := c.Experiments().GetExperiment(t.Context(), &apiv1.GetExperimentRequest{Id: again.Experiment})
	if err != nil || e.Experiment.State != apiv1.ExperimentState_EXPERIMENT_STATE_DONE {
		t.Errorf("%v, %v", e, err)
	}
}

// A new cluster begins at this release's level by itself; one in use stays where it is
// until somebody raises it.
func TestANewClusterIsRaised(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	serve(t, config(m))
	for i := uint64(0); m.Snapshot().Level() < command.Level; i++ {
		select {
		case <-m.Advanced(i):
		case <-t.Context().Done():
			t.Fatal("it was not raised")
		}
	}
	used := replica.NewMemory("c1", time.Now)
	w := fixture.Work("HE", fixture.Options{})
	if _, err := used.Propose(t.Context(), command.Entry{Command: command.Submit{Experiment: "e", Name: "e", Project: "p", Works: []api.Work{w}}}); err != nil {
		t.Fatal(err)
	}
	n := serve(t, config(used))
	if _, err := call(t, nil, n).Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); err != nil { // it leads
		t.Fatal(err)
	}
	if got := used.Snapshot().Level(); got != 1 {
		t.Errorf("a cluster in use was raised to level %d", got)
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	apiv1 "g2c/api/v1"
)

// A token in the environment is used, and not shown to whoever looks at the help.
func TestHelpKeepsTokens(t *testing.T) {
	t.Setenv("G2C_TOKEN", "g2c_secret")
	var f clientFlags
	c := &cobra.Command{Use: "x"}
	f.add(c)
	if help := c.Flags().FlagUsages(); strings.Contains(help, "secret") {
		t.Errorf("the help shows it:\n%s", help)
	}
	if f.token != "g2c_secret" {
		t.Errorf("the token is %q", f.token)
	}
}

// Of what failed, what was done in another attempt is not named at the end.
func TestAnotherAttemptIsHeeded(t *testing.T) {
	failed := map[string]*apiv1.Task{}
	for _, m := range []*apiv1.Task{
		{Key: "a", Name: "first", State: apiv1.TaskState_TASK_STATE_FAILED, Reason: "a hiccup"},
		{Key: "a", Name: "first", State: apiv1.TaskState_TASK_STATE_DONE},
		{Key: "b", Name: "second", State: apiv1.TaskState_TASK_STATE_FAILED, Reason: "no memory"},
	} {
		heed(failed, m)
	}
	e := &apiv1.Experiment{Id: "e", State: apiv1.ExperimentState_EXPERIMENT_STATE_FAILED, Tasks: &apiv1.TaskCounts{Done: 1, Failed: 1}}
	if err := outcome(e, failed); err == nil || !strings.Contains(err.Error(), "second: no memory") {
		t.Errorf("it failed because of %v", err)
	}
}

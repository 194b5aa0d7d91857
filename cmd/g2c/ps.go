package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// taskInfo is a task in the JSON of ps and describe.
type taskInfo struct {
	Name        string   `json:"name"`
	Key         string   `json:"key"`
	State       string   `json:"state"`
	Attempts    uint32   `json:"attempts"`
	Completions uint32   `json:"completions"`
	Workers     []string `json:"workers"`
	Reason      string   `json:"reason"`
	Project     string   `json:"project"`
	Generation  uint64   `json:"generation"`
	Step        uint64   `json:"step,omitempty"`
	Steps       uint64   `json:"steps,omitempty"`
}

func infoOf(t *apiv1.Task) taskInfo {
	return taskInfo{
		Name: t.Name, Key: t.Key, State: word(t.State, "TASK_STATE_"), Attempts: t.Attempts, Completions: t.Completions,
		Workers: workersOf(t), Reason: reasonOf(t), Project: t.Project, Generation: t.Generation,
		Step: t.GetProgress().GetStep(), Steps: t.GetProgress().GetSteps(),
	}
}

// experimentInfo is an experiment in the JSON of ps and describe.
type experimentInfo struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Project string            `json:"project"`
	State   string            `json:"state"`
	Owner   string            `json:"owner"`
	Reason  string            `json:"reason,omitempty"`
	Held    *heldInfo         `json:"held,omitempty"`
	Tasks   map[string]uint32 `json:"tasks"`
}

// heldInfo is who holds an experiment.
type heldInfo struct {
	SinceMS int64  `json:"sinceMs"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
}

func experimentInfoOf(e *apiv1.Experiment) experimentInfo {
	c := e.Tasks
	var held *heldInfo
	if h := e.Hold; h != nil {
		held = &heldInfo{h.SinceMs, h.By, h.Reason}
	}
	return experimentInfo{
		ID: e.Id, Name: e.Name, Project: e.Project, State: stateOf(e), Owner: e.Owner, Reason: e.Reason, Held: held,
		Tasks: map[string]uint32{
			"pending": c.GetPending(), "placed": c.GetPlaced(), "running": c.GetRunning(), "done": c.GetDone(), "failed": c.GetFailed(), "cancelled": c.GetCancelled(),
		},
	}
}

// newPs is `g2c ps [ID]`.
func newPs() *cobra.Command {
	var f clientFlags
	var project string
	c := &cobra.Command{
		Use:   "ps [ID]",
		Short: "List a cluster's experiments, or the tasks of one",
		Long:  "List a cluster's experiments, or the tasks of one. With --json and no ID, both.\n\n" + exitCodes,
		Args:  cobra.MaximumNArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		if len(args) == 1 {
			return psTasks(c, cluster, args[0])
		}
		return psExperiments(c, cluster, project)
	})
	f.add(c)
	c.Flags().StringVar(&project, "project", "", "only this project")
	return c
}

func psTasks(c *cobra.Command, cluster *client.Client, id string) error {
	tasks := []taskInfo{}
	var rows [][]string
	for t, err := range cluster.AllTasks(c.Context(), &apiv1.ListTasksRequest{Experiment: id}) {
		if err != nil {
			return err
		}
		info := infoOf(t)
		tasks = append(tasks, info)
		rows = append(rows, []string{info.Name, t.Key[:12], info.State, progressOf(t), strings.Join(info.Workers, ","), info.Reason})
	}
	if wantJSON(c) {
		return printJSON(map[string]any{"tasks": tasks})
	}
	return printTable([]string{"NAME", "KEY", "STATE", "PROGRESS", "WORKERS", "REASON"}, rows)
}

// progressOf is how far a task is, for people.
func progressOf(t *apiv1.Task) string {
	p := t.GetProgress()
	if p == nil || t.State != apiv1.TaskState_TASK_STATE_RUNNING {
		return ""
	}
	return stepOf(p.Step, p.Steps)
}

// stepOf is a number of steps of all, if it is known how many these are.
func stepOf(step, steps uint64) string {
	switch {
	case steps > 0:
		return fmt.Sprintf("%d of %d", step, steps)
	case step > 0:
		return fmt.Sprintf("step %d", step)
	}
	return ""
}

func psExperiments(c *cobra.Command, cluster *client.Client, project string) error {
	experiments := []experimentInfo{}
	var rows [][]string
	for e, err := range cluster.AllExperiments(c.Context(), project) {
		if err != nil {
			return err
		}
		info := experimentInfoOf(e)
		experiments = append(experiments, info)
		rows = append(rows, []string{
			e.Id, e.Project, info.State, strconv.Itoa(int(e.Tasks.Done)) + " of " + strconv.Itoa(int(total(e.Tasks))), e.Owner, when(e.SubmittedMs),
		})
	}
	if !wantJSON(c) {
		return printTable([]string{"ID", "PROJECT", "STATE", "DONE", "OWNER", "SUBMITTED"}, rows)
	}
	tasks := []taskInfo{}
	for t, err := range cluster.AllTasks(c.Context(), &apiv1.ListTasksRequest{Project: project}) {
		if err != nil {
			return err
		}
		tasks = append(tasks, infoOf(t))
	}
	return printJSON(map[string]any{"experiments": experiments, "tasks": tasks})
}

func total(c *apiv1.TaskCounts) uint32 {
	return c.GetPending() + c.GetPlaced() + c.GetRunning() + c.GetDone() + c.GetFailed() + c.GetCancelled()
}

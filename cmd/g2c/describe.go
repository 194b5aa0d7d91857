package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// newDescribe is `g2c describe ID`.
func newDescribe() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use:   "describe ID",
		Short: "Show everything about an experiment or a task, and why a task waits",
		Long:  "Show everything about an experiment or a task, and why a task waits.\n\nA task is named by its key or the beginning of it.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		if isTask(args[0]) {
			return describeTask(c, cluster, args[0])
		}
		return describeExperiment(c, cluster, args[0])
	})
	f.add(c)
	return c
}

// isTask says whether an ID is a task's: experiments have a dash in theirs.
func isTask(id string) bool { return len(id) >= 4 && api.IsKeyPrefix(id) }

func describeTask(c *cobra.Command, cluster *client.Client, id string) error {
	d, err := cluster.Tasks().DescribeTask(c.Context(), &apiv1.DescribeTaskRequest{Key: id})
	if err != nil {
		return err
	}
	if wantJSON(c) {
		inputs := []taskInfo{}
		for _, in := range d.Inputs {
			inputs = append(inputs, infoOf(in))
		}
		return printJSON(map[string]any{
			"task": infoOf(d.Task), "names": listOf(d.Names), "experiments": listOf(d.Experiments), "inputs": inputs, "readers": listOf(d.Readers), "avoids": listOf(d.Avoids), "held": listOf(d.Held),
		})
	}
	t := d.Task
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("task", t.Name)
	line("key", t.Key)
	line("also called", strings.Join(d.Names[min(1, len(d.Names)):], ", "))
	line("kind", t.Kind+", class "+t.Numerics)
	line("project", fmt.Sprintf("%s, priority %d", t.Project, t.Priority))
	line("state", word(t.State, "TASK_STATE_"))
	line("waits", t.Waiting)
	line("reason", t.Reason)
	line("progress", progressOf(t))
	line("runs on", gangOf(t))
	line("attempts", fmt.Sprintf("%d, of them failed %d", t.Attempts, t.Failures))
	line("avoids", strings.Join(d.Avoids, ", "))
	line("submitted", when(t.SubmittedMs))
	line("started", when(t.StartedMs))
	line("ended", when(t.EndedMs))
	for _, in := range d.Inputs {
		line("reads", in.Name+", which is "+word(in.State, "TASK_STATE_"))
	}
	line("read by", strings.Join(d.Readers, ", "))
	for _, h := range d.Held {
		line("held", fmt.Sprintf("%s on %s since %s: the worker has not said that generation %d stopped", plural(int(h.Slots), "slot"), h.Worker, when(h.SinceMs), h.Generation))
	}
	line("experiments", strings.Join(d.Experiments, ", "))
	return w.Flush()
}

func gangOf(t *apiv1.Task) string {
	var parts []string
	for _, p := range t.Gang {
		parts = append(parts, fmt.Sprintf("%s (%s)", p.Worker, plural(int(p.Slots), "slot")))
	}
	if len(parts) == 0 {
		return ""
	}
	text := fmt.Sprintf("%s, generation %d", strings.Join(parts, ", "), t.Generation)
	if t.Preempting {
		text += ", asked to save and stop"
	}
	return text
}

func describeExperiment(c *cobra.Command, cluster *client.Client, id string) error {
	resp, err := cluster.Experiments().GetExperiment(c.Context(), &apiv1.GetExperimentRequest{Id: id})
	if err != nil {
		return err
	}
	e := resp.Experiment
	if wantJSON(c) {
		return printJSON(experimentInfoOf(e))
	}
	fmt.Fprintf(stdout, "%s\n%s, project %s, priority %d, submitted %s by %s, %s%s\n\n", countsOf(e), e.Name, e.Project, e.Priority, when(e.SubmittedMs), e.Owner,
		nameOr(whyHeld(e), stateOf(e)), colon(e.Reason))
	return psTasks(c, cluster, id)
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
)

// newWatch is `g2c watch ID`.
func newWatch() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow an experiment until it ends, and end with its exit code",
		Long:  "Follow an experiment until it ends, and end with its exit code.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		return await(c.Context(), cluster, args[0], func(format string, a ...any) { fmt.Fprintf(stdout, format+"\n", a...) })
	})
	f.add(c)
	return c
}

// newLogs is `g2c logs ID`.
func newLogs() *cobra.Command {
	var f clientFlags
	var req apiv1.ReadLogsRequest
	c := &cobra.Command{
		Use:   "logs ID",
		Short: "Print what a task's workers have written",
		Long: `Print what a task's workers have written, as far as the cluster keeps it: the last
lines, in the memory of the coordinator that leads. The whole is with the worker.

` + exitCodes,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		if !isTask(args[0]) {
			return fault.New(fault.ErrSpec, "%q is no task: logs are of tasks", args[0]).WithHint("`g2c ps ID` lists an experiment's tasks with their keys")
		}
		req.Key = args[0]
		return cluster.Logs(c.Context(), &req, func(m *apiv1.ReadLogsResponse) error { return printLines(c, m) })
	})
	f.add(c)
	c.Flags().BoolVarP(&req.Follow, "follow", "f", false, "go on until the task has ended")
	c.Flags().Uint32Var(&req.Tail, "tail", 0, "only so many of the last lines")
	return c
}

func printLines(c *cobra.Command, m *apiv1.ReadLogsResponse) error {
	if m.Lost {
		say("note: earlier lines are not kept")
	}
	for _, l := range m.Lines {
		if wantJSON(c) {
			if err := printJSON(map[string]any{"atMs": l.AtMs, "worker": l.Worker, "generation": l.Generation, "text": l.Text}); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(stdout, "%s %s: %s\n", when(l.AtMs), l.Worker, l.Text); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// newCancel is `g2c cancel ID`.
func newCancel() *cobra.Command {
	var f clientFlags
	var reason string
	c := &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel an experiment: stop what no other experiment wants",
		Long:  "Cancel an experiment: stop what no other experiment wants. Checkpoints stay.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		now, err := cluster.Experiments().GetExperiment(c.Context(), &apiv1.GetExperimentRequest{Id: args[0]})
		if err != nil {
			return err
		}
		if now.Experiment.State == apiv1.ExperimentState_EXPERIMENT_STATE_DONE { // it would be called cancelled from now on
			say("there is nothing to stop")
			return printExperiment(c, now.Experiment)
		}
		r, err := cluster.Experiments().CancelExperiment(c.Context(), &apiv1.CancelExperimentRequest{RequestId: client.RequestID(), Id: args[0], Reason: reason})
		if err != nil {
			return err
		}
		return printExperiment(c, r.Experiment)
	})
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at it later")
	return c
}

// newRetry is `g2c retry ID`.
func newRetry() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use:   "retry ID",
		Short: "Give what failed in an experiment, or one task, new attempts",
		Long:  "Give what failed in an experiment, or one task, new attempts, and what was cancelled with it.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		if isTask(args[0]) {
			r, err := cluster.Tasks().RetryTask(c.Context(), &apiv1.RetryTaskRequest{RequestId: client.RequestID(), Key: args[0]})
			if err != nil {
				return err
			}
			say("%s", changeOf(r.Task))
			if wantJSON(c) {
				return printJSON(infoOf(r.Task))
			}
			return nil
		}
		r, err := cluster.Experiments().RetryExperiment(c.Context(), &apiv1.RetryExperimentRequest{RequestId: client.RequestID(), Id: args[0]})
		if err != nil {
			return err
		}
		return printExperiment(c, r.Experiment)
	})
	f.add(c)
	return c
}

// printExperiment says what has become of an experiment.
func printExperiment(c *cobra.Command, e *apiv1.Experiment) error {
	say("%s", countsOf(e))
	if held := whyHeld(e); held != "" {
		say("%s", held)
	}
	if wantJSON(c) {
		return printJSON(experimentInfoOf(e))
	}
	return nil
}

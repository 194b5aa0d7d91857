package main

import (
	"context"

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
	changesExperiment(c, &f, func(ctx context.Context, x apiv1.ExperimentServiceClient, id string) (*apiv1.Experiment, error) {
		now, err := x.GetExperiment(ctx, &apiv1.GetExperimentRequest{Id: id})
		if err != nil {
			return nil, err
		}
		if now.Experiment.State == apiv1.ExperimentState_EXPERIMENT_STATE_DONE { // it would be called cancelled from now on
			say("there is nothing to stop")
			return now.Experiment, nil
		}
		r, err := x.CancelExperiment(ctx, &apiv1.CancelExperimentRequest{RequestId: client.RequestID(), Id: id, Reason: reason})
		return r.GetExperiment(), err
	})
	addReason(c, &reason)
	return c
}

// changesExperiment has a verb do something to the experiment that its argument names, and
// print what has become of that.
func changesExperiment(c *cobra.Command, f *clientFlags, do func(ctx context.Context, x apiv1.ExperimentServiceClient, id string) (*apiv1.Experiment, error)) {
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		e, err := do(c.Context(), cluster.Experiments(), args[0])
		if err != nil {
			return err
		}
		return printExperiment(c, e)
	})
	f.add(c)
}

// addReason defines the flag that says why.
func addReason(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why, for whoever looks at it later")
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

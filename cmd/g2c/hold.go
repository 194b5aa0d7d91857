package main

import (
	"context"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// newHold is `g2c hold ID`.
func newHold() *cobra.Command {
	var f clientFlags
	var reason string
	c := &cobra.Command{
		Use:   "hold ID",
		Short: "Have an experiment's tasks save and stop, and begin nothing of it until it is released",
		Long: `Have an experiment's tasks save and stop, and begin nothing of it until it is released.

Nothing is lost: what ran goes on from the step where it stopped. A task that another
experiment wants as well goes on for that one.

` + exitCodes,
		Args: cobra.ExactArgs(1),
	}
	changesExperiment(c, &f, func(ctx context.Context, x apiv1.ExperimentServiceClient, id string) (*apiv1.Experiment, error) {
		r, err := x.HoldExperiment(ctx, &apiv1.HoldExperimentRequest{RequestId: client.RequestID(), Id: id, Reason: reason})
		return r.GetExperiment(), err
	})
	addReason(c, &reason)
	return c
}

// newRelease is `g2c release ID`.
func newRelease() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use:   "release ID",
		Short: "Have an experiment that was held go on",
		Long:  "Have an experiment that was held go on.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
	}
	changesExperiment(c, &f, func(ctx context.Context, x apiv1.ExperimentServiceClient, id string) (*apiv1.Experiment, error) {
		r, err := x.ReleaseExperiment(ctx, &apiv1.ReleaseExperimentRequest{RequestId: client.RequestID(), Id: id})
		return r.GetExperiment(), err
	})
	return c
}

// stateOf is how an experiment stands, in a word.
func stateOf(e *apiv1.Experiment) string {
	if e.Hold != nil && e.State == apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING {
		return "held"
	}
	return word(e.State, "EXPERIMENT_STATE_")
}

// whyHeld says who holds an experiment, since when and why; nothing if nobody does.
func whyHeld(e *apiv1.Experiment) string {
	if e.Hold == nil {
		return ""
	}
	said := "held"
	if e.Hold.By != "" {
		said += " by " + e.Hold.By
	}
	return said + " since " + when(e.Hold.SinceMs) + colon(e.Hold.Reason)
}

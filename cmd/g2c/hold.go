package main

import (
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
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		r, err := cluster.Experiments().HoldExperiment(c.Context(), &apiv1.HoldExperimentRequest{RequestId: client.RequestID(), Id: args[0], Reason: reason})
		if err != nil {
			return err
		}
		return printExperiment(c, r.Experiment)
	})
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at it later")
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
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		r, err := cluster.Experiments().ReleaseExperiment(c.Context(), &apiv1.ReleaseExperimentRequest{RequestId: client.RequestID(), Id: args[0]})
		if err != nil {
			return err
		}
		return printExperiment(c, r.Experiment)
	})
	f.add(c)
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

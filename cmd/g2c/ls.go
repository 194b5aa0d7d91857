package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
)

// listedExperiment is a line of `g2c ls --json`.
type listedExperiment struct {
	Experiment string    `json:"experiment"`
	Hash       string    `json:"hash"` // of its plan
	When       time.Time `json:"when"` // it was last run
	Done       int       `json:"done"`
	Tasks      int       `json:"tasks"`
	Report     string    `json:"report,omitempty"`
}

// newLs is `g2c ls [STORE]`.
func newLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [STORE]",
		Short: "List the experiments that were run in a store",
		Long: `List the experiments that were run in a store (default runs): the name, the hash of
the plan, when it was last run, how many of its tasks are done, and the report.

` + exitCodes,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := defaultStore
			if len(args) > 0 {
				dir = args[0]
			}
			s, err := openRead(c.Context(), dir)
			if err != nil {
				return err
			}
			all, err := listExperiments(c.Context(), s, dir)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				say("note: no experiment was run in %s", dir)
			}
			if wantJSON(c) {
				return printJSON(all)
			}
			w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "EXPERIMENT\tHASH\tWHEN\tDONE\tREPORT")
			for _, e := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%s\n", e.Experiment, e.Hash, e.When.Local().Format(time.DateTime), e.Done, e.Tasks, orDash(e.Report))
			}
			return w.Flush()
		},
	}
}

// listExperiments reads the records of a store; a damaged one is said and left out.
func listExperiments(ctx context.Context, s store.Store, dir string) ([]listedExperiment, error) {
	ids, err := record.IDs(ctx, s)
	if err != nil {
		return nil, err
	}
	tasks, _, err := checkpoint.New(s).Tasks(ctx)
	if err != nil {
		return nil, err
	}
	final := map[string]bool{}
	for _, t := range tasks {
		final[t.Key] = t.Final
	}
	all := []listedExperiment{}
	for _, id := range ids {
		run, err := record.Get(ctx, s, id)
		if err != nil {
			say("warning: %v", err)
			continue
		}
		e := listedExperiment{Experiment: id, Hash: fmt.Sprintf("%.12s", run.Plan.Hash()), Tasks: len(run.Plan.Items)}
		if e.When, err = record.When(ctx, s, id); err != nil {
			return nil, err
		}
		for _, item := range run.Plan.Items {
			if final[item.Key.String()] {
				e.Done++
			}
		}
		if e.Report, err = reportPage(ctx, s, dir, id); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

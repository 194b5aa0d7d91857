package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
	"g2c/internal/fault"
)

// forgottenRecord is the side record of a task whose experiment was forgotten.
const forgottenRecord = "forgotten"

// forgetting is what `g2c forget --json` prints.
type forgetting struct {
	Experiment string   `json:"experiment"`
	Store      string   `json:"store"`
	Delete     []string `json:"delete"` // records and the report, below the store
	Tasks      []string `json:"tasks"`  // keys that no other experiment wants
	Done       bool     `json:"done"`
}

// newForget is `g2c forget EXPERIMENT [STORE]`.
func newForget() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "forget EXPERIMENT [STORE]",
		Short: "Drop an experiment's records and report; with --yes, else only say what would go",
		Long: `Drop an experiment's records and report from a store (default runs). What would go is
printed, and goes with --yes. EXPERIMENT is a name as ` + "`g2c ls`" + ` prints it.

Checkpoints stay, and the same spec finds them again. Those of tasks that no other
experiment of the store wants are marked: ` + "`g2c ckpt gc --unwanted`" + ` collects them.

` + exitCodes,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			dir := defaultStore
			if len(args) == 2 {
				dir = args[1]
			}
			return forget(c, args[0], dir, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "drop it; without it what would go is only printed")
	return c
}

func forget(c *cobra.Command, id, dir string, yes bool) error {
	ctx := c.Context()
	if !yes {
		s, err := openRead(ctx, dir)
		if err != nil {
			return err
		}
		f, err := planForget(ctx, s, id, dir)
		if err != nil {
			return err
		}
		if err := f.print(c); err != nil {
			return err
		}
		say("nothing was dropped; --yes drops it")
		return nil
	}
	if _, err := openRead(ctx, dir); err != nil { // a store is not made to forget in it
		return err
	}
	s, err := openStore(ctx, dir)
	if err != nil {
		return err
	}
	return locked(ctx, s, checkpoint.RecordsLock, func() error {
		f, err := planForget(ctx, s, id, dir)
		if err == nil {
			err = f.carryOut(ctx, s)
		}
		if err != nil {
			return err
		}
		return f.print(c)
	})
}

// planForget finds what goes with an experiment. One that is being run stays.
func planForget(ctx context.Context, s store.Store, id, dir string) (*forgetting, error) {
	f := &forgetting{Experiment: id, Store: dir, Delete: []string{}, Tasks: []string{}}
	run, err := record.Get(ctx, s, id)
	if err != nil && !errors.Is(err, fault.ErrData) { // a damaged record can be forgotten
		return nil, err
	}
	if f.Delete, err = record.Keys(ctx, s, id); err != nil {
		return nil, err
	}
	there, err := hasReport(ctx, s, dir, id)
	if err != nil {
		return nil, err
	}
	if there {
		f.Delete = append(f.Delete, reportsDir+"/"+id+"/")
	}
	if hasLive(dir, id) {
		f.Delete = append(f.Delete, liveDir+"/"+id+"/")
	}
	if run == nil {
		return f, nil
	}
	if err := refuseRunning(checkpoint.New(s), run.Plan, dir, "wait for it to end, or interrupt it"); err != nil {
		return nil, err
	}
	others, err := wanted(ctx, s, id)
	if err != nil {
		return nil, err
	}
	for _, item := range run.Plan.Items {
		if key := item.Key.String(); !others[key] {
			f.Tasks = append(f.Tasks, key)
		}
	}
	return f, nil
}

// wanted are the keys of the tasks that the experiments of a store want, and of what
// those read; one experiment is left out.
func wanted(ctx context.Context, s store.Reader, except string) (map[string]bool, error) {
	ids, err := record.IDs(ctx, s)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, id := range ids {
		if id == except {
			continue
		}
		run, err := record.Get(ctx, s, id)
		if err != nil {
			return nil, fmt.Errorf("what experiment %s wants is not known: %w", id, err)
		}
		for _, item := range run.Plan.Items {
			keys[item.Key.String()] = true
			for _, in := range item.Task.Inputs() {
				keys[in.String()] = true
			}
		}
	}
	return keys, nil
}

// carryOut marks the tasks first: what is marked and wanted again stays.
func (f *forgetting) carryOut(ctx context.Context, s store.Store) error {
	repo := checkpoint.New(s)
	for _, key := range f.Tasks {
		if err := repo.PutRecord(ctx, key, forgottenRecord, map[string]string{"experiment": f.Experiment}); err != nil {
			return err
		}
	}
	if err := removeReport(ctx, s, f.Store, f.Experiment); err != nil {
		return err
	}
	if err := removeLive(f.Store, f.Experiment); err != nil {
		return err
	}
	if err := record.Delete(ctx, s, f.Experiment); err != nil {
		return err
	}
	f.Done = true
	return nil
}

func (f *forgetting) print(c *cobra.Command) error {
	if wantJSON(c) {
		return printJSON(f)
	}
	for _, name := range f.Delete {
		fmt.Fprintf(stdout, "delete %s\n", inStore(f.Store, name))
	}
	fmt.Fprintf(stdout, "%s that no other experiment wants: `g2c ckpt gc --unwanted --yes %s` deletes their checkpoints a day after they were made, --spare 0s at once\n", plural(len(f.Tasks), "task"), f.Store)
	return nil
}

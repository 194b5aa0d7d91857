package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
	"g2c/experiments/report"
	"g2c/internal/fault"
)

// defaultStore is where verbs that read no spec look.
const defaultStore = "runs"

// newReport is `g2c report STORE|EXPERIMENT`.
func newReport() *cobra.Command {
	var storeDir, out string
	c := &cobra.Command{
		Use:   "report STORE|EXPERIMENT",
		Short: "Make reports again from what is stored",
		Long: `Make reports again from what is stored.

A store's directory reports on every experiment that was run in it; a name on that
one, in --store. Neither the spec nor the data is needed. Reports are written to
reports/EXPERIMENT in the store, or to -o: the folder of the one report, or the
folder of the reports' folders where there are several.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, names, err := findExperiments(c.Context(), args[0], storeDir)
			if err != nil {
				return err
			}
			return rebuild(c, dir, names, out)
		},
	}
	c.Flags().StringVar(&storeDir, "store", defaultStore, "store of the named experiment")
	c.Flags().StringVarP(&out, "output", "o", "", "folder to write to (default reports/EXPERIMENT in the store)")
	return c
}

// findExperiments is the store and the names that an argument means. A directory
// is a store, unless the store asked for has an experiment of that name.
func findExperiments(ctx context.Context, arg, storeDir string) (dir string, names []string, err error) {
	if info, err := os.Stat(arg); err != nil || !info.IsDir() {
		return storeDir, []string{arg}, nil
	}
	s, err := openRead(arg)
	if err != nil {
		return "", nil, err
	}
	names, err = record.Names(ctx, s)
	if err == nil && len(names) == 0 {
		err = fault.New(fault.ErrNotFound, "store %s has no experiment", arg).WithHint("`g2c run SPEC --store %s` makes one", arg)
	}
	return arg, names, err
}

// openRead opens a directory store that exists, for reading.
func openRead(path string) (*filestore.Store, error) {
	if err := noBucket(path); err != nil {
		return nil, err
	}
	return filestore.OpenRead(path)
}

// rebuiltReport is a line of `g2c report --json`.
type rebuiltReport struct {
	Experiment string `json:"experiment"`
	Dir        string `json:"dir"`
	Unfinished int    `json:"unfinishedTasks"`
}

func rebuild(c *cobra.Command, dir string, names []string, out string) error {
	s, err := openRead(dir)
	if err != nil {
		return err
	}
	var all []rebuiltReport
	for _, name := range names {
		to := out
		switch {
		case out == "":
			to = filepath.Join(dir, reportsDir, name)
		case len(names) > 1:
			to = filepath.Join(out, name)
		}
		n, err := rebuildOne(c.Context(), s, name, to)
		if err != nil {
			return err
		}
		all = append(all, rebuiltReport{Experiment: name, Dir: to, Unfinished: n})
	}
	if wantJSON(c) {
		return printJSON(all)
	}
	for _, r := range all {
		if r.Unfinished > 0 {
			say("note: %d tasks of %s are not finished", r.Unfinished, r.Experiment)
		}
		fmt.Printf("report: %s\n", filepath.Join(r.Dir, report.IndexFile))
	}
	return nil
}

// rebuildOne writes the report of an experiment and counts unfinished tasks.
func rebuildOne(ctx context.Context, s *filestore.Store, name, to string) (unfinished int, err error) {
	e, err := record.Get(ctx, s, name)
	if err != nil {
		return 0, err
	}
	data, err := report.Collect(ctx, checkpoint.New(s), e.Plan)
	if err != nil {
		return 0, err
	}
	data.Notes = report.Notes{Warnings: e.Notes, Command: e.Command}
	return len(data.Unfinished), report.Write(ctx, to, data)
}

// record keeps in the store what a report needs.
func (e *experiment) record(ctx context.Context, s store.Store) error {
	return record.Put(ctx, s, record.Experiment{Spec: e.text, Sets: e.sets, Command: e.command(), Notes: e.notes, Plan: e.plan})
}

// command is what makes the experiment's results again.
func (e *experiment) command() string { return "g2c run " + e.name }

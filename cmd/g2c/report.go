package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
	"g2c/experiments/report"
	"g2c/experiments/specs"
	"g2c/internal/fault"
)

// defaultStore is where verbs that read no spec look.
const defaultStore = "runs"

// newReport is `g2c report STORE|EXPERIMENT...`.
func newReport() *cobra.Command {
	var storeDir, out string
	var tables bool
	c := &cobra.Command{
		Use:   "report STORE|EXPERIMENT...",
		Short: "Make reports again from what is stored",
		Long: `Make reports again from what is stored.

A store reports on every experiment that was run in it; a name on that
one, in --store: the first run of the name, while NAME@HASH is another of its runs.
Neither the spec nor the data is needed. Reports are written to reports/EXPERIMENT in
the store, of a bucket here and in the bucket, or to -o: the folder of the one report, or the folder of the reports'
folders where there are several.

--tables prints the paper's tables, and what it says of its design beside them, with the
numbers of all these experiments below the paper's own, and writes them as a page,
tables.html, and as tables.json to the store's folder of reports, or to -o. The arms are
found by the names that they have in the built-in specs paper/table1 to paper/table5 and
paper/ablations, which may stand here in place of the experiments' names. Several
experiments that are named one by one are joined in this way, too.

` + exitCodes,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var all []stored
			for _, arg := range args {
				found, err := findExperiments(c.Context(), arg, storeDir)
				if err != nil {
					return err
				}
				all = append(all, found...)
			}
			done, err := rebuild(c.Context(), all, out)
			if err != nil {
				return err
			}
			if !tables && (len(args) < 2 || len(all) > len(args)) {
				return showReports(c, done, nil)
			}
			joined := joinReports(all, done)
			page, err := writeTables(tablesFolder(all, out), joined)
			if err != nil {
				return err
			}
			if wantJSON(c) && tables {
				return printJSON(reportsAndTables{done, joined, page})
			}
			return showReports(c, done, func() error {
				if err := joined.Text(stdout); err != nil {
					return err
				}
				_, err := fmt.Fprintf(stdout, "tables: %s\n", page)
				return err
			})
		},
	}
	c.Flags().StringVar(&storeDir, "store", defaultStore, "store of the named experiment")
	c.Flags().BoolVar(&tables, "tables", false, "the paper's tables, too, with the numbers of all these experiments")
	c.Flags().StringVarP(&out, "output", "o", "", "folder to write to (default reports/EXPERIMENT in the store)")
	return c
}

// stored is a run that a store has the record of.
type stored struct{ dir, id string }

// findExperiments is the runs that an argument means. A bucket is a store, and so is a directory, unless the
// store asked for has an experiment of that name.
func findExperiments(ctx context.Context, arg, storeDir string) ([]stored, error) {
	if name, ok := specs.Experiment(arg); ok && strings.Contains(arg, "/") { // a built-in spec's
		arg = name
	}
	if info, err := os.Stat(arg); !s3store.Is(arg) && (err != nil || !info.IsDir() || hasRun(ctx, storeDir, arg)) {
		return []stored{{storeDir, arg}}, nil
	}
	s, err := openRead(ctx, arg)
	if err != nil {
		return nil, err
	}
	ids, err := record.IDs(ctx, s)
	if err == nil && len(ids) == 0 {
		err = fault.New(fault.ErrNotFound, "store %s has no experiment", arg).WithHint("`g2c run SPEC --store %s` makes one", arg)
	}
	var all []stored
	for _, id := range ids {
		all = append(all, stored{arg, id})
	}
	return all, err
}

// hasRun says whether a store has the record of a run.
func hasRun(ctx context.Context, storeDir, id string) bool {
	s, err := openRead(ctx, storeDir)
	if err != nil {
		return false
	}
	_, err = record.Get(ctx, s, id)
	return err == nil
}

// rebuiltReport is a line of `g2c report --json`.
type rebuiltReport struct {
	Experiment string `json:"experiment"`
	Dir        string `json:"dir"`
	Unfinished int    `json:"unfinishedTasks"`

	data *report.Data
}

// rebuild writes the reports of runs.
func rebuild(ctx context.Context, all []stored, out string) ([]rebuiltReport, error) {
	for i, run := range all {
		if slices.ContainsFunc(all[:i], func(o stored) bool { return out != "" && o.id == run.id && o.dir != run.dir }) {
			return nil, fault.New(fault.ErrSpec, "two stores have a run %s: one folder below %s cannot hold both reports", run.id, out).WithHint("make them one by one")
		}
	}
	done := []rebuiltReport{}
	for _, run := range all {
		to := out
		switch {
		case out == "":
			to = reportFolder(run.dir, run.id)
		case len(all) > 1:
			to = filepath.Join(out, run.id)
		}
		data, err := rebuildOne(ctx, run, to)
		if err != nil {
			return nil, err
		}
		done = append(done, rebuiltReport{Experiment: run.id, Dir: to, Unfinished: len(data.Unfinished), data: data})
	}
	return done, nil
}

// showReports says where reports are; before that come the tables, if any.
func showReports(c *cobra.Command, done []rebuiltReport, tables func() error) error {
	if wantJSON(c) {
		return printJSON(done)
	}
	if tables != nil {
		if err := tables(); err != nil {
			return err
		}
	}
	for _, r := range done {
		if r.Unfinished > 0 {
			say("note: not finished of %s: %s", r.Experiment, plural(r.Unfinished, "task"))
		}
		fmt.Fprintf(stdout, "report: %s\n", filepath.Join(r.Dir, report.IndexFile))
	}
	return nil
}

// rebuildOne writes the report of a run and returns what it is made of.
func rebuildOne(ctx context.Context, run stored, to string) (*report.Data, error) {
	s, err := openReport(ctx, run, to)
	if err != nil {
		return nil, err
	}
	data, err := collectReport(ctx, s, run.id)
	if err == nil {
		err = writeReport(ctx, s, run.id, to, data)
	}
	if err == nil && to == reportFolder(run.dir, run.id) {
		err = publish(ctx, s, run.id, to)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// openReport opens the store of a run: to write where the report's own place is in it.
func openReport(ctx context.Context, run stored, to string) (store.Store, error) {
	s, err := openRead(ctx, run.dir)
	if err == nil && s3store.Is(run.dir) && to == reportFolder(run.dir, run.id) {
		s, err = openStore(ctx, run.dir)
	}
	return s, err
}

// collectReport reads what the report of a run is made from.
func collectReport(ctx context.Context, s store.Store, id string) (*report.Data, error) {
	run, err := record.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return report.Collect(ctx, checkpoint.New(s), run)
}

// writeReport writes the report of a run, with the example patches that its store holds.
func writeReport(ctx context.Context, s store.Store, id, dir string, data *report.Data) error {
	data.Show(storedExamples(ctx, s, id))
	data.Authenticate(finder(ctx, s, id))
	return report.Write(ctx, dir, data)
}

// reportable refuses a run whose report would not find its place: before it trains, and
// not after.
func (e *experiment) reportable(ctx context.Context, s store.Store, dir string) error {
	if _, err := os.Lstat(dir); err != nil {
		return nil // there is nothing
	}
	data, err := collectReport(ctx, s, e.id)
	if err != nil {
		return err
	}
	return data.Replaceable(dir)
}

// record keeps in the store what a report needs.
func (e *experiment) record(ctx context.Context, s store.Store) error {
	return locked(ctx, s, checkpoint.RecordsLock, func() (err error) {
		e.id, err = record.Put(ctx, s, record.Experiment{
			Spec: e.text, Sets: e.flags.sets, Command: e.command(), Notes: e.notes, Plan: e.plan,
			Part: e.flags.only != "", Run: e.run, Data: e.sets, Missing: e.missing,
		})
		return err
	})
}

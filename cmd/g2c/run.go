package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/coordinator/local"
	"g2c/experiments/report"
	"g2c/worker/runner"
	"g2c/worker/train"
)

// newRun is `g2c run SPEC`.
func newRun() *cobra.Command {
	var f experimentFlags
	var wait bool
	c := &cobra.Command{
		Use:   "run SPEC",
		Short: "Run a whole experiment on this machine: plan, train, evaluate, report",
		Long: `Run a whole experiment on this machine: plan, train, evaluate, report.

SPEC is a file, or the name of a built-in spec such as quickstart. Interrupted at
any point, the same command goes on from the last checkpoint and ends in the same
bits.

On several GPUs (--device cuda:0,1) tasks run side by side, and a fine-tuning runs on
as many as finetune.shards and gang.max allow: a power of two. The bits are those of
one.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runExperiment(c, args[0], &f, wait) },
	}
	f.add(c)
	c.Flags().BoolVar(&wait, "wait", false, "wait for another run on the same store to end, instead of refusing")
	return c
}

// add defines the flags of verbs that read a spec.
func (f *experimentFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.store, "store", "", "directory of checkpoints and reports (default the spec's, runs/)")
	addSpecDevice(c, &f.device, "auto, cpu, cuda, cuda:0,1 or ref")
	c.Flags().StringVar(&f.only, "only", "", "a task's name or the beginning of names; what they need is run too")
	addSets(c, &f.sets)
	c.Flags().StringVar(&f.cache, "cache", "", "directory of decoded pixels (default the user's cache)")
	c.Flags().BoolVar(&f.skipBad, "skip-bad", false, "leave out images that do not decode, and say so")
}

func runExperiment(c *cobra.Command, name string, f *experimentFlags, wait bool) (err error) {
	ctx := c.Context()
	file, err := readSpec(name, f.sets)
	if err != nil {
		return err
	}
	path := f.storePath(file)
	store, err := openStore(path)
	if err != nil {
		return err
	}
	release, err := store.Lock(ctx, wait)
	if err != nil {
		return err
	}
	defer func() {
		if e := release(); err == nil {
			err = e
		}
	}()
	devices, err := openDevices(file.deviceName(f.device))
	if err != nil {
		return err
	}
	defer closeDevices(devices)
	repo := checkpoint.New(store)
	e, err := f.expand(ctx, file, devices[0].Class(), repo)
	if err != nil {
		return err
	}
	for _, n := range e.notes {
		say("note: %s", n)
	}
	if err := e.bringModels(ctx, repo); err != nil {
		return err
	}
	if err := e.record(ctx, store); err != nil {
		return err
	}
	view := newDisplay()
	if n := len(devices); n > 1 {
		say("%d devices of class %s: tasks run side by side, and a fine-tuning on up to %d together", n, devices[0].Class(), train.Together(n, n))
	}
	var runners []*runner.Runner
	for _, d := range devices {
		runners = append(runners, &runner.Runner{
			Device: d, Repo: repo, Data: e.data,
			Progress: view.step, Warn: func(m string) { view.say("warning: " + m) }, Now: time.Now,
		})
	}
	err = e.execute(ctx, repo, runner.NewPool("local", runners...), view)
	view.close()
	if err != nil {
		return err
	}
	return e.report(c, repo, filepath.Join(path, reportsDir, e.plan.Experiment))
}

// gang is how many slots a task takes of a worker that has a slot a device: a fine-tuning
// as many as can train it together, whatever else one.
func gang(t api.Task, g api.Gang, slots int) api.Gang {
	n := 1
	if t.Finetune != nil {
		n = max(g.Min, train.Together(min(slots, g.Max), t.Finetune.Shards))
	}
	return api.Gang{Min: n, Max: n}
}

// execute drives the plan on one worker. Its slots are its devices: a fine-tuning waits
// for as many as can train it together.
func (e *experiment) execute(ctx context.Context, repo *checkpoint.Repo, worker *runner.Pool, view *display) error {
	var works []api.Work
	for _, item := range e.plan.Items {
		w := item.Work
		w.Gang = gang(w.Task, w.Gang, worker.Slots())
		works = append(works, w)
	}
	return local.Run(ctx, local.Options{
		Experiment: e.plan.Experiment,
		Works:      works,
		Workers:    []local.Worker{worker},
		Finished: func(ctx context.Context, k api.Key) (bool, error) {
			m, damage, err := repo.Final(ctx, k.String(), checkpoint.Present)
			for _, d := range damage {
				view.say("warning: " + d.String())
			}
			return m != nil, err
		},
		Changed: view.tasks,
	})
}

// report writes the report and says where it is.
func (e *experiment) report(c *cobra.Command, repo *checkpoint.Repo, dir string) error {
	data, err := report.Collect(c.Context(), repo, e.plan)
	if err != nil {
		return err
	}
	data.Notes = report.Notes{Warnings: e.notes, Command: e.command()}
	if err := report.Write(c.Context(), dir, data); err != nil {
		return err
	}
	if wantJSON(c) {
		text, err := data.JSON()
		if err == nil {
			_, err = os.Stdout.Write(text)
		}
		return err
	}
	printArms(data)
	fmt.Printf("report: %s\n", filepath.Join(dir, "index.html"))
	return nil
}

// printArms prints a line for each arm and seed.
func printArms(d *report.Data) {
	if len(d.Arms) == 0 { // only generators were asked for
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "task\tarm\tseed\ttest balanced accuracy\tAUC\tF1\tn")
	for _, a := range d.Arms {
		t := a.Metrics.Test
		if t.N == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.3f\t%.3f\t%.3f\t%d\n", a.Task, a.Arm, a.Seed, t.BalancedAccuracy, t.AUC, t.F1, t.N)
	}
	w.Flush()
}

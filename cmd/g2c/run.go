package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/coordinator/local"
	"g2c/coordinator/state"
	"g2c/experiments/report"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/runner"
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
bits. A closed terminal stops it as Ctrl-C does, with its state saved; under nohup it
goes on.

The time left is that of the whole run. The page live/EXPERIMENT/index.html of the store
shows how it goes: open it in a browser, which loads it again every few seconds. Beside
it each task has metrics.jsonl, a line a step or an epoch, and sample images.

Several runs may share a store. A task that another process is running is waited for,
and is then done; an experiment that is running already is refused without --wait.

On several GPUs (--device cuda:0,1) tasks run side by side, and a fine-tuning runs on
as many as finetune.shards and gang.max allow. With --workers N there are N processes
that do so, and one that dies costs the others no step. The bits are those of one.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runExperiment(c, args[0], &f, wait) },
	}
	f.add(c)
	c.Flags().IntVar(&f.workers, "workers", 0, "train on so many worker processes, which share fine-tunings; one that dies is started again. Each has its part of the processor, or a GPU of its own")
	c.Flags().BoolVar(&wait, "wait", false, "begin also if another process is running a task of this experiment, and wait for it")
	return c
}

// add defines the flags of verbs that read a spec.
func (f *experimentFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.store, "store", "", storeHelp+" of checkpoints and reports (default the spec's, runs/)")
	addSpecDevice(c, &f.device, "auto, cpu, cuda, cuda:0,1 or ref")
	c.Flags().StringVar(&f.only, "only", "", "a task's name or the beginning of names; what they need is run too")
	addSets(c, &f.sets)
	f.imageFlags.add(c)
}

func runExperiment(c *cobra.Command, name string, f *experimentFlags, wait bool) (err error) {
	defer stopOnHangup(c)()
	ctx := c.Context()
	file, err := readSpec(name, f.sets)
	if err != nil {
		return err
	}
	path := f.storePath(file)
	store, err := openStore(ctx, path)
	if err != nil {
		return err
	}
	repo := checkpoint.New(store)
	release, err := repo.Use(ctx, wait)
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
	e, err := f.expand(ctx, file, devices[0].Class(), repo)
	if err != nil {
		return untouched(ctx, err)
	}
	for _, n := range e.notes {
		say("note: %s", n)
	}
	if !wait { // more likely than not it was started twice
		if err := refuseRunning(repo, e.plan, path, "wait for it to end; with --wait this run begins, and waits for tasks that others have"); err != nil {
			return err
		}
	}
	if err := e.bringModels(ctx, repo); err != nil {
		return err
	}
	if e.run, err = provenance(devices, f.skipBad); err != nil {
		return err
	}
	if err := e.record(ctx, store); err != nil {
		return untouched(ctx, err)
	}
	if err := e.reportable(ctx, store, reportFolder(path, e.id)); err != nil {
		return untouched(ctx, err)
	}
	return e.carryOut(c, f, repo, devices, path)
}

// carryOut runs the tasks, and shows how far they are, also on the run's page; then it
// writes the report.
func (e *experiment) carryOut(c *cobra.Command, f *experimentFlags, repo *checkpoint.Repo, devices []kernels.Device, path string) error {
	if e.searching {
		e.sayRound()
	}
	for {
		searched := e.searching
		ended, page, err := e.trainAll(c, f, repo, devices, path)
		if err != nil {
			return err
		}
		if searched {
			ended = e.nextRound(c.Context(), repo, ended)
		}
		if searched && ended == nil {
			page.close("", "")
			continue
		}
		if ended == nil && e.plan.Search != nil {
			ended = e.release(c.Context(), repo)
		}
		err = e.finish(c, repo, devices[0], path, ended)
		page.close(howEnded(err), filepath.Join(reportFolder(path, e.id), report.IndexFile))
		return err
	}
}

// trainAll runs the tasks of the plan; page is still open then. ended is how they ended.
func (e *experiment) trainAll(c *cobra.Command, f *experimentFlags, repo *checkpoint.Repo, devices []kernels.Device, path string) (ended error, page *liveRun, err error) {
	ctx, slots := c.Context(), len(devices)
	if f.workers > 0 {
		slots = f.workers
	}
	left, err := e.estimate(ctx, repo, slots)
	if err != nil {
		return nil, nil, untouched(ctx, err)
	}
	page = newLive(e, path)
	say("live: %s", page.path())
	view := newRunDisplay(left, page)
	if f.workers != 0 {
		ended = e.executeWith(ctx, f, e.deviceName(f.device), path, view)
	} else {
		ended = e.execute(ctx, repo, e.pool(repo, devices, view), view)
	}
	view.close()
	return ended, page, nil
}

// howEnded says on the page of a run how it ended.
func howEnded(err error) string {
	switch {
	case err == nil:
		return "Finished."
	case errors.Is(err, fault.ErrInterrupted):
		return "Interrupted, with its state saved: the same command goes on."
	}
	return "Ended with an error: " + err.Error() + "."
}

// pool is a worker of this process, with a slot a device.
func (e *experiment) pool(repo *checkpoint.Repo, devices []kernels.Device, view *display) *runner.Pool {
	if n := len(devices); n > 1 {
		say("%d devices of class %s: tasks run side by side, and a fine-tuning on up to %d together", n, devices[0].Class(), n)
	}
	var runners []*runner.Runner
	for _, d := range devices {
		runners = append(runners, &runner.Runner{
			Device: d, Repo: repo, Data: e.data,
			Progress: view.step, Hear: view.live.hear, Warn: func(m string) { view.say("warning: " + m) }, Now: time.Now, Energy: meterOf,
		})
	}
	return runner.NewPool("local", runners...)
}

// gang is how many slots a task takes of a worker that has a slot a device: a fine-tuning
// as many as can train it together, whatever else one.
func gang(t api.Task, g api.Gang, slots int) api.Gang {
	n := 1
	if t.Finetune != nil {
		n = max(g.Min, api.Useful(min(slots, g.Max), t.Finetune.Shards))
	}
	return api.Gang{Min: n, Max: n}
}

// execute drives the plan on one worker. Its slots are its devices: a fine-tuning waits
// for as many as can train it together.
func (e *experiment) execute(ctx context.Context, repo *checkpoint.Repo, worker *runner.Pool, view *display) error {
	var works []api.Work
	for _, item := range e.plan.Items {
		if e.lost[item.Key] {
			continue
		}
		w := item.Work
		w.Gang = gang(w.Task, w.Gang, worker.Slots())
		works = append(works, w)
	}
	var last *state.Snapshot
	err := local.Run(ctx, local.Options{
		Experiment: e.plan.Experiment,
		Works:      works,
		Workers:    []local.Worker{guarded{worker}},
		Finished: func(ctx context.Context, k api.Key) (bool, error) {
			m, damage, err := repo.Final(ctx, k.String(), checkpoint.Present)
			for _, d := range damage {
				view.say("warning: " + d.String())
			}
			return m != nil, err
		},
		Take: func(ctx context.Context, w api.Work) (func() error, error) {
			return takeTask(ctx, repo, w.Key.String(), w.Name(), view)
		},
		Changed: func(s *state.Snapshot) {
			last = s
			view.tasks(s)
		},
	})
	if err != nil && last != nil {
		e.missing, e.failed = whyMissing(e.plan, last, errors.Is(err, fault.ErrInterrupted)), failedIn(e.plan, last)
	}
	return err
}

// whyMissing says of each task that is not done why, by its key.
func whyMissing(p *sweep.Plan, s *state.Snapshot, interrupted bool) map[string]string {
	out := map[string]string{}
	for _, item := range p.Items { // inputs come before what needs them
		t := s.Task(item.Key)
		if t == nil || t.Status == state.Done {
			continue
		}
		needs, _ := p.Needs(item)
		lost := slices.IndexFunc(needs, func(in *sweep.Item) bool { return out[in.Key.String()] != "" })
		why := "the run ended before it began"
		switch {
		case t.Status == state.Failed:
			why = "failed: " + t.Reason
		case lost >= 0:
			why = "needs " + needs[lost].Name() + ", which is not done"
		case interrupted && t.Attempts > 0:
			why = "interrupted, with its state saved: the same command goes on from there"
		case interrupted:
			why = "interrupted before it began: the same command goes on"
		}
		out[item.Key.String()] = why
	}
	return out
}

// failedIn is what failed itself.
func failedIn(p *sweep.Plan, s *state.Snapshot) map[api.Key]bool {
	out := map[api.Key]bool{}
	for _, item := range p.Items {
		if t := s.Task(item.Key); t != nil && t.Status == state.Failed {
			out[item.Key] = true
		}
	}
	return out
}

// untouched makes an error that is only an interrupt's what it means: nothing was begun.
func untouched(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, fault.ErrInterrupted) {
		return fault.New(fault.ErrInterrupted, "interrupted before anything was trained: %w", err).WithHint("the same command begins again")
	}
	return err
}

// settleTime is how long a run that ended badly may take to write its report.
const settleTime = time.Minute

// finish makes the example patches and writes the report of a run, also of one that failed
// or was interrupted, and returns how it ended.
func (e *experiment) finish(c *cobra.Command, repo *checkpoint.Repo, d kernels.Device, storePath string, ended error) error {
	ctx := c.Context()
	var data *report.Data
	if ended == nil {
		data, ended = e.illustrate(ctx, repo, d)
	}
	var err error
	if ended != nil { // what ends the training does not end its report
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if err := e.record(ctx, repo.Store()); err != nil {
			say("warning: why tasks are not done could not be recorded: %v", err)
		}
		data, err = collectReport(ctx, repo.Store(), e.id)
	}
	dir := reportFolder(storePath, e.id)
	if err == nil {
		err = locked(ctx, repo.Store(), checkpoint.RecordsLock, func() error {
			if err := writeReport(ctx, repo.Store(), e.id, dir, data); err != nil {
				return err
			}
			return publish(ctx, repo.Store(), e.id, dir)
		})
	}
	if err != nil && ended != nil {
		say("warning: the report could not be written: %v", err)
		return ended
	}
	if err != nil {
		return err
	}
	return cmp.Or(ended, e.show(c, repo, storePath, data))
}

// illustrate collects the report of a finished run, makes the patches that it shows and
// looks at its generators.
func (e *experiment) illustrate(ctx context.Context, repo *checkpoint.Repo, d kernels.Device) (*report.Data, error) {
	data, err := collectReport(ctx, repo.Store(), e.id)
	if err == nil {
		err = e.examples(ctx, repo, d, data.Requests())
	}
	if err == nil {
		j := judging{repo: repo, id: e.id, plan: e.plan, data: e.data, device: func() (kernels.Device, error) { return d, nil }}
		err = j.make(ctx, j.missing(ctx, data))
	}
	if err != nil && ctx.Err() != nil {
		err = fault.New(fault.ErrInterrupted, "every task is done, example patches and authenticity are not: %w", err).WithHint("the same command makes them")
	}
	return data, err
}

// show prints what a run found.
func (e *experiment) show(c *cobra.Command, repo *checkpoint.Repo, storePath string, data *report.Data) error {
	if wantJSON(c) {
		text, err := data.JSON()
		if err == nil {
			_, err = stdout.Write(text)
		}
		return err
	}
	if err := printSummary(c.Context(), repo, storePath, data); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "report: %s\n", filepath.Join(reportFolder(storePath, e.id), report.IndexFile))
	if n := len(data.Unfinished); n > 0 {
		say("the report is partial: %s not finished", plural(n, "task"))
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/datasource"
	"g2c/experiments/planned"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/results"
)

// newPlan is `g2c plan SPEC...`.
func newPlan() *cobra.Command {
	var f experimentFlags
	var class string
	var measure bool
	c := &cobra.Command{
		Use:   "plan SPEC...",
		Short: "List an experiment's tasks, what they share, what is done, and what is left to do",
		Long: `List an experiment's tasks, what they share, what is done, and what is left to do.

Nothing is trained, and no store is made. Images are read, since what a task is
depends on their pixels. Times come from finished tasks of the same shape in the
store, where there are any; --measure times a step of every other kind of task on the
device, which takes seconds, and the column BASIS says where each time comes from.

Tasks are those of this machine's device, or of the class that --class names: then no
device is opened.

Of several specs it lists what each has to do and which tasks they share: what one has
trained the others find in the store. They are planned for one store, that of --store or
of the first spec.

` + exitCodes,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runPlan(c, args, &f, class, measure) },
	}
	f.add(c)
	addClass(c, &class, "that of the device")
	c.Flags().BoolVar(&measure, "measure", false, "time a step of each kind of task whose time the store does not tell, for half a minute at most where steps are short")
	return c
}

func runPlan(c *cobra.Command, names []string, f *experimentFlags, class string, measure bool) error {
	if class != "" && measure {
		return fault.New(fault.ErrSpec, "--measure times steps on this machine's device, and --class may be of another").WithHint("leave one of them out")
	}
	if err := checkClass(class); err != nil {
		return err
	}
	var lists []*planned.Listing
	var files []*specFile
	for _, name := range names {
		file, err := readSpec(name, f.sets)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	f.store = f.storePath(files[0])
	for _, file := range files {
		list, err := f.listing(c.Context(), file, class, measure)
		if err != nil {
			return err
		}
		lists = append(lists, list)
	}
	if len(lists) > 1 {
		return printPlan(c, planned.Join(lists))
	}
	return printPlan(c, lists[0])
}

// listing is what a spec has to do.
func (f *experimentFlags) listing(ctx context.Context, file *specFile, class string, measure bool) (*planned.Listing, error) {
	e, repo, err := f.look(ctx, file, class)
	if err != nil {
		return nil, err
	}
	for _, n := range e.plan.Notes {
		say("note: %s", n)
	}
	known, err := e.known(ctx, repo, func(d checkpoint.Damage) { say("warning: %s", d) })
	if err != nil {
		return nil, err
	}
	if measure {
		if err := e.measure(file.deviceName(f.device), &known); err != nil {
			return nil, err
		}
	}
	list := planned.List(e.plan, known)
	if list.UnknownLeft > 0 && class == "" {
		say("note: the store does not tell how long some tasks take; --measure times a step of each kind")
	}
	list.Data = e.sets
	if e.searching {
		say("%s", mostLeft(list, e.plan.Search))
	}
	return list, nil
}

// printPlan prints a plan, or several together.
func printPlan(c *cobra.Command, p interface {
	Text(w io.Writer) error
	JSON() ([]byte, error)
}) error {
	if !wantJSON(c) {
		return p.Text(stdout)
	}
	text, err := p.JSON()
	if err == nil {
		_, err = stdout.Write(text)
	}
	return err
}

// look expands a spec for a numerics class, of the device that it is for where it is not
// given, without training anything: repo is its store, nil where there is none yet.
func (f *experimentFlags) look(ctx context.Context, file *specFile, class string) (e *experiment, repo *checkpoint.Repo, err error) {
	if repo, err = readRepo(ctx, f.storePath(file)); err != nil {
		return nil, nil, err
	}
	if class == "" {
		if class, err = classOf(file.deviceName(f.device)); err != nil {
			return nil, nil, err
		}
	}
	if e, err = f.expand(ctx, file, class, repo); err != nil {
		return nil, nil, err
	}
	return e, repo, nil
}

// classOf is the numerics class of the devices that a flag names.
func classOf(name string) (string, error) {
	devices, err := openDevices(name)
	if err != nil {
		return "", err
	}
	class := devices[0].Class()
	return class, closeDevices(devices)
}

// readRepo opens a store for reading; nil where there is none yet.
func readRepo(ctx context.Context, path string) (*checkpoint.Repo, error) {
	s, err := openRead(ctx, path)
	if errors.Is(err, fault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return checkpoint.New(s), nil
}

// known is what the store and the data say of the plan's tasks; warn hears of damage.
func (e *experiment) known(ctx context.Context, repo *checkpoint.Repo, warn func(checkpoint.Damage)) (planned.Known, error) {
	k := planned.Known{State: map[api.Key]planned.State{}, Steps: map[api.Key]int64{}, Seconds: map[api.Key]float64{}, Used: map[api.Key]planned.Used{}}
	for _, item := range e.plan.Items {
		steps, err := stepsOf(ctx, e.data, &item.Work)
		if err != nil {
			return k, err
		}
		k.Steps[item.Key] = steps
		if repo == nil {
			continue
		}
		m, damage, err := repo.Final(ctx, item.Key.String(), checkpoint.Present)
		if err != nil {
			return k, err
		}
		for _, d := range damage {
			warn(d)
		}
		if m == nil {
			continue
		}
		k.State[item.Key] = planned.Done
		var t results.Timing
		found, err := repo.Record(ctx, item.Key.String(), results.TimingRecord, &t)
		if err != nil {
			return k, err
		}
		if found {
			k.Seconds[item.Key] = t.Seconds
			k.Used[item.Key] = planned.Used{DeviceSeconds: t.DeviceSeconds, Joules: t.Joules}
		}
	}
	return k, nil
}

// stepsOf is the number of optimizer steps of a task, of an evaluation the number
// of images.
func stepsOf(ctx context.Context, data *datasource.Opener, w *api.Work) (int64, error) {
	switch w.Task.Kind {
	case api.KindPretrain:
		p := w.Task.Pretrain
		d := p.Pair(w.Where)
		n := 0
		for _, stain := range []string{p.Source, p.Stain} {
			set, err := data.Unlabelled(ctx, d, stain)
			if err != nil {
				return 0, err
			}
			n = max(n, set.Len())
		}
		return int64(p.Epochs) * int64(n/p.Batch), nil
	case api.KindPaired:
		p := w.Task.Paired
		pairs, err := data.Pairs(ctx, p.Pairs(w.Where))
		if err != nil {
			return 0, err
		}
		return int64(p.Epochs) * int64(pairs.Train[0].Len()/p.Batch), nil
	case api.KindFinetune:
		f := w.Task.Finetune
		set, err := labelled(ctx, data, w, api.PartTraining, f)
		if err != nil {
			return 0, err
		}
		return int64(f.Epochs) * int64(set.Split(dataset.Train).Len()/f.Batch), nil
	case api.KindStain:
		return 1, nil
	}
	set, err := labelled(ctx, data, w, api.PartTest, &w.Task.Evaluate.Model)
	if err != nil {
		return 0, err
	}
	return int64(set.Len()), nil
}

// labelled opens the labelled images of a task, as its worker will.
func labelled(ctx context.Context, data *datasource.Opener, w *api.Work, part api.Part, f *api.Finetune) (*dataset.Set, error) {
	return data.Labelled(ctx, f.Images(part, w.Where))
}

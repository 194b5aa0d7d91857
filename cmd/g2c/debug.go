package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/train"
)

// newDebug is `g2c debug`.
func newDebug() *cobra.Command {
	c := &cobra.Command{Use: "debug", Short: "Look inside a training step: step, bench, dump"}
	c.AddCommand(newDebugStep(), newDebugBench(), newDebugDump())
	asGroup(c)
	return c
}

// debugFlags are the flags of the debug verbs.
type debugFlags struct {
	task, device   string
	sets           []string
	weights, batch string
	out            output
	steps          int
	lockstep       bool
	shapes         bool
	rewrites       bool
}

func (f *debugFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.task, "task", "pretrain", "pretrain, paired or finetune (the first of its kind), a task's name or key")
	addSpecDevice(c, &f.device, "auto, cpu, cuda, cuda:1 or ref")
	addSets(c, &f.sets)
	c.Flags().IntVar(&f.steps, "steps", 3, "training steps")
}

// newDebugStep is `g2c debug step SPEC`.
func newDebugStep() *cobra.Command {
	var f debugFlags
	c := &cobra.Command{
		Use:   "step SPEC",
		Short: "Run training steps on one batch and write every loss, gradient and weight",
		Long: `Run training steps on one batch and write every loss, gradient and weight.

Augmentation is off, the image pool is empty, the learning rate is that of epoch
0, and the step of a fine-tuning is the joint one. The files have the names and
layouts of PyTorch: weights in, batch in, expected out. With --device ref
everything is float64.

` + outputHelp + "\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return debugStep(c, args[0], &f) },
	}
	f.add(c)
	c.Flags().StringVar(&f.weights, "weights", "", "safetensors file of weights")
	c.Flags().StringVar(&f.batch, "batch", "", "safetensors file of one batch")
	f.out.begins, f.out.at = []string{`{"__metadata__":{"g2c":"debug step"}`}, 8 // behind the length
	c.Flags().StringVarP(&f.out.path, "output", "o", "", "safetensors file to write")
	addForce(c, &f.out.force)
	c.Flags().BoolVar(&f.lockstep, "lockstep", false, "hold each instruction to the reference, from the reference's rounded inputs")
	for _, name := range []string{"weights", "batch"} {
		_ = c.MarkFlagRequired(name) // the flag exists
	}
	return c
}

// debugTask finds the task that a debug verb means. Its key counts data only if
// it is asked for by key: the step itself reads none.
func (f *debugFlags) debugTask(c *cobra.Command, file *specFile, class string) (api.Task, error) {
	var plan *sweep.Plan
	var err error
	if f.task == string(api.KindPretrain) || f.task == string(api.KindPaired) || f.task == string(api.KindFinetune) || strings.Contains(f.task, "/") {
		none := func(api.DataSet) (api.Key, error) { return sha256.Sum256([]byte("no data")), nil }
		if plan, err = sweep.Expand(file.File, sweep.Options{Numerics: class, Fingerprint: none}); err != nil {
			return api.Task{}, err
		}
	} else {
		e, err := (&experimentFlags{}).expand(c.Context(), file, class, nil)
		if err != nil {
			return api.Task{}, err
		}
		plan = e.plan
	}
	for _, item := range plan.Items {
		if string(item.Task.Kind) == f.task || item.Key.HasPrefix(f.task) {
			return item.Task, nil
		}
		for _, n := range item.Names {
			if n == f.task {
				return item.Task, nil
			}
		}
	}
	return api.Task{}, fault.New(fault.ErrNotFound, "the plan of %s has no task %s", file.name, f.task).WithHint("`g2c plan %s` lists them", file.name)
}

// open reads a spec, opens the device that a debug verb runs on, the first of several, and
// finds the task.
func (f *debugFlags) open(c *cobra.Command, name string) (kernels.Device, api.Task, error) {
	file, err := readSpec(name, f.sets)
	if err != nil {
		return nil, api.Task{}, err
	}
	first, _, _ := strings.Cut(file.deviceName(f.device), ",")
	device, err := openDevice(first)
	if err != nil {
		return nil, api.Task{}, err
	}
	task, err := f.debugTask(c, file, device.Class())
	if err != nil {
		return nil, api.Task{}, errors.Join(err, device.Close())
	}
	return device, task, nil
}

func debugStep(c *cobra.Command, name string, f *debugFlags) error {
	if f.out.path != "" {
		if err := f.out.check(name, f.weights, f.batch); err != nil {
			return err
		}
	}
	device, task, err := f.open(c, name)
	if err != nil {
		return err
	}
	defer device.Close()
	weights, err := readTensors(f.weights)
	if err != nil {
		return err
	}
	batch, err := readTensors(f.batch)
	if err != nil {
		return err
	}
	if f.lockstep {
		return debugLockstep(device, task, weights, batch)
	}
	step, lr, err := train.NewDebugger(device, task)
	if err != nil {
		return err
	}
	defer step.Close()
	out, err := step.DebugStep(weights, batch, f.steps, lr)
	if err != nil {
		return err
	}
	for _, t := range out {
		if strings.HasPrefix(t.Name, "loss.") {
			v, err := t.Reals()
			if err != nil {
				return err
			}
			fmt.Fprintf(stdout, "%s %.9g\n", t.Name, v[0])
		}
	}
	if f.out.path == "" {
		return nil
	}
	encoded, err := safetensors.Encode(out, map[string]string{"g2c": "debug step"})
	if err != nil {
		return err
	}
	return f.out.stream(func(w io.Writer) error {
		_, err := encoded.WriteTo(w)
		return err
	})
}

// debugLockstep prints each program's worst instructions and fails if one is over
// its tolerance.
func debugLockstep(device kernels.Device, task api.Task, weights, batch *safetensors.File) error {
	reports, err := train.Lockstep(task, weights, batch, device)
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range reports {
		fmt.Fprint(stdout, r)
		failed += len(r.Failures())
	}
	if failed > 0 {
		return fault.New(fault.ErrTraining, "lockstep: %d instructions are over their tolerance on %s", failed, device.Class())
	}
	return nil
}

// readTensors reads a safetensors file.
func readTensors(path string) (*safetensors.File, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.ErrNotFound, "there is no file %s", path)
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read tensors: %w", err)
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

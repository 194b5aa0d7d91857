// Package runner runs one task: it opens the data and the inputs that the task
// names, calls the training loop of its kind, and leaves the result in the store.
// It does not decide what runs; a coordinator does.
//
// A Runner runs one task at a time.
package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/energy"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/gang"
	"g2c/worker/train"
)

// Data opens images and says what they hash to.
type Data interface {
	Unlabelled(ctx context.Context, d api.DataSet, stain string) (*dataset.Set, error)
	Truth(ctx context.Context, d api.DataSet, size int) (probe, truth *dataset.Set, err error)
	Labelled(ctx context.Context, d api.DataSet) (*dataset.Set, error)
	Pairs(ctx context.Context, d api.DataSet) (*dataset.Pairs, error)
	Fingerprint(ctx context.Context, d api.DataSet) (api.Key, error)
}

// Runner runs tasks on one device.
type Runner struct {
	Name   string // of the device, for people
	Device kernels.Device
	// Alone says that the device is the host's processor: others on it are no help.
	Alone bool
	// Others are devices that help with a fine-tuning: see train.Options.
	Others []kernels.Device
	Repo   *checkpoint.Repo
	Data   Data
	// Gang, Began and Resize are those of a fine-tuning that others take part in: see
	// train.Options.
	Gang   gang.Gang
	Began  func(generation uint64)
	Resize func(slots int) ([]kernels.Device, error)
	// Energy, if set, opens counters of energy: see train.Options.
	Energy func(devices []kernels.Device) energy.Meter
	// Packs, if set, has the data that lies in the store.
	Packs *Packs
	// Progress, if set, hears of every step.
	Progress func(w api.Work, p train.Progress)
	// Hear, if set, says who is told more of a task that is about to run.
	Hear func(w api.Work) Hearer
	// Warn, if set, hears of damage that was worked around.
	Warn func(message string)
	Now  func() time.Time
}

// Hearer is told how the training of one task goes, one call at a time; see train.Options.
type Hearer interface {
	Resumed(step int64)
	Epoch(e train.Epoch)
	Samples(s train.Samples)
}

// Class is the numerics class of the device.
func (r *Runner) Class() string { return r.Device.Class() }

// Run brings a task to its final manifest.
func (r *Runner) Run(ctx context.Context, w api.Work, _ int) error {
	defer debug.FreeOSMemory() // the next task is not to pay for this one
	opt := train.Options{
		Device: r.Device, Others: r.Others, Gang: r.Gang, Began: r.Began, Resize: r.Resize,
		Repo: r.Repo, Checkpoint: w.Checkpoint, Warn: r.Warn, Now: r.Now, Energy: r.Energy,
	}
	if longer, ok := w.Longer(); ok {
		opt.Longer = &longer
	}
	if r.Progress != nil {
		opt.Progress = func(p train.Progress) { r.Progress(w, p) }
	}
	if r.Hear != nil {
		h := r.Hear(w)
		opt.Resumed, opt.Epoch, opt.Samples = h.Resumed, h.Epoch, h.Samples
	}
	if w.Task.Numerics != r.Class() {
		return fault.New(fault.ErrSpec, "%s is of numerics class %s, this device is %s", w.Name(), w.Task.Numerics, r.Class())
	}
	if r.Packs != nil {
		data, release, err := r.Packs.For(ctx, w)
		if err != nil {
			return stopped(ctx, w, err)
		}
		defer release()
		with := *r
		with.Data = data
		r = &with
	}
	return stopped(ctx, w, r.byKind(ctx, w, opt))
}

// stopped makes an error that is only the context's what it means: nothing has failed.
func stopped(ctx context.Context, w api.Work, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fault.New(fault.ErrInterrupted, "%s stopped before it began: %w", w.Name(), err)
	}
	return err
}

func (r *Runner) byKind(ctx context.Context, w api.Work, opt train.Options) error {
	switch w.Task.Kind {
	case api.KindPretrain:
		return r.pretrain(ctx, w, opt)
	case api.KindFinetune:
		return r.finetune(ctx, w, opt)
	case api.KindEvaluate:
		return r.evaluate(ctx, w, opt)
	case api.KindStain:
		return r.stain(ctx, w, opt)
	case api.KindPaired:
		return r.paired(ctx, w, opt)
	}
	return fmt.Errorf("runner: no kind of task %q", w.Task.Kind)
}

// check refuses data that is not what the task's key was made from.
func (r *Runner) check(ctx context.Context, d api.DataSet, want api.Key) error {
	return Unchanged(ctx, r.Data, d, want)
}

// Unchanged refuses data whose fingerprint is not the one that a task was planned with.
func Unchanged(ctx context.Context, data Data, d api.DataSet, want api.Key) error {
	got, err := data.Fingerprint(ctx, d)
	if err != nil {
		return err
	}
	if got != want {
		return fault.New(fault.ErrData, "the %s data changed since the task was planned: fingerprint %s, want %s", d.Part, got.Short(), want.Short()).
			WithHint("plan the experiment again")
	}
	return nil
}

func (r *Runner) pretrain(ctx context.Context, w api.Work, opt train.Options) error {
	p := w.Task.Pretrain
	d := p.Pair(w.Where)
	if err := r.check(ctx, d, p.Data); err != nil {
		return err
	}
	var data train.PretrainData
	var err error
	if data.A, err = r.Data.Unlabelled(ctx, d, p.Source); err != nil {
		return err
	}
	if data.B, err = r.Data.Unlabelled(ctx, d, p.Stain); err != nil {
		return err
	}
	if data.Probe, data.Truth, err = r.Data.Truth(ctx, d, p.Size); err != nil {
		return err
	}
	if opt.Normaliser, err = r.normaliser(ctx, p.Normaliser); err != nil {
		return err
	}
	_, err = train.Pretrain(ctx, w.Task, data, opt)
	return err
}

func (r *Runner) paired(ctx context.Context, w api.Work, opt train.Options) error {
	p := w.Task.Paired
	d := p.Pairs(w.Where)
	if err := r.check(ctx, d, p.Data); err != nil {
		return err
	}
	pairs, err := r.Data.Pairs(ctx, d)
	if err != nil {
		return err
	}
	_, err = train.TrainPaired(ctx, w.Task, train.PairedData{Train: pairs.Train, Test: pairs.Test}, opt)
	return err
}

func (r *Runner) finetune(ctx context.Context, w api.Work, opt train.Options) error {
	f := w.Task.Finetune
	d := f.Images(api.PartTraining, w.Where)
	if err := r.check(ctx, d, f.Data); err != nil {
		return err
	}
	set, err := r.Data.Labelled(ctx, d)
	if err != nil {
		return err
	}
	generators := make([]*safetensors.File, len(f.Generators))
	for i, key := range f.Generators {
		if generators[i], err = r.weights(ctx, key); err != nil {
			return fmt.Errorf("generator %s: %w", f.Stains[i], err)
		}
	}
	if opt.Normaliser, err = r.normaliser(ctx, f.Normaliser); err != nil {
		return err
	}
	opt.Truth = Truth(ctx, r.Data, d)
	_, err = train.Finetune(ctx, w.Task, set, generators, opt)
	return err
}

func (r *Runner) evaluate(ctx context.Context, w api.Work, opt train.Options) error {
	e := w.Task.Evaluate
	d := e.Model.Images(api.PartTest, w.Where)
	if err := r.check(ctx, d, e.Data); err != nil {
		return err
	}
	set, err := r.Data.Labelled(ctx, d)
	if err != nil {
		return err
	}
	in := train.EvaluateInputs{}
	keys := w.Task.Inputs()
	if in.Weights, err = r.weights(ctx, keys[0]); err != nil {
		return err
	}
	if len(keys) > 1 {
		if in.Given, err = train.ReadEvaluation(ctx, r.Repo, keys[1]); err != nil {
			return err
		}
	}
	opt.Truth = Truth(ctx, r.Data, d)
	_, err = train.Evaluate(ctx, w.Task, set, in, opt)
	return err
}

// weights reads the selected weights of a finished task.
func (r *Runner) weights(ctx context.Context, key api.Key) (*safetensors.File, error) {
	m, damage, err := r.Repo.Final(ctx, key.String(), checkpoint.Present)
	if err != nil {
		return nil, err
	}
	if m == nil {
		text := ""
		for _, d := range damage {
			text += "; " + d.String()
		}
		return nil, fault.New(fault.ErrNotFound, "task %s has no finished result%s", key.Short(), text)
	}
	data, err := r.Repo.Payload(ctx, *m, checkpoint.Weights)
	if err != nil {
		return nil, err
	}
	return safetensors.Decode(data)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
	"g2c/experiments/report"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/worker/infer"
	"g2c/worker/runner"
	"g2c/worker/train"
)

// storedExamples are the example patches of a run as the store holds them. What cannot be
// read is as good as none: a report is worth having without.
func storedExamples(ctx context.Context, s store.Reader, id string) []report.Patches {
	data, err := record.Examples(ctx, s, id)
	var all []report.Patches
	if err == nil && data != nil {
		all, err = report.DecodeExamples(data)
	}
	if err != nil {
		say("warning: the example patches of %s cannot be read: %v", id, err)
		return nil
	}
	return all
}

// examples makes the patches that a report asks for, unless the store has them: they are
// chosen from all test images, after every arm was judged.
func (e *experiment) examples(ctx context.Context, repo *checkpoint.Repo, d kernels.Device, wanted []report.Request) error {
	all := storedExamples(ctx, repo.Store(), e.id)
	if report.Have(all, wanted) {
		return nil
	}
	all = nil
	for _, r := range wanted {
		p, err := e.patches(ctx, repo, d, r)
		if err != nil {
			return fmt.Errorf("example patches: %w", err)
		}
		all = append(all, *p)
	}
	body, err := report.EncodeExamples(all)
	if err != nil {
		return err
	}
	return record.PutExamples(ctx, repo.Store(), e.id, body)
}

// patches shows test images of an evaluation as its model's generators see them.
func (e *experiment) patches(ctx context.Context, repo *checkpoint.Repo, d kernels.Device, r report.Request) (*report.Patches, error) {
	item := e.plan.Find(r.Evaluation)
	if item == nil || item.Task.Evaluate == nil {
		return nil, fault.New(fault.ErrNotFound, "the plan has no evaluation %s", r.Evaluation.Short())
	}
	f := &item.Task.Evaluate.Model
	set, err := labelled(ctx, e.data, &item.Work, api.PartTest, f)
	if err != nil {
		return nil, err
	}
	set = set.Split(dataset.Test).Select(func(im dataset.Image) bool { return slices.Contains(r.Names, im.Name) })
	if set.Len() != len(r.Names) {
		return nil, fault.New(fault.ErrData, "%d of %d test images of %s are not there any more", len(r.Names)-set.Len(), len(r.Names), item.Name())
	}
	var weights *safetensors.File
	if len(f.Stains) > 0 || f.Normaliser != nil {
		model, err := modelOfKey(ctx, repo, item.Task.Inputs()[0].String(), []api.Kind{api.KindFinetune})
		if err != nil {
			return nil, err
		}
		if _, weights, err = model.weights(ctx); err != nil {
			return nil, err
		}
		if set, err = train.Normalised(set, f.Normaliser, weights); err != nil {
			return nil, err
		}
	}
	return e.seen(ctx, d, r, item, set, weights)
}

// seen is images as a model sees them, in every stain.
func (e *experiment) seen(ctx context.Context, d kernels.Device, r report.Request, item *sweep.Item, set *dataset.Set, weights *safetensors.File) (*report.Patches, error) {
	f := &item.Task.Evaluate.Model
	out := &report.Patches{Request: report.Request{Evaluation: r.Evaluation}, Size: f.Size, Stains: len(f.Stains)}
	image := 3 * f.Size * f.Size
	out.Generated = make([]uint8, set.Len()*len(f.Stains)*image)
	for i := range set.Len() {
		out.Names = append(out.Names, set.Image(i).Name)
		pixels, err := set.Pixels(i)
		if err != nil {
			return nil, err
		}
		out.Source = append(out.Source, pixels...)
	}
	if len(f.Stains) == 0 {
		return out, nil
	}
	branches, err := train.NewBranches(f, weights, runner.Truth(ctx, e.data, f.Images(api.PartTest, item.Where)))
	if err != nil {
		return nil, err
	}
	for k := range f.Stains {
		given, ok, err := branches.View(set, k)
		if err != nil {
			return nil, err
		}
		if ok {
			for i := range set.Len() {
				if err := given.Read(out.Generated[(i*len(f.Stains)+k)*image:][:image], i); err != nil {
					return nil, err
				}
			}
			continue
		}
		t, err := infer.NewTranslator(d, infer.Generator{Shape: *f.Generator, Size: f.Size, Prefix: g2c.GeneratorNet(k) + "."}, weights)
		if err != nil {
			return nil, err
		}
		err = t.Translate(ctx, func(_, i int, pixels []uint8) error {
			copy(out.Generated[(i*len(f.Stains)+k)*image:][:image], pixels)
			return nil
		}, set)
		if err := errors.Join(err, t.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/store"
	"g2c/experiments/datasource"
	"g2c/experiments/record"
	"g2c/experiments/report"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/results"
	"g2c/worker/authentic"
	"g2c/worker/runner"
)

// storedJudged is what the store holds of the generators of a fine-tuning. What cannot be
// read is as good as none: a report is worth having without.
func storedJudged(ctx context.Context, s store.Reader, id string, key api.Key) *report.Judged {
	data, err := record.Authentic(ctx, s, id, key)
	var j *report.Judged
	if err == nil && data != nil {
		j, err = report.DecodeJudged(data)
	}
	if err != nil {
		say("warning: what became of the generators of %s in %s cannot be read: %v", key.Short(), id, err)
		return nil
	}
	return j
}

// finder finds what a store holds of the generators of a run's fine-tunings.
func finder(ctx context.Context, s store.Reader, id string) func(api.Key) *report.Judged {
	return func(key api.Key) *report.Judged { return storedJudged(ctx, s, id, key) }
}

// judging looks at the generators of a run's fine-tunings.
type judging struct {
	repo   *checkpoint.Repo
	id     string // of the run
	plan   *sweep.Plan
	data   *datasource.Opener
	device func() (kernels.Device, error)
	// features measures in a network that a user brought; nil for none.
	features  authentic.Features
	inception string // SHA-256 of the file of that network
}

// missing are those fine-tunings of a report of whose generators the store knows nothing, or
// not what features say.
func (j *judging) missing(ctx context.Context, data *report.Data) []api.Key {
	var out []api.Key
	for _, key := range data.Jointly() {
		known := storedJudged(ctx, j.repo.Store(), j.id, key)
		if known == nil || j.features != nil && !j.hasFeatures(known) {
			out = append(out, key)
		}
	}
	return out
}

// hasFeatures says whether what is known of generators includes what features say, where
// there are real images to hold them against.
func (j *judging) hasFeatures(known *report.Judged) bool {
	return known.Inception == j.inception && !slices.ContainsFunc(known.Generators, func(g results.Authentic) bool { return g.RealCheckering.Defined() && g.After.KID == nil })
}

// make looks at the generators of fine-tunings, and stores each by itself: whoever is
// interrupted goes on where he was. A pretrained generator that is gone from the store is a
// note: what it made nobody can say any more.
func (j *judging) make(ctx context.Context, missing []api.Key) error {
	for i, key := range missing {
		item := j.plan.Find(key)
		say("looking at the generators of %s (%d of %d)", item.Name(), i+1, len(missing))
		if err := j.one(ctx, item); err != nil {
			return fmt.Errorf("authenticity of %s: %w", item.Name(), err)
		}
	}
	return nil
}

// errGone is what is said of a generator as it was pretrained that a store has no more.
var errGone = errors.New("as pretrained it is gone from the store")

// one looks at those of one fine-tuning.
func (j *judging) one(ctx context.Context, item *sweep.Item) error {
	f := item.Task.Finetune
	in := authentic.Input{Task: f, Features: j.features}
	model, err := modelOfKey(ctx, j.repo, item.Key.String(), []api.Kind{api.KindFinetune})
	if err != nil {
		return err
	}
	if _, in.Weights, err = model.weights(ctx); err != nil {
		return err
	}
	for _, i := range authentic.Trained(f) {
		b, err := j.branch(ctx, item, i)
		if errors.Is(err, errGone) {
			say("note: nobody can say any more what joint training made of %s: %v", item.Name(), err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("generator of %s: %w", f.Stains[i], err)
		}
		in.Branches = append(in.Branches, *b)
	}
	if err := j.images(ctx, item, &in); err != nil {
		return err
	}
	d, err := j.device()
	if err != nil {
		return err
	}
	numbers, shown, err := authentic.Measure(ctx, d, in)
	if err != nil {
		return err
	}
	numbers.Inception = j.inception
	body, err := report.EncodeJudged(&report.Judged{Authenticity: *numbers, Shown: *shown})
	if err != nil {
		return err
	}
	return record.PutAuthentic(ctx, j.repo.Store(), j.id, item.Key, body)
}

// images are the test images that the fine-tuning is evaluated on, or else unlabelled ones.
func (j *judging) images(ctx context.Context, item *sweep.Item, in *authentic.Input) error {
	f := item.Task.Finetune
	for _, e := range j.plan.Items {
		if e.Task.Evaluate == nil || e.Task.Inputs()[0] != item.Key {
			continue
		}
		d := f.Images(api.PartTest, e.Where)
		if err := runner.Unchanged(ctx, j.data, d, e.Task.Evaluate.Data); err != nil {
			return err
		}
		set, err := j.data.Labelled(ctx, d)
		if err != nil {
			return err
		}
		if set = set.Split(dataset.Test); set.Len() > 0 {
			in.Images, in.Of, in.Truth = set, results.OfTest, runner.Truth(ctx, j.data, d)
			return nil
		}
	}
	for _, i := range authentic.Trained(f) {
		set, err := j.unlabelled(ctx, f, i, f.Source)
		if err != nil {
			return err
		}
		if set != nil {
			in.Images, in.Of = set, results.OfUnlabelled
			return nil
		}
	}
	return fault.New(fault.ErrData, "no evaluation has test images for it, and unlabelled ones of %s are not known", f.Source)
}

// branch is a generator as it was pretrained, and what it is held against.
func (j *judging) branch(ctx context.Context, item *sweep.Item, i int) (*authentic.Branch, error) {
	f := item.Task.Finetune
	key := f.Generators[i]
	model, err := modelOfKey(ctx, j.repo, key.String(), []api.Kind{api.KindPretrain, api.KindPaired})
	if errors.Is(err, fault.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errGone, err)
	}
	if err != nil {
		return nil, err
	}
	b := &authentic.Branch{Number: i, Key: key}
	if _, b.Pretrained, err = model.weights(ctx); err != nil {
		return nil, err
	}
	if b.Backward, err = model.backward(ctx); err != nil {
		return nil, err
	}
	b.Target, err = j.unlabelled(ctx, f, i, f.Stains[i])
	return b, err
}

// unlabelled are the images of one of the stains that a generator was trained on, fitted to
// the side of its training for the target, and to the model's for the source; nil where the
// plan does not say which, as of a generator that was brought.
func (j *judging) unlabelled(ctx context.Context, f *api.Finetune, i int, stain string) (*dataset.Set, error) {
	item := j.plan.Find(f.Generators[i])
	if item == nil {
		return nil, nil
	}
	if p := item.Task.Paired; p != nil {
		pairs, err := j.data.Pairs(ctx, p.Pairs(item.Where))
		switch {
		case err != nil:
			return nil, err
		case stain != f.Source:
			return pairs.Train[1], nil
		}
		return pairs.Test[0], nil
	}
	p := item.Task.Pretrain
	if p == nil {
		return nil, errors.New("g2c: a trained generator of neither kind")
	}
	d := p.Pair(item.Where)
	if stain == f.Source {
		d.Side = f.Size
	}
	return j.data.Unlabelled(ctx, d, stain)
}

package runner

import (
	"context"
	"fmt"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/worker/train"
)

// stain makes a stain without training.
func (r *Runner) stain(ctx context.Context, w api.Work, opt train.Options) error {
	s := w.Task.Stain
	var target *dataset.Set
	if api.Targeted(s.Method) {
		d := s.Target(w.Where)
		if err := r.check(ctx, d, s.Data); err != nil {
			return err
		}
		var err error
		if target, err = r.Data.Unlabelled(ctx, d, s.Stain); err != nil {
			return err
		}
	}
	_, err := train.Stain(ctx, w.Task, target, opt)
	return err
}

// Truth is the labelled images of a description in another stain: of the built-in world,
// where every stain of a tissue can be drawn.
func Truth(ctx context.Context, data Data, d api.DataSet) train.Truth {
	return func(stain string) (*dataset.Set, error) {
		if d.Where.Synthetic == nil {
			return nil, nil
		}
		d.Where.Source = stain
		return data.Labelled(ctx, d)
	}
}

// normaliser reads what a normaliser needs; nil for none.
func (r *Runner) normaliser(ctx context.Context, n *api.Normaliser) (*safetensors.File, error) {
	if n == nil {
		return nil, nil
	}
	f, err := r.weights(ctx, n.Stain)
	if err != nil {
		return nil, fmt.Errorf("normaliser: %w", err)
	}
	return f, nil
}

package sweep

import (
	"slices"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/model/metrics"
)

// The functions below write a variant's fields in the normal form of a task:
// nothing that leaves the numbers as they are makes another task.

func normalPretrain(s *spec.Spec, stain string, data api.Key) api.Pretrain {
	out := api.Pretrain{
		Origin: s.Data.Origin, Stain: stain, View: s.Data.View,
		Generator: s.Model.Generator, Discriminator: s.Model.Discriminator,
		CycleGAN: s.Pretrain.CycleGAN, Random: s.Random, Data: data,
	}
	out.ConstantEpochs = min(out.ConstantEpochs, out.Epochs) // more is the same: no decay
	return out
}

func normalPaired(s *spec.Spec, stain string, data api.Key) api.Paired {
	out := api.Paired{
		Origin: s.Data.Origin, Stain: stain, View: s.Data.View,
		Generator: s.Model.Generator, Discriminator: s.Model.Discriminator,
		Pix2Pix: s.Pretrain.Of(), L1: s.Pretrain.L1, Random: s.Random, Data: data,
	}
	out.ConstantEpochs = min(out.ConstantEpochs, out.Epochs) // as a pretraining's
	return out
}

func normalFinetune(v *spec.Variant, t *spec.Task, generators []api.Key, data api.Key) api.Finetune {
	s := &v.Spec
	positive, negative := api.JoinLabels(t.Positive, t.Negative)
	out := api.Finetune{
		Origin: s.Data.Origin, Stains: v.Stains, Generators: generators, View: s.Data.View,
		Positive: slices.Sorted(slices.Values(t.Positive)), PositiveName: positive,
		Negative: slices.Sorted(slices.Values(t.Negative)), NegativeName: negative,
		Classifier: s.Model.Classifier, Tuning: s.Finetune.Tuning, Augment: s.Finetune.Augment != spec.AugmentOff,
		JitterStains: s.Finetune.Augment == spec.AugmentStains, Sums: s.Sums, Random: s.Random, Data: data,
		Replacement: s.Model.Replacement,
	}
	if out.Baseline != api.BaselineNone {
		replace(&out)
	}
	out.Methods = methods(v)
	switch {
	case out.Networks() == 0: // there is no generator to shape or to freeze
		out.FrozenEpochs = 0
		return out
	case out.FrozenEpochs < 0 || out.FrozenEpochs > out.Epochs: // all, or more
		out.FrozenEpochs = out.Epochs
	}
	generator := s.Model.Generator
	out.Generator = &generator
	return out
}

// replace leaves out what a baseline has not: the classifier's shape and, where it is grown
// and not trained in steps, every field of the training.
func replace(f *api.Finetune) {
	standard := spec.Default()
	f.Classifier = standard.Model.Classifier
	if f.Baseline != api.BaselineFuzzyHistogram {
		return
	}
	f.Tuning, f.Sums, f.Precision = standard.Finetune.Tuning, standard.Sums, standard.Precision
	f.Augment, f.JitterStains = false, false
	f.Shards = 1 // nobody grows it together
}

func normalEvaluate(t *spec.Task, model api.Finetune, given, data api.Key) api.Evaluate {
	out := api.Evaluate{Model: model, Given: given, Data: data, Metrics: metrics.Version}
	if t.PositiveName != model.PositiveName {
		out.PositiveName = t.PositiveName
	}
	if t.NegativeName != model.NegativeName {
		out.NegativeName = t.NegativeName
	}
	return out
}

// gang is who trains a fine-tuning together: of one shard, one.
func gang(s *spec.Spec, f *api.Finetune) api.Gang {
	return api.Gang{Min: min(s.Gang.Min, f.Shards), Max: min(s.GangMax(), f.Shards)}
}

// labels are the labels of a task's images, sorted.
func labels(t *spec.Task) []string {
	return slices.Sorted(slices.Values(slices.Concat(t.Positive, t.Negative)))
}

// pairWhere says where the images of a pretraining are.
func pairWhere(s *spec.Spec, stain string) api.Where {
	w := api.Where{Source: s.Data.Source, Synthetic: synthetic(s)}
	if w.Synthetic != nil {
		return w
	}
	for _, name := range slices.Sorted(slices.Values([]string{s.Data.Source, stain})) {
		w.Unlabelled = append(w.Unlabelled, api.StainPaths{Stain: name, Paths: s.Data.Unlabelled[name]})
	}
	return w
}

// pairedWhere says where the pairs of a paired training are.
func pairedWhere(s *spec.Spec, stain string) api.Where {
	return api.Where{Source: s.Data.Source, Paired: s.Data.Paired[stain], HeldSlide: s.Data.HeldSlide}
}

// labelledWhere says where the labelled images of the given parts are, and
// nothing of the others: a change to the test set must not touch the training
// set's fingerprint. Folds are drawn over both sets, so each part of a fold is in both.
func labelledWhere(s *spec.Spec, fold int, parts ...api.Part) api.Where {
	l := &s.Data.Labelled
	out := &api.Labelled{
		Pattern: l.Group.Pattern, By: l.Group.By, Columns: l.Columns, AllowDuplicates: l.AllowDuplicates,
		Folds: l.Folds, Fold: fold, Named: l.Columns != (api.Columns{}),
	}
	for _, part := range parts {
		switch part {
		case api.PartTraining:
			out.Train, out.Validation, out.Take = l.Train, validation(s), l.Take
		case api.PartTest:
			out.Test = l.Test
		}
	}
	if out.Folds > 0 {
		out.Train, out.Test = l.Train, l.Test
	}
	if out.Folds > 0 || out.Take > 0 {
		out.Seed = dataSeed(s)
	}
	return api.Where{Source: s.Data.Source, Synthetic: synthetic(s), Labelled: out}
}

func validation(s *spec.Spec) *api.Validation {
	switch v := &s.Data.Labelled.Validation; {
	case v.None:
		return nil
	case v.Paths != nil:
		return &api.Validation{Paths: v.Paths}
	default:
		return &api.Validation{Fraction: v.Fraction, Seed: dataSeed(s)}
	}
}

// dataSeed is the seed of what is drawn from the data.
func dataSeed(s *spec.Spec) uint32 {
	if s.Data.Seed < 0 {
		return s.Seed
	}
	return uint32(s.Data.Seed)
}

func synthetic(s *spec.Spec) *api.Synthetic {
	if s.Data.Synthetic == nil {
		return nil
	}
	out := *s.Data.Synthetic
	return &out
}

// costOf is what a spec reckons with; nil for no price.
func costOf(s *spec.Spec) *spec.Cost {
	if !s.Cost.Rated() {
		return nil
	}
	c := s.Cost
	return &c
}

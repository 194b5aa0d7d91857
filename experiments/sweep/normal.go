package sweep

import (
	"slices"

	"g2c/api"
	"g2c/experiments/spec"
)

// The functions below write a variant's fields in the normal form of a task:
// nothing that leaves the numbers as they are makes another task.

func normalPretrain(s *spec.Spec, stain string, data api.Key) api.Pretrain {
	p := &s.Pretrain
	return api.Pretrain{
		Origin: api.Origin{Source: s.Data.Source}, Stain: stain, View: api.View{Size: s.Data.Size, Fit: s.Data.Fit},
		Generator:     api.Generator{Width: s.Model.Generator.Width, Blocks: s.Model.Generator.Blocks},
		Discriminator: api.Discriminator{DiscriminatorWidth: s.Model.Discriminator.Width},
		CycleGAN: api.CycleGAN{
			Epochs:         p.Epochs,
			ConstantEpochs: min(p.ConstantEpochs, p.Epochs), // more is the same: no decay
			Batch:          p.Batch, Pool: p.Pool,
			LambdaCycle: p.LambdaCycle, LambdaIdentity: p.LambdaIdentity,
			Load: p.Load, Flip: p.Flip, LR: p.LR, Beta1: p.Beta1, Beta2: p.Beta2,
		},
		Random: api.Random{Seed: s.Seed, Precision: s.Precision}, Data: data,
	}
}

func normalFinetune(v *spec.Variant, t *spec.Task, generators []api.Key, data api.Key) api.Finetune {
	s, f, c := &v.Spec, &v.Spec.Finetune, &v.Spec.Model.Classifier
	positive, negative := t.ClassNames()
	out := api.Finetune{
		Origin: api.Origin{Source: s.Data.Source}, Stains: v.Stains, Generators: generators, View: api.View{Size: s.Data.Size, Fit: s.Data.Fit},
		Positive: slices.Sorted(slices.Values(t.Positive)), PositiveName: positive,
		Negative: slices.Sorted(slices.Values(t.Negative)), NegativeName: negative,
		Classifier: api.Classifier{
			Width: c.Width, Units: c.Units, Hidden: c.Hidden, Attention: c.Attention, Stem: c.Stem, Shared: c.Shared,
		},
		Tuning: api.Tuning{
			Epochs: f.Epochs, Batch: f.Batch, Shards: f.Shards, Select: f.Select, Gamma: f.Gamma,
			LR: f.LR, Momentum: f.Momentum, DropEvery: f.DropEvery, DropBy: f.DropBy, Augment: f.Augment,
		},
		Sums: api.Sums{Gradients: s.Gradients}, Random: api.Random{Seed: s.Seed, Precision: s.Precision}, Data: data,
	}
	if len(v.Stains) > 0 { // without stains there is no generator to shape or to freeze
		out.Generator = &api.Generator{Width: s.Model.Generator.Width, Blocks: s.Model.Generator.Blocks}
		out.FrozenEpochs = min(int(f.FreezeEpochs), f.Epochs)
		if f.FreezeEpochs == spec.All {
			out.FrozenEpochs = f.Epochs
		}
	}
	return out
}

func gang(s *spec.Spec) api.Gang { return api.Gang{Min: s.Gang.Min, Max: s.GangMax()} }

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

// labelledWhere says where the labelled images of the given parts are, and
// nothing of the others: a change to the test set must not touch the training
// set's fingerprint.
func labelledWhere(s *spec.Spec, parts ...api.Part) api.Where {
	l := &s.Data.Labelled
	out := &api.Labelled{Pattern: l.Group.Pattern, Columns: api.Columns(l.Columns)}
	for _, part := range parts {
		switch part {
		case api.PartTraining:
			out.Train, out.Validation = l.Train, validation(s)
		case api.PartTest:
			out.Test = l.Test
		}
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
		return &api.Validation{Fraction: v.Fraction, Seed: s.Data.Seed}
	}
}

func synthetic(s *spec.Spec) *api.Synthetic {
	if s.Data.Synthetic == nil {
		return nil
	}
	out := api.Synthetic(*s.Data.Synthetic)
	return &out
}

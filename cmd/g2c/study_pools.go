package main

import (
	"context"
	"errors"
	"slices"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/datasource"
	"g2c/experiments/study"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/infer"
)

// studyBuilder finds the candidates of a study.
type studyBuilder struct {
	repo   *checkpoint.Repo
	plan   *sweep.Plan
	data   *datasource.Opener
	device kernels.Device
	arm    string
	test   bool // generate from test images

	size        int
	translators []*infer.Translator
}

func (b *studyBuilder) close() error {
	var all []error
	for _, t := range b.translators {
		all = append(all, t.Close())
	}
	return errors.Join(all...)
}

// made says of what a study is made.
func (b *studyBuilder) made(experiment string) string {
	from := "unlabelled"
	if b.test {
		from = "test"
	}
	if b.arm == "" {
		return experiment + ", pretrained generators, from " + from + " images"
	}
	return experiment + ", generators of " + b.arm + ", from " + from + " images"
}

// pools are the candidates of each stain that the plan has a finished generator for: of
// the first such, in the order of the plan.
func (b *studyBuilder) pools(ctx context.Context) ([]study.Pool, error) {
	var out []study.Pool
	for _, item := range b.plan.Items {
		p, ok := item.Task.Translator()
		if !ok || slices.ContainsFunc(out, func(o study.Pool) bool { return o.Stain == p.Stain }) {
			continue
		}
		m, err := b.model(ctx, item, p.Stain)
		if errors.Is(err, fault.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if b.size != 0 && b.size != p.Size {
			return nil, fault.New(fault.ErrSpec, "generators of %d and of %d pixels: the size would tell patches apart", b.size, p.Size)
		}
		b.size = p.Size
		t, err := b.translator(ctx, m, p.Stain)
		if err != nil {
			return nil, err
		}
		var pool study.Pool
		if item.Task.Paired != nil {
			pool, err = b.pairedPool(ctx, item, t)
		} else {
			pool, err = b.pool(ctx, item, t)
		}
		if err != nil {
			return nil, err
		}
		pool.Model = m.manifest.Task
		out = append(out, pool)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.ErrNotFound, "%s has no finished generator", b.plan.Experiment).WithHint("`g2c run` trains what is missing; --arm names an arm with stains")
	}
	return out, nil
}

// model is what generates the stain of a generator's training: itself, or a fine-tuned model.
func (b *studyBuilder) model(ctx context.Context, item *sweep.Item, stain string) (*storedModel, error) {
	key := item.Key
	if b.arm != "" {
		at := slices.IndexFunc(b.plan.Items, func(o *sweep.Item) bool {
			return o.Task.Finetune != nil && slices.Contains(o.Task.Finetune.Stains, stain) && slices.ContainsFunc(o.Uses, func(u sweep.Use) bool { return u.Arm == b.arm })
		})
		if at < 0 {
			return nil, fault.New(fault.ErrNotFound, "no model of the arm %s has the stain %s", b.arm, stain)
		}
		key = b.plan.Items[at].Key
	}
	return modelOfKey(ctx, b.repo, key.String(), []api.Kind{api.KindPretrain, api.KindPaired, api.KindFinetune})
}

// translator opens a model's generator to a stain.
func (b *studyBuilder) translator(ctx context.Context, m *storedModel, stain string) (*infer.Translator, error) {
	g, _, err := m.generator(stain)
	if err == nil && g.given {
		err = fault.New(fault.ErrSpec, "model %s has %s by a formula, and no generator", m, stain).WithHint("leave --arm out, or name one with generators")
	}
	if err != nil {
		return nil, err
	}
	_, weights, err := m.weights(ctx)
	if err != nil {
		return nil, err
	}
	t, err := infer.NewTranslator(b.device, g.Generator, weights)
	if err == nil {
		b.translators = append(b.translators, t)
	}
	return t, err
}

// pool is the images of a stain: its unlabelled ones, and the sources of generated ones.
func (b *studyBuilder) pool(ctx context.Context, item *sweep.Item, t *infer.Translator) (study.Pool, error) {
	p := item.Task.Pretrain
	d := p.Pair(item.Where)
	d.Side, d.Exact = p.Size, 0
	out := study.Pool{Stain: p.Stain}
	target, err := b.data.Unlabelled(ctx, d, p.Stain)
	if err != nil {
		return out, err
	}
	for i := range target.Len() {
		out.Real = append(out.Real, realOf(target, i))
	}
	source, err := b.sources(ctx, d, p.Source)
	if err != nil {
		return out, err
	}
	for i := range source.Len() {
		out.Generated = append(out.Generated, generatedOf(ctx, t, source, i))
	}
	return out, nil
}

// pairedPool is the images of pairs: the targets of every other one, and the sources of the
// rest, so that no place is shown both as it is and as it was generated.
func (b *studyBuilder) pairedPool(ctx context.Context, item *sweep.Item, t *infer.Translator) (study.Pool, error) {
	p := item.Task.Paired
	d := p.Pairs(item.Where)
	d.Side = d.Seen
	out := study.Pool{Stain: p.Stain}
	pairs, err := b.data.Pairs(ctx, d)
	if err != nil {
		return out, err
	}
	from := pairs.Train
	if b.test {
		from = pairs.Test
	}
	if from[0] == nil || from[0].Len() == 0 {
		return out, fault.New(fault.ErrNotFound, "no pair of %s is held out", p.Stain).WithHint("--from unlabelled takes those that were trained on")
	}
	for i := range from[0].Len() {
		if i%2 == 0 {
			out.Real = append(out.Real, realOf(from[1], i))
		} else {
			out.Generated = append(out.Generated, generatedOf(ctx, t, from[0], i))
		}
	}
	return out, nil
}

// realOf is an image as it is.
func realOf(set *dataset.Set, i int) study.Candidate {
	return study.Candidate{Name: set.Image(i).Name, Pixels: func() ([]uint8, error) { return set.Pixels(i) }}
}

// generatedOf is what a generator makes of an image.
func generatedOf(ctx context.Context, t *infer.Translator, set *dataset.Set, i int) study.Candidate {
	name := set.Image(i).Name
	return study.Candidate{Name: name, Pixels: func() (pixels []uint8, err error) {
		alone := set.Select(func(im dataset.Image) bool { return im.Name == name })
		err = t.Translate(ctx, func(_, _ int, made []uint8) error {
			pixels = slices.Clone(made)
			return nil
		}, alone)
		return pixels, err
	}}
}

// sources are the images that patches are generated from: the unlabelled ones of the source
// stain, or those that the first evaluation tests.
func (b *studyBuilder) sources(ctx context.Context, d api.DataSet, stain string) (*dataset.Set, error) {
	if !b.test {
		return b.data.Unlabelled(ctx, d, stain)
	}
	for _, item := range b.plan.Items {
		if e := item.Task.Evaluate; e != nil && e.Model.Source == stain && e.Model.Size == b.size {
			set, err := labelled(ctx, b.data, &item.Work, api.PartTest, &e.Model)
			if err != nil {
				return nil, err
			}
			return set.Split(dataset.Test), nil
		}
	}
	return nil, fault.New(fault.ErrNotFound, "%s tests nothing", b.plan.Experiment).WithHint("--from unlabelled generates from what it was pretrained on")
}

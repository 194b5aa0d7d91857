package foreign

import (
	"fmt"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/worker/train"
)

// blocksPerUnit is the number of residual blocks of a unit of the classifier.
const blocksPerUnit = 3

// joint makes a fine-tuning's result of generators and a classifier.
func (d *dict) joint(o Options) (*Model, error) {
	f, err := d.finetune(o)
	if err != nil {
		return nil, err
	}
	m, err := g2c.NewInference(train.ModelConfig(f))
	if err != nil {
		return nil, err
	}
	tensors, err := d.place(append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...), nil)
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Encode(tensors, nil)
	if err != nil {
		return nil, err
	}
	f.Data = identity(weights)
	for _, stain := range f.Stains {
		f.Generators = append(f.Generators, partOf(f.Data, stain))
	}
	return d.model(api.FinetuneTask(o.Numerics, *f), weights)
}

// finetune infers the shapes of the networks from the names and shapes of tensors.
func (d *dict) finetune(o Options) (*api.Finetune, error) {
	generators := d.count(g2c.GeneratorPrefix + "%d.head.weight")
	if len(o.Stains) != generators {
		return nil, fault.New(fault.ErrSpec, "the weights hold %d generators, and %d stains are given", generators, len(o.Stains)).
			WithHint("name each with --stain, in the order of the generators")
	}
	if !slices.IsSorted(o.Stains) {
		return nil, fault.New(fault.ErrSpec, "stains %s are not in alphabetical order, which is the order of generators and branches here", strings.Join(o.Stains, ", ")).
			WithHint("reorder the generators and the classifier's inputs before exporting")
	}
	f := &api.Finetune{
		Origin: api.Origin{Source: o.Source}, Stains: append([]string{}, o.Stains...), Generators: []api.Key{},
		View: api.View{Size: o.Size, Fit: api.FitResize}, Positive: []string{o.PositiveName},
		Negative: []string{o.NegativeName}, PositiveName: o.PositiveName, NegativeName: o.NegativeName,
		Tuning: api.Tuning{Epochs: 1, Batch: 1, Shards: 1, Select: api.SelectLast, Gamma: 2, LR: 0.01, Momentum: 0.5, DropEvery: 1, DropBy: 1, Optimizer: api.OptimizerSGD}, Replacement: api.Replacement{Baseline: api.BaselineNone},
		Sums: api.Sums{Gradients: api.FP32}, Random: api.Random{Precision: api.FP32},
	}
	if generators > 0 {
		shape := twinShape(d, g2c.GeneratorNet(0)+".")
		if err := checkShape(shape); err != nil {
			return nil, err
		}
		f.Generator = &shape
	}
	var err error
	f.Classifier, err = d.classifier()
	return f, err
}

func (d *dict) classifier() (api.Classifier, error) {
	base := g2c.ClassifierNet + "."
	c := api.Classifier{Hidden: 1, Stem: api.StemInceptionV4, Shared: true}
	if d.has(base + "branches.0.stem.conv1.conv.weight") {
		c.Shared = false
		base += "branches.0."
	}
	if !d.has(base + "stem.conv2.conv.weight") {
		c.Stem = api.StemConv7
	}
	c.Width = d.dim(base+"blocks.0.conv1.conv.weight", 0)
	blocks := d.count(base + "blocks.%d.conv1.conv.weight")
	if first := fmt.Sprintf("%s.attention.0.fc1.weight", g2c.ClassifierNet); d.has(first) {
		c.Attention, c.Hidden = true, d.dim(first, 0)
	}
	c.Units = blocks / blocksPerUnit
	if blocks == 0 || blocks%blocksPerUnit != 0 || blocks > maxBlocks || c.Width < 1 || c.Width > maxWidth || c.Hidden < 1 || c.Hidden > maxWidth {
		return c, fault.New(fault.ErrData, "the classifier has %d residual blocks of width %d; it needs a multiple of %d", blocks, c.Width, blocksPerUnit)
	}
	return c, nil
}

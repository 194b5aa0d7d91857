package foreign

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/cyclegan"
	"g2c/model/nn"
	"g2c/worker/train"
)

// tiny is a size at which a network's parameters can be listed: they do not depend
// on it.
const tiny = 64

// Limits of what a file may ask to be built.
const (
	maxWidth  = 4096
	maxBlocks = 256
)

// twinShape is the shape of a generator with our names, under a prefix.
func twinShape(d *dict, prefix string) api.Generator {
	return api.Generator{
		Width: d.dim(prefix+"head.weight", 0), Blocks: d.count(prefix + "blocks.%d.conv1.weight"), Up: d.up(prefix + "up.0.weight"),
	}
}

// generator makes a pretraining's result of one generator.
func (d *dict) generator(o Options, shape api.Generator, theirs map[string]string) (*Model, error) {
	if len(o.Stains) != 1 {
		return nil, fault.New(fault.ErrSpec, "the weights are one generator, and %d stains are given", len(o.Stains)).WithHint("name its stain with --stain")
	}
	if err := checkShape(shape); err != nil {
		return nil, err
	}
	m, err := cyclegan.NewTranslator(cyclegan.TranslatorConfig{Size: tiny, Batch: 1, Generator: train.GeneratorConfig(shape)})
	if err != nil {
		return nil, err
	}
	params := append([]nn.Param(nil), m.Catalog.Params...)
	for i := range params {
		params[i].Name = strings.TrimPrefix(params[i].Name, cyclegan.GAB+".")
	}
	tensors, err := d.place(params, theirs)
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Encode(tensors, nil)
	if err != nil {
		return nil, err
	}
	task := api.PretrainTask(o.Numerics, api.Pretrain{
		Origin: api.Origin{Source: o.Source}, Stain: o.Stains[0], View: api.View{Size: o.Size, Fit: api.FitResize},
		Generator: shape, Discriminator: api.Discriminator{DiscriminatorWidth: shape.Width},
		CycleGAN: api.CycleGAN{Epochs: 1, ConstantEpochs: 1, Batch: 1, LambdaCycle: 10, LambdaIdentity: 0.5, Load: 1, LR: 2e-4, Beta1: 0.5, Beta2: 0.999},
		Random:   api.Random{Precision: api.FP32}, Data: identity(weights),
	})
	return d.model(task, weights)
}

// up is how a generator goes up whose first transposed convolution has a name.
func (d *dict) up(name string) string {
	if d.dim(name, 2) == 3 {
		return api.UpK3
	}
	return api.UpK4
}

func checkShape(g api.Generator) error {
	if g.Width < 1 || g.Width > maxWidth || g.Blocks < 1 || g.Blocks > maxBlocks {
		return fault.New(fault.ErrData, "the weights are of a generator of width %d with %d residual blocks; 1 to %d and 1 to %d can be", g.Width, g.Blocks, maxWidth, maxBlocks)
	}
	return nil
}

// identity stands for the data that nobody knows: the weights tell two models
// apart.
func identity(w *safetensors.Encoding) api.Key {
	var k api.Key
	if _, err := hex.Decode(k[:], []byte(w.SHA256())); err != nil {
		panic("foreign: a hash is hex: " + err.Error())
	}
	return k
}

// partOf is a key for a part of a model.
func partOf(k api.Key, part string) api.Key { return sha256.Sum256(append(k[:], part...)) }

func (d *dict) model(task api.Task, weights *safetensors.Encoding) (*Model, error) {
	if err := task.Validate(); err != nil {
		return nil, fault.New(fault.ErrSpec, "%w", err).WithHint("check the stains, the size and the names of the classes")
	}
	return &Model{Task: task, Weights: weights, Notices: d.notices}, nil
}

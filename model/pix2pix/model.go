// Package pix2pix builds the programs of paired translation: a generator from the source
// stain A to a target stain B, and a discriminator that sees the pair, source and target
// side by side in six channels. It describes slots and programs; the training loop is in
// worker/train.
//
// The losses, their weights and the order of the updates are the original's: binary
// cross-entropy of logits, L1 of [-1,1] images, and a discriminator that steps first, with
// half its loss. The generator is the paper's, not the original's U-Net: it has no dropout,
// and a fine-tuning goes on from it.
//
// Each of the two programs computes the fake for itself: their parameters are updated
// between them, and nothing but slots outlives a program. That costs a forward pass a step.
//
// Source: Isola et al. 2017; pix2pix_model.py of junyanz's implementation; reference,
// "Pix2pix mode".
package pix2pix

import (
	"g2c/kernels"
	"g2c/kernels/mixed"
	"g2c/model/cyclegan"
	"g2c/model/graph"
	"g2c/model/nn"
)

// The networks. The generator's name is that of a CycleGAN's forward one.
const (
	GAB = cyclegan.GAB
	D   = "D"
)

// Config is what the programs depend on.
type Config struct {
	Size               int // side of an image in pixels
	Load               int // side before the crop
	Batch              int
	Generator          nn.GeneratorConfig
	DiscriminatorWidth int
	LambdaL1           float64
	Beta1, Beta2       float64 // Adam
	BF16               bool    // mixed precision: see kernels/mixed
}

// Groups of slots. Optimizers work on whole groups.
const (
	GroupG         = cyclegan.GroupG
	GroupGGrad     = cyclegan.GroupGGrad
	GroupGMoment   = cyclegan.GroupGMoment
	GroupGVariance = cyclegan.GroupGVariance
	GroupD         = cyclegan.GroupD
	GroupDGrad     = cyclegan.GroupDGrad
	GroupDMoment   = cyclegan.GroupDMoment
	GroupDVariance = cyclegan.GroupDVariance
)

// Slots beside the parameters'. Images are (N,S,S,3) in [0,1].
const (
	PixelsA = cyclegan.PixelsA // (N,L,L,3) bytes
	PixelsB = cyclegan.PixelsB
	Place   = "place" // (N,4), of both images of a pair: see kernels.Pixels
	A       = cyclegan.A
	B       = cyclegan.B
	HyperG  = cyclegan.HyperG // (2): see kernels.Adam
	HyperD  = cyclegan.HyperD
	Sample  = cyclegan.SampleB // G_AB(A), written by Samples
)

// GeneratorLosses and DiscriminatorLosses name the losses, weights included; each has a
// scalar slot under LossPrefix. The discriminator's are of the real pair and of the fake.
var (
	GeneratorLosses     = []string{"gan", "l1"}
	DiscriminatorLosses = []string{"D_real", "D_fake"}
)

// LossPrefix is the prefix of the losses' slots.
const LossPrefix = cyclegan.LossPrefix

// Model is the programs of one configuration and the slots they share.
type Model struct {
	Config        Config
	Catalog       nn.Catalog
	State         *kernels.StateSpec
	Input         *kernels.Program // pixels to A and B
	Discriminator *kernels.Program // discriminator step on A, B and a fake of A
	Generator     *kernels.Program // generator step: losses, gradients, Adam
	Samples       *kernels.Program // the fakes of A
}

// one is the number of shards, whatever the batch.
const one = 1

// What Adam trains, and where.
var (
	adamG = nn.Adam{Weights: GroupG, Grads: GroupGGrad, Moments: GroupGMoment, Variances: GroupGVariance, Hyper: HyperG}
	adamD = nn.Adam{Weights: GroupD, Grads: GroupDGrad, Moments: GroupDMoment, Variances: GroupDVariance, Hyper: HyperD}
)

// New builds the programs.
func New(c Config) (*Model, error) {
	m := &Model{Config: c}
	g, d := &nn.Step{}, &nn.Step{}
	var err error
	if g.Builder, err = graph.Build(one, func(b *graph.Builder) { m.generatorGraph(b, g) }); err != nil {
		return nil, err
	}
	if d.Builder, err = graph.Build(one, func(b *graph.Builder) { m.discriminatorGraph(b, d) }); err != nil {
		return nil, err
	}
	g.Params, d.Params = nn.ByNet(m.Catalog.Params, GAB), nn.ByNet(m.Catalog.Params, D)
	if m.State, err = m.slots(g.Params, d.Params); err != nil {
		return nil, err
	}
	if m.Discriminator, err = adamD.Compile("pix2pix_discriminator", d, c.Beta1, c.Beta2, m.State); err != nil {
		return nil, err
	}
	if m.Generator, err = adamG.Compile("pix2pix_generator", g, c.Beta1, c.Beta2, m.State); err != nil {
		return nil, err
	}
	if m.Samples, err = m.samples(); err != nil {
		return nil, err
	}
	if m.Input, err = m.input(); err != nil || !c.BF16 {
		return m, err
	}
	m.State, err = mixed.Programs(m.State, &m.Input, &m.Discriminator, &m.Generator, &m.Samples)
	return m, err
}

// slots lists everything that outlives a step.
func (m *Model) slots(g, d []nn.Param) (*kernels.StateSpec, error) {
	c := m.Config
	groups := append(adamG.Groups(g), adamD.Groups(d)...)
	image := kernels.Real(c.Batch, c.Size, c.Size, 3)
	images := kernels.Group{Name: "images"}
	for _, n := range []string{A, B, Sample} {
		images.Slots = append(images.Slots, kernels.Slot{Name: n, Type: image})
	}
	scalars := kernels.Group{Name: "scalars", Slots: []kernels.Slot{
		{Name: graph.Seed, Type: kernels.Real()}, {Name: HyperG, Type: kernels.Real(2)}, {Name: HyperD, Type: kernels.Real(2)},
	}}
	for _, n := range append(append([]string{}, GeneratorLosses...), DiscriminatorLosses...) {
		scalars.Slots = append(scalars.Slots, kernels.Slot{Name: LossPrefix + n, Type: kernels.Real()})
	}
	raw := kernels.Bytes(c.Batch, c.Load, c.Load, 3)
	groups = append(groups, images, scalars,
		kernels.Group{Name: "pixels", Slots: []kernels.Slot{{Name: PixelsA, Type: raw}, {Name: PixelsB, Type: raw}}},
		kernels.Group{Name: "places", Slots: []kernels.Slot{{Name: Place, Type: kernels.Ints(c.Batch, 4)}}},
	)
	return kernels.NewStateSpec(groups...)
}

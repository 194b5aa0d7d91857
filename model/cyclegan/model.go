// Package cyclegan builds the programs of the pretraining stage: a CycleGAN
// between the source stain A and a target stain B, with LSGAN, cycle and identity
// losses. It describes slots and programs; the training loop is in worker/train.
// Source: Zhu et al. 2017; reference, part D; paper, "Pretraining".
package cyclegan

import (
	"g2c/kernels"
	"g2c/kernels/mixed"
	"g2c/model/nn"
)

// The networks: generators in both directions, and a discriminator a stain.
const (
	GAB = "G_AB"
	GBA = "G_BA"
	DA  = "D_A"
	DB  = "D_B"
)

// Config is what the programs depend on.
type Config struct {
	Size               int // side of an image in pixels
	Load               int // side before the crop
	Batch              int
	Generator          nn.GeneratorConfig
	DiscriminatorWidth int
	LambdaCycle        float64
	LambdaIdentity     float64
	Beta1, Beta2       float64 // Adam
	BF16               bool    // mixed precision: see kernels/mixed
}

// Groups of slots. Optimizers work on whole groups.
const (
	GroupG         = "weights.G"
	GroupGGrad     = "gradients.G"
	GroupGMoment   = "moments.G"
	GroupGVariance = "variances.G"
	GroupD         = "weights.D"
	GroupDGrad     = "gradients.D"
	GroupDMoment   = "moments.D"
	GroupDVariance = "variances.D"
)

// Slots beside the parameters'. Images are (N,S,S,3) in [0,1].
const (
	PixelsA = "pixels_A" // (N,L,L,3) bytes
	PixelsB = "pixels_B"
	PlaceA  = "place_A" // (N,4): see kernels.Pixels
	PlaceB  = "place_B"
	A       = "A"
	B       = "B"
	FakeA   = "fake_A" // G_BA(B), written by the generator step
	FakeB   = "fake_B"
	PoolA   = "pool_A" // what the discriminator step takes for fakes
	PoolB   = "pool_B"
	HyperG  = "hyper_G" // (2): see kernels.Adam
	HyperD  = "hyper_D"

	CycleA    = "image/cycle_A" // G_BA(G_AB(A)), written by Samples
	CycleB    = "image/cycle_B"
	IdentityA = "image/identity_A" // G_BA(A)
	IdentityB = "image/identity_B"
	SampleA   = "image/fake_A"
	SampleB   = "image/fake_B"
)

// GeneratorLosses and DiscriminatorLosses name the losses, weights included;
// each has a scalar slot under LossPrefix.
var (
	GeneratorLosses     = []string{"gan_AB", "gan_BA", "cycle_A", "cycle_B", "identity_A", "identity_B"}
	DiscriminatorLosses = []string{"D_A", "D_B"}
)

// LossPrefix is the prefix of the losses' slots.
const LossPrefix = "loss/"

// Model is the programs of one configuration and the slots they share.
type Model struct {
	Config        Config
	Catalog       nn.Catalog
	State         *kernels.StateSpec
	Input         *kernels.Program // pixels to A and B
	Generator     *kernels.Program // generator step: losses, gradients, Adam
	Discriminator *kernels.Program // discriminator step on A, B and the pool
	Samples       *kernels.Program // fake, cycle and identity images of A and B
}

// What Adam trains, and where.
var (
	adamG = nn.Adam{Weights: GroupG, Grads: GroupGGrad, Moments: GroupGMoment, Variances: GroupGVariance, Hyper: HyperG}
	adamD = nn.Adam{Weights: GroupD, Grads: GroupDGrad, Moments: GroupDMoment, Variances: GroupDVariance, Hyper: HyperD}
)

// New builds the programs.
func New(c Config) (*Model, error) {
	m := &Model{Config: c}
	g, d, err := m.graphs()
	if err != nil {
		return nil, err
	}
	if m.State, err = m.slots(g.Params, d.Params); err != nil {
		return nil, err
	}
	if m.Generator, err = adamG.Compile("cyclegan_generator", g, c.Beta1, c.Beta2, m.State); err != nil {
		return nil, err
	}
	if m.Discriminator, err = adamD.Compile("cyclegan_discriminator", d, c.Beta1, c.Beta2, m.State); err != nil {
		return nil, err
	}
	if m.Samples, err = m.samples(); err != nil {
		return nil, err
	}
	if m.Input, err = m.input(); err != nil || !c.BF16 {
		return m, err
	}
	m.State, err = mixed.Programs(m.State, &m.Input, &m.Generator, &m.Discriminator, &m.Samples)
	return m, err
}

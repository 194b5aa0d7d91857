package train

import (
	"g2c/api"
	"g2c/kernels"
	"g2c/model/cyclegan"
	"g2c/model/nn"
)

// GANStep runs CycleGAN steps on a device.
type GANStep struct {
	adversarial
	Model *cyclegan.Model
}

// GANLosses names the losses of a CycleGAN step in the order Losses gives them.
func GANLosses(c cyclegan.Config) []string {
	names := cyclegan.GeneratorLosses
	if c.LambdaIdentity == 0 {
		names = names[:4]
	}
	return append(append([]string(nil), names...), cyclegan.DiscriminatorLosses...)
}

// NewGANStep loads a CycleGAN's programs.
func NewGANStep(d kernels.Device, m *cyclegan.Model) (*GANStep, error) { return newGANStep(d, m, nil) }

// newGANStep is NewGANStep where groups of the state are copied for checkpoints.
func newGANStep(d kernels.Device, m *cyclegan.Model, saved []string) (*GANStep, error) {
	base, err := newStep(d, m.State, &m.Catalog, copies(m.State, saved), m.Input, m.Generator, m.Discriminator, m.Samples)
	s := &GANStep{adversarial{step: base, beta1: m.Config.Beta1, beta2: m.Config.Beta2}, m}
	if err == nil {
		err = s.loadAll(
			loading{&s.input, m.Input}, loading{&s.generator, m.Generator},
			loading{&s.discriminator, m.Discriminator}, loading{&s.sample, m.Samples},
		)
	}
	if err != nil {
		return nil, noRoom(err, d, copies(m.State, saved), m.Config.Batch, 1, ganPrograms(m.Config))
	}
	s.watch(cyclegan.LossPrefix, GANLosses(m.Config), len(cyclegan.DiscriminatorLosses))
	return s, nil
}

// ganPrograms are the programs of a configuration at other batches.
func ganPrograms(c cyclegan.Config) batched {
	return func(batch int) (*kernels.StateSpec, []*kernels.Program, error) {
		c.Batch = batch
		m, err := cyclegan.New(c)
		if err != nil {
			return nil, nil, err
		}
		return m.State, []*kernels.Program{m.Input, m.Generator, m.Discriminator, m.Samples}, nil
	}
}

// openGAN builds a pretraining's programs and loads them; groups are saved.
func openGAN(d kernels.Device, p *api.Pretrain, saved ...string) (*GANStep, error) {
	m, err := cyclegan.New(ganConfig(p))
	if err != nil {
		return nil, err
	}
	return newGANStep(d, m, saved)
}

// Initialise draws the weights of all four networks.
func (s *GANStep) Initialise(seed uint32) error {
	for _, n := range []struct {
		net    string
		number uint32
	}{{cyclegan.GAB, nn.NetGAB}, {cyclegan.GBA, nn.NetGBA}, {cyclegan.DA, nn.NetDA}, {cyclegan.DB, nn.NetDB}} {
		if err := s.initialise(n.net, seed, n.number); err != nil {
			return err
		}
	}
	return nil
}

// Generator runs the generator step t, counted from 1, on A and B.
func (s *GANStep) Generator(lr float64, t int64) error {
	if err := s.setAdam(cyclegan.HyperG, lr, t); err != nil {
		return err
	}
	if err := s.queue(s.gen, t-1); err != nil {
		return err
	}
	return s.settle()
}

// Discriminator runs the discriminator step t on A, B and the pool.
func (s *GANStep) Discriminator(lr float64, t int64) error {
	if err := s.queueDiscriminator(lr, t); err != nil {
		return err
	}
	return s.settle()
}

// queueDiscriminator is Discriminator without its losses, which settle reads.
func (s *GANStep) queueDiscriminator(lr float64, t int64) error {
	if err := s.setAdam(cyclegan.HyperD, lr, t); err != nil {
		return err
	}
	return s.queue(s.dis, t-1)
}

package train

import (
	"fmt"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/kernels"
	"g2c/model/nn"
	"g2c/model/pix2pix"
)

// PairStep runs pix2pix steps on a device.
type PairStep struct {
	adversarial
	Model *pix2pix.Model
}

// pairLosses names the losses of a pix2pix step in the order Losses gives them.
var pairLosses = append(append([]string(nil), pix2pix.GeneratorLosses...), pix2pix.DiscriminatorLosses...)

// pairConfig is the configuration of a task's programs.
func pairConfig(p *api.Paired) pix2pix.Config {
	return pix2pix.Config{
		Size: p.Size, Load: api.LoadSide(p.Size, p.Load), Batch: p.Batch,
		Generator: GeneratorConfig(p.Generator), DiscriminatorWidth: p.DiscriminatorWidth,
		LambdaL1: p.LambdaL1, Beta1: p.Beta1, Beta2: p.Beta2, BF16: p.Precision == api.BF16,
	}
}

// NewPairStep loads pix2pix's programs.
func NewPairStep(d kernels.Device, m *pix2pix.Model) (*PairStep, error) {
	return newPairStep(d, m, nil)
}

// newPairStep is NewPairStep where groups of the state are copied for checkpoints.
func newPairStep(d kernels.Device, m *pix2pix.Model, saved []string) (*PairStep, error) {
	base, err := newStep(d, m.State, &m.Catalog, copies(m.State, saved), pairPrograms(m)...)
	s := &PairStep{adversarial{step: base, beta1: m.Config.Beta1, beta2: m.Config.Beta2}, m}
	if err == nil {
		err = s.loadAll(
			loading{&s.input, m.Input}, loading{&s.discriminator, m.Discriminator},
			loading{&s.generator, m.Generator}, loading{&s.sample, m.Samples},
		)
	}
	if err != nil {
		return nil, noRoom(err, d, copies(m.State, saved), m.Config.Batch, 1, func(batch int) (*kernels.StateSpec, []*kernels.Program, error) {
			c := m.Config
			c.Batch = batch
			m, err := pix2pix.New(c)
			if err != nil {
				return nil, nil, err
			}
			return m.State, pairPrograms(m), nil
		})
	}
	s.watch(pix2pix.LossPrefix, pairLosses, len(pix2pix.DiscriminatorLosses))
	return s, nil
}

func pairPrograms(m *pix2pix.Model) []*kernels.Program {
	return []*kernels.Program{m.Input, m.Discriminator, m.Generator, m.Samples}
}

// openPair builds a paired training's programs and loads them; groups are saved.
func openPair(d kernels.Device, p *api.Paired, saved ...string) (*PairStep, error) {
	m, err := pix2pix.New(pairConfig(p))
	if err != nil {
		return nil, err
	}
	return newPairStep(d, m, saved)
}

// Initialise draws the weights of both networks: the generator's are those of a CycleGAN's
// forward one, the discriminator's are numbered as its target stain's.
func (s *PairStep) Initialise(seed uint32) error {
	if err := s.initialise(pix2pix.GAB, seed, nn.NetGAB); err != nil {
		return err
	}
	return s.initialise(pix2pix.D, seed, nn.NetDB)
}

// queueBoth runs step t, counted from 1, on A and B: the discriminator first. settle reads
// the losses.
func (s *PairStep) queueBoth(lr float64, t int64) error {
	for _, slot := range []string{pix2pix.HyperD, pix2pix.HyperG} {
		if err := s.setAdam(slot, lr, t); err != nil {
			return err
		}
	}
	if err := s.queue(s.dis, t-1); err != nil {
		return err
	}
	return s.queue(s.gen, t-1)
}

// Train runs step t, counted from 1, on A and B.
func (s *PairStep) Train(lr float64, t int64) error {
	if err := s.queueBoth(lr, t); err != nil {
		return err
	}
	return s.settle()
}

// DebugStep is GANStep.DebugStep for a paired step.
func (s *PairStep) DebugStep(weightsFile, batch *safetensors.File, steps int, lr float64) ([]safetensors.Tensor, error) {
	if err := s.begin(weightsFile, batch); err != nil {
		return nil, err
	}
	var out []safetensors.Tensor
	for k := range steps {
		if err := s.Train(lr, int64(k+1)); err != nil {
			return nil, err
		}
		for i, v := range s.Losses(nil) {
			out = append(out, s.scalarTensor(fmt.Sprintf("loss.%d.%s", k, pairLosses[i]), v))
		}
		grads, err := s.gradients(k, pix2pix.GAB, pix2pix.D)
		if err != nil {
			return nil, err
		}
		out = append(out, grads...)
	}
	return s.withParams(out)
}

// begin sets weights and batch.
func (s *PairStep) begin(weightsFile, batch *safetensors.File) error {
	if err := s.SetWeights(weightsFile, nil); err != nil {
		return err
	}
	for _, name := range []string{pix2pix.A, pix2pix.B} {
		if err := s.putImages(batch, name, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *PairStep) benchExecs() []kernels.Exec {
	return []kernels.Exec{s.input, s.discriminator, s.generator}
}

func (s *PairStep) benchInput() error { return s.bringImages(s.input) }

func (s *PairStep) benchRun(t int64) error {
	const lr = 2e-4
	return s.Train(lr, t)
}

func (s *PairStep) benchRest() error {
	if err := s.sample.Run(); err != nil {
		return err
	}
	return s.benchSave(func(b *bundle) ([]safetensors.Tensor, error) {
		return b.exportGroup(b.groups, pix2pix.GroupG, nn.ByNet(s.catalog.Params, pix2pix.GAB), func(n string) string { return n })
	}, pretrainGroups...)
}

package train

import (
	"g2c/api"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/model/nn"
)

// G2CStep runs fine-tuning steps and evaluation on a device.
type G2CStep struct {
	*step
	Model                                     *g2c.Model
	input, frozen, joint, evalInput, evaluate kernels.Exec
	alone, together                           *training // the classifier, and with the generators
	last                                      *training // of the two, what ran last
	hyper                                     [1]float64
}

// NewG2CStep loads the programs of fine-tuning.
func NewG2CStep(d kernels.Device, m *g2c.Model) (*G2CStep, error) { return newG2CStep(d, m, nil) }

// newG2CStep is NewG2CStep where groups of the state are copied for checkpoints.
func newG2CStep(d kernels.Device, m *g2c.Model, saved []string) (*G2CStep, error) {
	base, err := newStep(d, m.State, &m.Catalog, copies(m.State, saved), m.Input, m.Frozen, m.Joint, m.EvalInput, m.Evaluate)
	s := &G2CStep{step: base, Model: m}
	if err == nil {
		err = s.loadAll(
			loading{&s.input, m.Input}, loading{&s.frozen, m.Frozen}, loading{&s.joint, m.Joint},
			loading{&s.evalInput, m.EvalInput}, loading{&s.evaluate, m.Evaluate},
		)
	}
	if err != nil && m.Frozen == nil { // an evaluation, whose batch is no choice
		return nil, err
	}
	if err != nil {
		return nil, noRoom(err, d, copies(m.State, saved), m.Config.Batch, m.Config.Shards, g2cPrograms(m.Config))
	}
	s.alone, s.together = newTraining(s.frozen, g2c.Loss), newTraining(s.joint, g2c.Loss)
	return s, nil
}

// g2cPrograms are the programs of a configuration at other batches.
func g2cPrograms(c g2c.Config) batched {
	return func(batch int) (*kernels.StateSpec, []*kernels.Program, error) {
		c.Batch = batch
		m, err := g2c.New(c)
		if err != nil {
			return nil, nil, err
		}
		return m.State, []*kernels.Program{m.Input, m.Frozen, m.Joint, m.EvalInput, m.Evaluate}, nil
	}
}

// openG2C builds a fine-tuning's programs and loads them.
func openG2C(d kernels.Device, f *api.Finetune) (*G2CStep, error) {
	m, err := g2c.New(ModelConfig(f))
	if err != nil {
		return nil, err
	}
	return NewG2CStep(d, m)
}

// openEvaluation builds the programs that judge a fine-tuned model, and no others.
func openEvaluation(d kernels.Device, f *api.Finetune) (*G2CStep, error) {
	m, err := g2c.NewEvaluation(ModelConfig(f))
	if err != nil {
		return nil, err
	}
	return NewG2CStep(d, m)
}

// inputs are a slot of the source's images and those of branches without a network.
func (s *G2CStep) inputs(source string) []string {
	slots := []string{source}
	for _, i := range s.Model.Config.Given {
		slots = append(slots, g2c.GivenSlot(source, i))
	}
	return slots
}

// Initialise draws the classifier's weights.
func (s *G2CStep) Initialise(seed uint32) error {
	return s.initialise(g2c.ClassifierNet, seed, nn.NetClassifier)
}

// Train runs one step on X and Labels, of the classifier alone when the
// generators are frozen.
func (s *G2CStep) Train(lr float64, frozen bool) error {
	if err := s.queueTrain(lr, frozen, 0); err != nil {
		return err
	}
	return s.settle()
}

// queueTrain is Train as step t without its loss, which settle reads.
func (s *G2CStep) queueTrain(lr float64, frozen bool, t int64) error {
	if err := s.compute(lr, frozen); err != nil {
		return err
	}
	return s.update(s.last, t)
}

// compute runs a step up to its update.
func (s *G2CStep) compute(lr float64, frozen bool) error {
	s.hyper[0] = lr
	if err := s.state.PutF64(g2c.Hyper, s.hyper[:]); err != nil {
		return err
	}
	s.last = s.together
	if frozen || s.joint == nil {
		s.last = s.alone
	}
	return s.run(s.last)
}

// Loss is the focal loss of the last step.
func (s *G2CStep) Loss() float64 { return s.last.losses[0] }

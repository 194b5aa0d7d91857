package g2c

import (
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// NewInference builds the programs that judge images and no others: EvalInput and
// Evaluate, over a state without gradients and moments. They are the instructions
// of New's, and give the same bits; but always in float32, so that any device can judge
// what was trained in mixed precision.
func NewInference(c Config) (*Model, error) {
	m := &Model{Config: c}
	b, outputs, err := m.evaluateGraph() // declares the parameters
	if err != nil {
		return nil, err
	}
	if m.State, err = m.inferenceSlots(); err != nil {
		return nil, err
	}
	if m.Evaluate, err = b.Compile(graph.Plan{Name: "g2c_evaluate", Outputs: outputs}, m.State); err != nil {
		return nil, err
	}
	m.EvalInput, err = m.input("g2c_eval_input", EvalPixels, EvalPlace, EvalX, c.EvalBatch, false)
	return m, err
}

// NewEvaluation is NewInference in the precision of the configuration: Evaluate and
// EvalInput are New's.
func NewEvaluation(c Config) (*Model, error) {
	m, err := NewInference(c)
	if err != nil {
		return nil, err
	}
	return m, m.mix()
}

func (m *Model) inferenceSlots() (*kernels.StateSpec, error) {
	c := m.Config
	var nets []string
	for i := range c.Generators {
		nets = append(nets, GeneratorNet(i))
	}
	image := kernels.Real(c.EvalBatch, c.Size, c.Size, 3)
	reals := kernels.Group{Name: "images", Slots: []kernels.Slot{
		{Name: graph.Seed, Type: kernels.Real()}, {Name: EvalX, Type: image},
		{Name: EvalProb, Type: kernels.Real(c.EvalBatch, c.Classifier.Classes)},
	}}
	reals.Slots = append(reals.Slots, c.evalSlots()...)
	return kernels.NewStateSpec(
		nn.Group(GroupGenerators, "", nn.ByNet(m.Catalog.Params, nets...)),
		nn.Group(GroupClassifier, "", nn.ByNet(m.Catalog.Params, ClassifierNet)),
		nn.Group(GroupRunning, "", m.Catalog.Running), reals,
		kernels.Group{Name: "integers", Slots: []kernels.Slot{{Name: EvalPlace, Type: kernels.Ints(c.EvalBatch, 4)}}},
		kernels.Group{Name: "bytes", Slots: append([]kernels.Slot{{Name: EvalPixels, Type: kernels.Bytes(c.EvalBatch, c.Size, c.Size, 3)}}, c.byteSlots(EvalPixels, c.EvalBatch)...)},
	)
}

package g2c

import (
	"strconv"

	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// evaluate is the forward pass with running statistics. It also writes the
// generated images.
func (m *Model) evaluate() (*kernels.Program, error) {
	b, outputs, err := m.evaluateGraph()
	if err != nil {
		return nil, err
	}
	return b.Compile(graph.Plan{Name: "g2c_evaluate", Outputs: outputs}, m.State)
}

func (m *Model) evaluateGraph() (*graph.Builder, []graph.Output, error) {
	c := m.Config
	var outputs []graph.Output
	b, err := graph.Build(1, func(b *graph.Builder) {
		x := b.Slot(EvalX, kernels.Real(c.EvalBatch, c.Size, c.Size, 3))
		branches := m.branches(b, x, EvalX, true)
		logits, _ := m.forward(b, branches, true)
		outputs = []graph.Output{{Slot: EvalProb, Value: b.Softmax(logits)}}
		for i, y := range branches[1:] {
			if c.given(i) {
				continue
			}
			outputs = append(outputs, graph.Output{Slot: EvalImage + strconv.Itoa(i), Value: y})
		}
	})
	return b, outputs, err
}

// input turns 8-bit pixels into images: the source's, and those that are given, which are
// cut, flipped and jittered alike.
func (m *Model) input(name, pixels, place, x string, batch int, jitter bool) (*kernels.Program, error) {
	size := m.Config.Size
	var outputs []graph.Output
	b, err := graph.Build(1, func(b *graph.Builder) {
		var j *graph.Value
		if jitter {
			j = b.Slot(Jitter, kernels.Real(batch, 2))
		}
		at := b.Slot(place, kernels.Ints(batch, 4))
		add := func(pixels, x string) {
			p := b.Slot(pixels, kernels.Bytes(batch, size, size, 3))
			outputs = append(outputs, graph.Output{Slot: x, Value: b.Pixels(p, at, j, size)})
		}
		add(pixels, x)
		for _, i := range m.Config.Given {
			add(GivenSlot(pixels, i), GivenSlot(x, i))
		}
	})
	if err != nil {
		return nil, err
	}
	return b.Compile(graph.Plan{Name: name, Outputs: outputs}, m.State)
}

// slots lists everything that outlives a step.
func (m *Model) slots(stats []nn.Stats) (*kernels.StateSpec, error) {
	c := m.Config
	batch := c.OwnBatch()
	var nets []string
	for i := range c.Generators {
		nets = append(nets, GeneratorNet(i))
	}
	gens := nn.ByNet(m.Catalog.Params, nets...)
	cls := nn.ByNet(m.Catalog.Params, ClassifierNet)
	groups := []kernels.Group{
		nn.Group(GroupGenerators, "", gens), nn.Group(GroupGeneratorsGrad, nn.GradPrefix, gens),
		nn.Group(GroupGeneratorsMoment, nn.MomentPrefix, gens),
		nn.Group(GroupClassifier, "", cls), nn.Group(GroupClassifierGrad, nn.GradPrefix, cls),
		nn.Group(GroupClassifierMoment, nn.MomentPrefix, cls),
		nn.Group(GroupRunning, "", m.Catalog.Running),
	}
	sums := kernels.Group{Name: GroupStatistics}
	for _, s := range stats {
		sums.Slots = append(sums.Slots, kernels.Slot{Name: nn.SumsPrefix + s.Mean, Type: kernels.Real(s.Sums.Shape()...)})
	}
	classes := c.Classifier.Classes
	reals := kernels.Group{Name: "images", Slots: []kernels.Slot{
		{Name: graph.Seed, Type: kernels.Real()}, {Name: Hyper, Type: kernels.Real(1)},
		{Name: Loss, Type: kernels.Real()}, {Name: Jitter, Type: kernels.Real(batch, 2)},
		{Name: Prob, Type: kernels.Real(batch, classes)}, {Name: EvalProb, Type: kernels.Real(c.EvalBatch, classes)},
		{Name: X, Type: kernels.Real(batch, c.Size, c.Size, 3)}, {Name: EvalX, Type: kernels.Real(c.EvalBatch, c.Size, c.Size, 3)},
	}}
	reals.Slots = append(reals.Slots, c.branchSlots(X, batch)...)
	reals.Slots = append(reals.Slots, c.evalSlots()...)
	if n := c.Baseline.Dropped(); n > 0 {
		reals.Slots = append(reals.Slots, kernels.Slot{Name: Dropout, Type: kernels.Real(batch, n)})
	}
	ints := kernels.Group{Name: "integers", Slots: []kernels.Slot{
		{Name: Place, Type: kernels.Ints(batch, 4)}, {Name: EvalPlace, Type: kernels.Ints(c.EvalBatch, 4)},
		{Name: Labels, Type: kernels.Ints(batch)},
	}}
	raw := kernels.Group{Name: "bytes", Slots: []kernels.Slot{
		{Name: Pixels, Type: kernels.Bytes(batch, c.Size, c.Size, 3)},
		{Name: EvalPixels, Type: kernels.Bytes(c.EvalBatch, c.Size, c.Size, 3)},
	}}
	raw.Slots = append(append(raw.Slots, c.byteSlots(Pixels, batch)...), c.byteSlots(EvalPixels, c.EvalBatch)...)
	return kernels.NewStateSpec(append(groups, sums, reals, ints, raw)...)
}

// evalSlots are the images of the branches of an evaluation: made, or given.
func (c *Config) evalSlots() (out []kernels.Slot) {
	for i := range c.Generators {
		if !c.given(i) {
			out = append(out, kernels.Slot{Name: EvalImage + strconv.Itoa(i), Type: kernels.Real(c.EvalBatch, c.Size, c.Size, 3)})
		}
	}
	return append(out, c.branchSlots(EvalX, c.EvalBatch)...)
}

// branchSlots are the images that are given beside a slot of the source's.
func (c *Config) branchSlots(source string, batch int) (out []kernels.Slot) {
	for _, i := range c.Given {
		out = append(out, kernels.Slot{Name: GivenSlot(source, i), Type: kernels.Real(batch, c.Size, c.Size, 3)})
	}
	return out
}

// byteSlots are the pixels that are given beside a slot of the source's.
func (c *Config) byteSlots(source string, batch int) (out []kernels.Slot) {
	for _, i := range c.Given {
		out = append(out, kernels.Slot{Name: GivenSlot(source, i), Type: kernels.Bytes(batch, c.Size, c.Size, 3)})
	}
	return out
}

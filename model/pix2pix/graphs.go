package pix2pix

import (
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// loss has a loss of a step written to its slot.
func loss(s *nn.Step, name string, l *graph.Value) *graph.Value {
	s.Outputs = append(s.Outputs, graph.Output{Slot: LossPrefix + name, Value: l})
	return l
}

func (m *Model) image(b *graph.Builder, name string) *graph.Value {
	c := m.Config
	return b.Slot(name, kernels.Real(c.Batch, c.Size, c.Size, 3))
}

// translate applies the generator; infer: without a way for gradients into it.
func (m *Model) translate(b *graph.Builder, x *graph.Value, infer bool) *graph.Value {
	s := nn.NewScope(b, &m.Catalog, GAB)
	s.Infer = infer
	return nn.Generator(s, x, m.Config.Generator)
}

// judge gives the discriminator's scores of pairs: source and target side by side along the
// channels.
func (m *Model) judge(b *graph.Builder, x, y *graph.Value) *graph.Value {
	return nn.Discriminator(nn.NewScope(b, &m.Catalog, D), b.Concat(3, x, y), m.Config.DiscriminatorWidth)
}

// generatorGraph: the fake beside its source is to pass for real, and to be the target. L1
// is measured on [-1,1], twice the distance on [0,1].
func (m *Model) generatorGraph(b *graph.Builder, g *nn.Step) {
	x, y := m.image(b, A), m.image(b, B)
	fake := m.translate(b, x, false)
	g.Total = b.Add(
		loss(g, GeneratorLosses[0], b.BCE(m.judge(b, x, fake), 1, 1)),
		loss(g, GeneratorLosses[1], b.L1(fake, y, 2*m.Config.LambdaL1)),
	)
}

// discriminatorGraph: half the loss on the real pair and half on the fake one.
func (m *Model) discriminatorGraph(b *graph.Builder, d *nn.Step) {
	x, y := m.image(b, A), m.image(b, B)
	fake := m.translate(b, x, true)
	d.Total = b.Add(
		loss(d, DiscriminatorLosses[0], b.BCE(m.judge(b, x, y), 1, 0.5)),
		loss(d, DiscriminatorLosses[1], b.BCE(m.judge(b, x, fake), 0, 0.5)),
	)
}

// samples shows what the generator does, without training.
func (m *Model) samples() (*kernels.Program, error) {
	var outputs []graph.Output
	b, err := graph.Build(one, func(b *graph.Builder) {
		outputs = []graph.Output{{Slot: Sample, Value: m.translate(b, m.image(b, A), true)}}
	})
	if err != nil {
		return nil, err
	}
	return b.Compile(graph.Plan{Name: "pix2pix_samples", Outputs: outputs}, m.State)
}

// input crops and flips 8-bit pixels into A and B, both in the same way.
func (m *Model) input() (*kernels.Program, error) {
	var outputs []graph.Output
	c := m.Config
	b, err := graph.Build(one, func(b *graph.Builder) {
		place := b.Slot(Place, kernels.Ints(c.Batch, 4))
		for _, in := range [][2]string{{PixelsA, A}, {PixelsB, B}} {
			pixels := b.Slot(in[0], kernels.Bytes(c.Batch, c.Load, c.Load, 3))
			outputs = append(outputs, graph.Output{Slot: in[1], Value: b.Pixels(pixels, place, nil, c.Size)})
		}
	})
	if err != nil {
		return nil, err
	}
	return b.Compile(graph.Plan{Name: "pix2pix_input", Outputs: outputs}, m.State)
}

package cyclegan

import (
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// one is the number of shards: pretraining is one shard whatever the batch.
const one = 1

func (m *Model) image(b *graph.Builder, name string) *graph.Value {
	c := m.Config
	return b.Slot(name, kernels.Real(c.Batch, c.Size, c.Size, 3))
}

// net gives functions that apply a generator or discriminator by name.
func (m *Model) net(b *graph.Builder, name string, infer bool) func(*graph.Value) *graph.Value {
	s := nn.NewScope(b, &m.Catalog, name)
	s.Infer = infer
	if name == DA || name == DB {
		return func(x *graph.Value) *graph.Value { return nn.Discriminator(s, x, m.Config.DiscriminatorWidth) }
	}
	return func(x *graph.Value) *graph.Value {
		return nn.Generator(s, x, m.Config.Generator)
	}
}

func (m *Model) graphs() (g, d *nn.Step, err error) {
	g, d = &nn.Step{}, &nn.Step{}
	if g.Builder, err = graph.Build(one, func(b *graph.Builder) { m.generatorGraph(b, g) }); err != nil {
		return nil, nil, err
	}
	d.Builder, err = graph.Build(one, func(b *graph.Builder) { m.discriminatorGraph(b, d) })
	g.Params, d.Params = nn.ByNet(m.Catalog.Params, GAB, GBA), nn.ByNet(m.Catalog.Params, DA, DB)
	return g, d, err
}

// generatorGraph: both GAN losses, both cycles, both identities. Cycle and
// identity are measured on [-1,1], twice the distance on [0,1].
func (m *Model) generatorGraph(b *graph.Builder, g *nn.Step) {
	c := m.Config
	x, y := m.image(b, A), m.image(b, B)
	ab, ba := m.net(b, GAB, false), m.net(b, GBA, false)
	da, db := m.net(b, DA, false), m.net(b, DB, false)
	fakeB, fakeA := ab(x), ba(y)
	losses := []*graph.Value{b.MSE(db(fakeB), 1, 1), b.MSE(da(fakeA), 1, 1)}
	losses = append(losses, b.L1(ba(fakeB), x, 2*c.LambdaCycle), b.L1(ab(fakeA), y, 2*c.LambdaCycle))
	names := GeneratorLosses[:4]
	if c.LambdaIdentity > 0 {
		w := 2 * c.LambdaCycle * c.LambdaIdentity
		losses = append(losses, b.L1(ba(x), x, w), b.L1(ab(y), y, w))
		names = GeneratorLosses
	}
	for i, l := range losses {
		g.Outputs = append(g.Outputs, graph.Output{Slot: LossPrefix + names[i], Value: l})
	}
	g.Outputs = append(g.Outputs, graph.Output{Slot: FakeA, Value: fakeA}, graph.Output{Slot: FakeB, Value: fakeB})
	g.Total = b.Add(losses...)
}

// discriminatorGraph: for each stain half the loss on a real and half on a pooled
// image.
func (m *Model) discriminatorGraph(b *graph.Builder, d *nn.Step) {
	side := func(net, real, pooled string) *graph.Value {
		f := m.net(b, net, false)
		return b.Add(b.MSE(f(m.image(b, real)), 1, 0.5), b.MSE(f(m.image(b, pooled)), 0, 0.5))
	}
	losses := []*graph.Value{side(DA, A, PoolA), side(DB, B, PoolB)}
	for i, l := range losses {
		d.Outputs = append(d.Outputs, graph.Output{Slot: LossPrefix + DiscriminatorLosses[i], Value: l})
	}
	d.Total = b.Add(losses...)
}

// samples shows what the generators do, without training.
func (m *Model) samples() (*kernels.Program, error) {
	var outputs []graph.Output
	b, err := graph.Build(one, func(b *graph.Builder) {
		x, y := m.image(b, A), m.image(b, B)
		ab, ba := m.net(b, GAB, true), m.net(b, GBA, true)
		fakeB, fakeA := ab(x), ba(y)
		outputs = []graph.Output{
			{Slot: SampleA, Value: fakeA}, {Slot: SampleB, Value: fakeB},
			{Slot: CycleA, Value: ba(fakeB)}, {Slot: CycleB, Value: ab(fakeA)},
			{Slot: IdentityA, Value: ba(x)}, {Slot: IdentityB, Value: ab(y)},
		}
	})
	if err != nil {
		return nil, err
	}
	return b.Compile(graph.Plan{Name: "cyclegan_samples", Outputs: outputs}, m.State)
}

// input crops and flips 8-bit pixels into A and B.
func (m *Model) input() (*kernels.Program, error) {
	var outputs []graph.Output
	c := m.Config
	b, err := graph.Build(one, func(b *graph.Builder) {
		for _, in := range [][3]string{{PixelsA, PlaceA, A}, {PixelsB, PlaceB, B}} {
			pixels := b.Slot(in[0], kernels.Bytes(c.Batch, c.Load, c.Load, 3))
			place := b.Slot(in[1], kernels.Ints(c.Batch, 4))
			outputs = append(outputs, graph.Output{Slot: in[2], Value: b.Pixels(pixels, place, nil, c.Size)})
		}
	})
	if err != nil {
		return nil, err
	}
	return b.Compile(graph.Plan{Name: "cyclegan_input", Outputs: outputs}, m.State)
}

package cyclegan

import (
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// slots lists everything that outlives a step.
func (m *Model) slots(g, d []nn.Param) (*kernels.StateSpec, error) {
	c := m.Config
	groups := append(adamG.Groups(g), adamD.Groups(d)...)
	image := kernels.Real(c.Batch, c.Size, c.Size, 3)
	images := kernels.Group{Name: "images"}
	for _, n := range []string{A, B, FakeA, FakeB, PoolA, PoolB, SampleA, SampleB, CycleA, CycleB, IdentityA, IdentityB} {
		images.Slots = append(images.Slots, kernels.Slot{Name: n, Type: image})
	}
	raw := kernels.Bytes(c.Batch, c.Load, c.Load, 3)
	place := kernels.Ints(c.Batch, 4)
	scalars := kernels.Group{Name: "scalars", Slots: []kernels.Slot{
		{Name: graph.Seed, Type: kernels.Real()},
		{Name: HyperG, Type: kernels.Real(2)}, {Name: HyperD, Type: kernels.Real(2)},
	}}
	for _, n := range append(append([]string{}, GeneratorLosses...), DiscriminatorLosses...) {
		scalars.Slots = append(scalars.Slots, kernels.Slot{Name: LossPrefix + n, Type: kernels.Real()})
	}
	groups = append(groups, images, scalars,
		kernels.Group{Name: "pixels", Slots: []kernels.Slot{{Name: PixelsA, Type: raw}, {Name: PixelsB, Type: raw}}},
		kernels.Group{Name: "places", Slots: []kernels.Slot{{Name: PlaceA, Type: place}, {Name: PlaceB, Type: place}}},
	)
	return kernels.NewStateSpec(groups...)
}

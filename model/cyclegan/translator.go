package cyclegan

import (
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// TranslatorConfig is what a Translator's programs depend on.
type TranslatorConfig struct {
	Size, Batch int // side of an image in pixels, images at a time
	Generator   nn.GeneratorConfig
}

// Translator is the programs of one generator alone: pixels in, images of the
// other stain out.
type Translator struct {
	Config    TranslatorConfig
	Catalog   nn.Catalog
	State     *kernels.StateSpec
	Input     *kernels.Program // PixelsA and PlaceA to A
	Translate *kernels.Program // A to FakeB, by the network GAB
}

// NewTranslator builds the programs.
func NewTranslator(c TranslatorConfig) (*Translator, error) {
	t := &Translator{Config: c}
	image, pixels, places := kernels.Real(c.Batch, c.Size, c.Size, 3), kernels.Bytes(c.Batch, c.Size, c.Size, 3), kernels.Ints(c.Batch, 4)
	var translated, fed []graph.Output
	b, err := graph.Build(one, func(b *graph.Builder) {
		s := nn.NewScope(b, &t.Catalog, GAB)
		s.Infer = true
		translated = []graph.Output{{Slot: FakeB, Value: nn.Generator(s, b.Slot(A, image), c.Generator)}}
	})
	if err != nil {
		return nil, err
	}
	in, err := graph.Build(one, func(b *graph.Builder) {
		fed = []graph.Output{{Slot: A, Value: b.Pixels(b.Slot(PixelsA, pixels), b.Slot(PlaceA, places), nil, c.Size)}}
	})
	if err != nil {
		return nil, err
	}
	t.State, err = kernels.NewStateSpec(
		nn.Group(GroupG, "", t.Catalog.Params),
		kernels.Group{Name: "images", Slots: []kernels.Slot{{Name: graph.Seed, Type: kernels.Real()}, {Name: A, Type: image}, {Name: FakeB, Type: image}}},
		kernels.Group{Name: "pixels", Slots: []kernels.Slot{{Name: PixelsA, Type: pixels}}},
		kernels.Group{Name: "places", Slots: []kernels.Slot{{Name: PlaceA, Type: places}}},
	)
	if err != nil {
		return nil, err
	}
	if t.Input, err = in.Compile(graph.Plan{Name: "translator_input", Outputs: fed}, t.State); err != nil {
		return nil, err
	}
	t.Translate, err = b.Compile(graph.Plan{Name: "translator", Outputs: translated}, t.State)
	return t, err
}

package infer

import (
	"context"
	"strings"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/kernels"
	"g2c/model/cyclegan"
	"g2c/worker/train"
)

// Generator says which generator a file of weights holds, and where.
type Generator struct {
	Shape api.Generator
	Size  int // side of its images in pixels
	// Prefix stands before its tensors' names: "" in a file of its own,
	// "generators.0." in a fine-tuned model.
	Prefix string
	// Normaliser is the model's, whose numbers lie beside the weights; nil for none.
	Normaliser *api.Normaliser
}

// Translator is one generator.
type Translator struct {
	*session
	image []float32
}

// translateBatch is how many images are translated at a time. A generator works
// on each image alone, so no bit depends on it.
const translateBatch = 4

// NewTranslator loads a generator from a file of weights.
func NewTranslator(d kernels.Device, g Generator, w *safetensors.File) (*Translator, error) {
	m, err := cyclegan.NewTranslator(cyclegan.TranslatorConfig{Size: g.Size, Batch: translateBatch, Generator: train.GeneratorConfig(g.Shape)})
	if err != nil {
		return nil, err
	}
	normaliser, err := train.NewNormaliser(g.Normaliser, w)
	if err != nil {
		return nil, err
	}
	rename := func(name string) string { return g.Prefix + strings.TrimPrefix(name, cyclegan.GAB+".") }
	s, err := open(d, m.State, []*kernels.Program{m.Input, m.Translate}, &m.Catalog, w, rename)
	if err != nil {
		return nil, err
	}
	s.normaliser = normaliser
	s.size, s.batch, s.pixelSlot = g.Size, translateBatch, cyclegan.PixelsA
	s.pixels = make([]uint8, s.batch*s.size*s.size*3)
	return &Translator{session: s, image: make([]float32, len(s.pixels))}, nil
}

// Translate gives each image of sets in the other stain to use, one after the other, with
// its set's and its own number: 8-bit RGB, Size×Size×3 bytes, valid until use returns. The
// sets' side must be Size. Batches are filled across sets.
func (t *Translator) Translate(ctx context.Context, use func(set, i int, pixels []uint8) error, sets ...*dataset.Set) error {
	size := t.size * t.size * 3
	return t.each(ctx, sets, func(at []place) error {
		if err := t.state.GetF32(cyclegan.FakeB, t.image); err != nil {
			return err
		}
		pixels := train.ToBytes(t.image[:len(at)*size])
		for i, p := range at {
			if err := use(p.set, p.image, pixels[i*size:][:size]); err != nil {
				return err
			}
		}
		return nil
	})
}

package infer

import (
	"context"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/worker/train"
)

// Classifier is a fine-tuned model.
type Classifier struct {
	*session
	classes [2]string
	prob    []float32
}

// NewClassifier loads a fine-tuned model: its task, what its classes are called, the
// positive one first, and its weights as a checkpoint holds them. A model that sees the real
// stain of synthetic tissue is refused: other images have none.
func NewClassifier(d kernels.Device, f *api.Finetune, classes [2]string, w *safetensors.File) (*Classifier, error) {
	if f.Baseline == api.BaselineFuzzyHistogram {
		return newForest(f, classes, w)
	}
	m, err := g2c.NewInference(train.ModelConfig(f))
	if err != nil {
		return nil, err
	}
	branches, err := train.NewBranches(f, w, nil)
	if err != nil {
		return nil, err
	}
	normaliser, err := train.NewNormaliser(f.Normaliser, w)
	if err != nil {
		return nil, err
	}
	s, err := open(d, m.State, []*kernels.Program{m.EvalInput, m.Evaluate}, &m.Catalog, w, nil)
	if err != nil {
		return nil, err
	}
	s.size, s.batch, s.pixelSlot = m.Config.Size, m.Config.EvalBatch, g2c.EvalPixels
	s.pixels = make([]uint8, s.batch*s.size*s.size*3)
	s.normaliser = normaliser
	s.branches, s.given, s.numbers = branches, branches.NewGivenPixels(len(s.pixels)), m.Config.Given
	c := &Classifier{session: s, classes: classes}
	c.prob = make([]float32, s.batch*m.Config.Classifier.Classes)
	return c, nil
}

// newForest is a model that no device runs.
func newForest(f *api.Finetune, classes [2]string, w *safetensors.File) (*Classifier, error) {
	forest, err := train.ReadForest(w)
	if err != nil {
		return nil, err
	}
	s := &session{size: f.Size, batch: train.EvalBatch}
	s.pixels = make([]uint8, s.batch*s.size*s.size*3)
	c := &Classifier{session: s, classes: classes, prob: make([]float32, 2*s.batch)}
	s.judge = func() {
		for i := range s.batch {
			p := forest.Positive(s.pixels[i*s.size*s.size*3:][:s.size*s.size*3])
			c.prob[2*i], c.prob[2*i+1] = p, 1-p
		}
	}
	return c, nil
}

// Classes are the names of the classes, the positive one first.
func (c *Classifier) Classes() [2]string { return c.classes }

// Predict gives the probabilities of each image of sets, one after the other, in the order
// of Classes. The sets' side must be Size. Batches are filled across sets: many sets of one
// image cost no more than one of many.
func (c *Classifier) Predict(ctx context.Context, sets ...*dataset.Set) ([][2]float32, error) {
	var out [][2]float32
	err := c.each(ctx, sets, func(at []place) error {
		if c.judge == nil {
			if err := c.state.GetF32(g2c.EvalProb, c.prob); err != nil {
				return err
			}
		}
		for i := range at {
			out = append(out, [2]float32(c.prob[2*i:]))
		}
		return nil
	})
	return out, err
}

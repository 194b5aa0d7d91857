package train

import (
	"g2c/api"
	"g2c/kernels"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/pix2pix"
)

// Effort is what a task takes, in floating-point operations by the contracts: for guesses
// of time before anything was measured. No device is needed to know it.
type Effort struct {
	Step   int64 // an optimizer step
	Frozen int64 // an optimizer step while the generators stand still
	Image  int64 // an image that is judged, of an evaluation
}

// EffortOf builds a task's programs and counts.
func EffortOf(task api.Task) (Effort, error) {
	switch task.Kind {
	case api.KindPretrain:
		m, err := cyclegan.New(ganConfig(task.Pretrain))
		if err != nil {
			return Effort{}, err
		}
		n := flops(m.Input, m.Generator, m.Discriminator)
		return Effort{Step: n, Frozen: n}, nil
	case api.KindPaired:
		m, err := pix2pix.New(pairConfig(task.Paired))
		if err != nil {
			return Effort{}, err
		}
		n := flops(m.Input, m.Discriminator, m.Generator)
		return Effort{Step: n, Frozen: n}, nil
	case api.KindFinetune:
		if isForest(task.Finetune) {
			e := forestEffort(task.Finetune)
			return Effort{Step: e, Frozen: e}, nil
		}
		m, err := g2c.New(ModelConfig(task.Finetune))
		if err != nil {
			return Effort{}, err
		}
		e := Effort{Frozen: flops(m.Input, m.Frozen)}
		e.Step = e.Frozen
		if m.Joint != nil {
			e.Step = flops(m.Input, m.Joint)
		}
		return e, nil
	}
	if task.Kind == api.KindStain {
		return Effort{}, nil // no device works on it
	}
	if isForest(&task.Evaluate.Model) {
		return Effort{Image: forestEffort(&task.Evaluate.Model)}, nil
	}
	c := ModelConfig(&task.Evaluate.Model)
	m, err := g2c.NewEvaluation(c)
	if err != nil {
		return Effort{}, err
	}
	return Effort{Image: flops(m.EvalInput, m.Evaluate) / int64(c.EvalBatch)}, nil
}

// forestEffort is a look at every pixel of an image. A forest that grows takes about as long
// as such a look for each of the steps that a network would take.
func forestEffort(f *api.Finetune) int64 { return int64(3 * f.Size * f.Size) }

func isForest(f *api.Finetune) bool { return f.Baseline == api.BaselineFuzzyHistogram }

func flops(programs ...*kernels.Program) (n int64) {
	for _, p := range programs {
		n += p.Cost().FLOPs
	}
	return n
}

package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/model/g2c"
	"g2c/model/nn"
)

// baselineTuning turns a fine-tuning into one of a network of Table 5.
func baselineTuning(f *api.Finetune, baseline, optimizer string) {
	f.Stains, f.Generators, f.Generator, f.FrozenEpochs = nil, nil, nil, 0
	f.Baseline, f.Optimizer, f.WeightDecay = baseline, optimizer, 0.004
}

// Several devices end in the bits of one with the networks of Table 5 too, and with AdaGrad
// and weight decay where there are generators.
func TestBaselinesOnDevices(t *testing.T) {
	for _, baseline := range []string{api.BaselineShallowCNN, api.BaselineCIFAR10Quick} {
		t.Run(baseline, func(t *testing.T) {
			checkReplicas(t, cpus, few, func(f *api.Finetune) { baselineTuning(f, baseline, api.OptimizerAdagrad) })
		})
	}
	t.Run("joint by AdaGrad", func(t *testing.T) {
		checkReplicas(t, cpus, few, func(f *api.Finetune) { f.Optimizer, f.WeightDecay = api.OptimizerAdagrad, 0.004 })
	})
}

// A training that is stopped after a step and goes on, mirrored images, sums of
// squares and all, ends in the bits of one that was not.
func TestBaselineResumes(t *testing.T) {
	for _, baseline := range []string{api.BaselineShallowCNN, api.BaselineCIFAR10Quick} {
		d := device(t)
		task, set := tuning(d, 0)
		baselineTuning(task.Finetune, baseline, api.OptimizerAdagrad)
		train := func(repo *checkpoint.Repo, stop int64) (*checkpoint.Manifest, error) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			return Finetune(ctx, task, set, nil, Options{
				Device: d, Repo: repo, Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2},
				Progress: func(p Progress) {
					if p.Step == stop {
						cancel()
					}
				},
			})
		}
		want, err := train(openRepo(t, t.TempDir(), filestore.OSDisk{}), 0)
		if err != nil {
			t.Fatal(err)
		}
		repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
		if _, err := train(repo, 2); !errors.Is(err, fault.ErrInterrupted) {
			t.Fatalf("%s: %v, want an interrupt", baseline, err)
		}
		got, err := train(repo, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got.WeightsSHA256() != want.WeightsSHA256() {
			t.Errorf("%s: stopped and gone on: %.16s, at once: %.16s", baseline, got.WeightsSHA256(), want.WeightsSHA256())
		}
	}
}

// Each step drops other units, the same ones in any run, about half of them; judging drops
// none.
func TestDropout(t *testing.T) {
	const batch, units = 2, 8192
	p, q := placer{seed: 1, dropout: make([]float32, batch*units)}, placer{seed: 1, dropout: make([]float32, batch*units)}
	p.drawDropout(3, batch)
	q.drawDropout(4, batch)
	kept, differ := 0, 0
	for i, v := range p.dropout {
		if v != 0 && v != 2 {
			t.Fatalf("unit %d is multiplied by %g", i, v)
		}
		if v == 2 {
			kept++
		}
		if v != q.dropout[i] {
			differ++
		}
	}
	for _, n := range []int{kept, differ} {
		if !(math.Abs(float64(n)-batch*units/2) < 5*math.Sqrt(batch*units/4)) {
			t.Errorf("%d of %d units stay, %d are another's in the next step", kept, batch*units, differ)
		}
	}
	q.drawDropout(3, batch)
	for i, v := range p.dropout {
		if v != q.dropout[i] {
			t.Fatalf("unit %d of one step is drawn twice, differently", i)
		}
	}
}

// lockstepBaseline follows a step of a network of Table 5 over two shards, and evaluation.
func lockstepBaseline(t *testing.T, device kernels.Device, half bool, net nn.Baseline) {
	const size = 64
	m, err := g2c.New(g2c.Config{
		Size: size, Batch: 2, Shards: 2, EvalBatch: 2, Baseline: net, Classifier: nn.ClassifierConfig{Classes: 2},
		Gamma: 2, Adagrad: true, WeightDecay: 0.004, BF16: half,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewG2CStep(ref.New(), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Initialise(1); err != nil {
		t.Fatal(err)
	}
	for i, slot := range []string{g2c.X, g2c.EvalX} {
		f := &safetensors.File{Tensors: []safetensors.Tensor{parityImages(slot, i, 2, size)}}
		if err := s.putImages(f, slot, slot); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.state.PutI32(g2c.Labels, []int32{0, 1}), s.state.PutF64(g2c.Hyper, []float64{0.01}), s.putDropout(&safetensors.File{})); err != nil {
		t.Fatal(err)
	}
	follow(t, s.step, device, m.Frozen, m.Evaluate)
}

func TestBaselinesLockstepOnCPU(t *testing.T) {
	for _, net := range []nn.Baseline{nn.ShallowCNN, nn.CIFAR10Quick} {
		t.Run(string(net), func(t *testing.T) { lockstepBaseline(t, device(t), false, net) })
	}
}

package train

import (
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/kernels"
	"g2c/kernels/lockstep"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/model/pix2pix"
)

// follow runs programs of a step in lockstep, one after another, on ref's state.
func follow(t *testing.T, s *step, device kernels.Device, programs ...*kernels.Program) {
	t.Helper()
	if err := s.SetWeights(parityFile(s.catalog), nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		report, err := lockstep.Run(p, s.state, device, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Failures()) > 0 {
			t.Error(report)
		}
		t.Log(report)
	}
}

// lockstepGAN follows both steps of a CycleGAN, two rounds; with half in mixed
// precision.
func lockstepGAN(t *testing.T, device kernels.Device, half bool) {
	m, err := cyclegan.New(cyclegan.Config{
		Size: 28, Load: 28, Batch: 2, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}, DiscriminatorWidth: 4,
		LambdaCycle: 10, LambdaIdentity: 0.5, Beta1: 0.5, Beta2: 0.999, BF16: half,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewGANStep(ref.New(), m)
	if err != nil {
		t.Fatal(err)
	}
	for i, slot := range []string{cyclegan.A, cyclegan.B, cyclegan.PoolA, cyclegan.PoolB} {
		f := &safetensors.File{Tensors: []safetensors.Tensor{parityImages(slot, i, 2, 28)}}
		if err := s.putImages(f, slot, slot); err != nil {
			t.Fatal(err)
		}
	}
	for _, slot := range []string{cyclegan.HyperG, cyclegan.HyperD} {
		if err := s.setAdam(slot, 2e-4, 1); err != nil {
			t.Fatal(err)
		}
	}
	follow(t, s.step, device, m.Generator, m.Discriminator, m.Samples, m.Generator)
}

// lockstepPair follows both steps of pix2pix.
func lockstepPair(t *testing.T, device kernels.Device, half bool) {
	m, err := pix2pix.New(pix2pix.Config{
		Size: 28, Load: 28, Batch: 2, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}, DiscriminatorWidth: 4,
		LambdaL1: 100, Beta1: 0.5, Beta2: 0.999, BF16: half,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewPairStep(ref.New(), m)
	if err != nil {
		t.Fatal(err)
	}
	for i, slot := range []string{pix2pix.A, pix2pix.B} {
		f := &safetensors.File{Tensors: []safetensors.Tensor{parityImages(slot, i, 2, 28)}}
		if err := s.putImages(f, slot, slot); err != nil {
			t.Fatal(err)
		}
	}
	for _, slot := range []string{pix2pix.HyperG, pix2pix.HyperD} {
		if err := s.setAdam(slot, 2e-4, 1); err != nil {
			t.Fatal(err)
		}
	}
	follow(t, s.step, device, m.Discriminator, m.Generator, m.Samples)
}

// lockstepJoint follows a fine-tuning step over two shards, and evaluation. Its generator
// goes up by 3×3, those of lockstepGAN by 4×4; a second branch is given.
func lockstepJoint(t *testing.T, device kernels.Device, half bool, classifier nn.ClassifierConfig, size int) {
	m, err := g2c.New(g2c.Config{
		Size: size, Batch: 2, Shards: 2, EvalBatch: 2, Generators: 2, Given: []int{1}, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1, Up3: true},
		Classifier: classifier, Gamma: 2, Momentum: 0.5, BF16: half,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewG2CStep(ref.New(), m)
	if err != nil {
		t.Fatal(err)
	}
	for i, slot := range []string{g2c.X, g2c.EvalX, g2c.GivenSlot(g2c.X, 1), g2c.GivenSlot(g2c.EvalX, 1)} {
		f := &safetensors.File{Tensors: []safetensors.Tensor{parityImages(slot, i, 2, size)}}
		if err := s.putImages(f, slot, slot); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.state.PutI32(g2c.Labels, []int32{0, 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.state.PutF64(g2c.Hyper, []float64{0.01}); err != nil {
		t.Fatal(err)
	}
	follow(t, s.step, device, m.Joint, m.Frozen, m.Evaluate)
}

// precisions runs a test in float32 and in mixed precision.
func precisions(t *testing.T, f func(t *testing.T, half bool)) {
	t.Run("fp32", func(t *testing.T) { f(t, false) })
	t.Run("bf16", func(t *testing.T) { f(t, true) })
}

// TestLockstepOnCPU holds every instruction of both stages' real programs on the
// CPU to the reference.
func TestLockstepOnCPU(t *testing.T) {
	t.Run("cyclegan", func(t *testing.T) {
		t.Parallel()
		lockstepGAN(t, device(t), false)
	})
	t.Run("pix2pix", func(t *testing.T) {
		t.Parallel()
		lockstepPair(t, device(t), false)
	})
	t.Run("joint", func(t *testing.T) {
		t.Parallel()
		lockstepJoint(t, device(t), false, nn.ClassifierConfig{Width: 8, Units: 1, Hidden: 4, Attention: true, Classes: 2}, 36)
	})
}

// TestLockstep follows ref with ref over whole programs: shared memory of
// temporaries and updates in place must not disturb the comparison.
func TestLockstep(t *testing.T) {
	precisions(t, func(t *testing.T, half bool) {
		t.Run("cyclegan", func(t *testing.T) {
			t.Parallel()
			lockstepGAN(t, ref.New(), half)
		})
		t.Run("pix2pix", func(t *testing.T) {
			t.Parallel()
			lockstepPair(t, ref.New(), half)
		})
		t.Run("joint", func(t *testing.T) {
			t.Parallel()
			lockstepJoint(t, ref.New(), half, nn.ClassifierConfig{Width: 8, Units: 1, Hidden: 4, Attention: true, Conv7: true, Classes: 2}, 16)
		})
	})
}

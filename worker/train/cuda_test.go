//go:build gpu

package train

import (
	"path/filepath"
	"testing"

	"g2c/api"
	"g2c/kernels"
	"g2c/kernels/cuda"
	"g2c/kernels/emu/emutest"
	"g2c/kernels/ref"
	"g2c/model/nn"
)

// With the tag gpu the tests of this package run beside an emulated driver; those
// named CUDA train on it, or on a GPU with G2C_TEST_GPU=1.
func TestMain(m *testing.M) {
	files, err := filepath.Glob("../../kernels/cuda/src/*.cu")
	if err != nil {
		panic(err)
	}
	emutest.Main(m, files, false, "EMU_DEVICES=2")
}

func openGPU(t *testing.T) *cuda.Device {
	t.Helper()
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Every instruction of both stages' real programs keeps to the reference.
func TestCUDALockstep(t *testing.T) {
	d := openGPU(t)
	precisions(t, func(t *testing.T, half bool) {
		t.Run("gan", func(t *testing.T) { lockstepGAN(t, d, half) })
		t.Run("pix2pix", func(t *testing.T) { lockstepPair(t, d, half) })
		t.Run("joint", func(t *testing.T) {
			lockstepJoint(t, d, half, nn.ClassifierConfig{Width: 8, Units: 1, Hidden: 4, Attention: true, Classes: 2}, 36)
		})
		t.Run("baseline", func(t *testing.T) { lockstepBaseline(t, d, half, nn.CIFAR10Quick) })
	})
}

// Steps are replayed from graphs: the same bits twice, and first losses that keep to
// the reference in float64.
func TestCUDASteps(t *testing.T) {
	d := openGPU(t)
	precisions(t, func(t *testing.T, half bool) {
		for _, task := range []func(d kernels.Device, half bool) api.Task{ganTask, jointTask} {
			const steps = 2 // captured, then replayed
			first, hash := trainOn(t, d, task(d, half), steps)
			again, same := trainOn(t, d, task(d, half), steps)
			if hash != same {
				t.Errorf("two trainings end in %s and %s", hash, same)
			}
			want, _ := trainOn(t, ref.New(), task(ref.New(), false), 1)
			nearLosses(t, first, want, half)
			nearLosses(t, again, first, false)
		}
	})
}

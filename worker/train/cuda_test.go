//go:build gpu

package train

import (
	"math"
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
	t.Run("gan", func(t *testing.T) { lockstepGAN(t, d) })
	t.Run("joint", func(t *testing.T) {
		lockstepJoint(t, d, nn.ClassifierConfig{Width: 8, Units: 1, Hidden: 4, Attention: true, Classes: 2}, 36)
	})
}

// Steps are replayed from graphs: the same bits twice, and first losses that keep to
// the reference.
func TestCUDASteps(t *testing.T) {
	d := openGPU(t)
	for _, task := range []func(kernels.Device) api.Task{
		func(d kernels.Device) api.Task { task, _ := gan(d, 2e-4); return task },
		func(d kernels.Device) api.Task { task, _ := tuning(d, 0); return task },
	} {
		const steps = 3
		first, hash := trainOn(t, d, task(d), steps)
		again, same := trainOn(t, d, task(d), steps)
		if hash != same {
			t.Errorf("%s: two trainings end in %s and %s", task(d).Kind, hash, same)
		}
		want, _ := trainOn(t, ref.New(), task(ref.New()), 1)
		for name, loss := range want {
			const tolerance = 1e-4
			if !(math.Abs(first[name]-loss) <= tolerance*math.Abs(loss)) || first[name] != again[name] {
				t.Errorf("%s: loss %s is %v, then %v, want %v", task(d).Kind, name, first[name], again[name], loss)
			}
		}
	}
}

// trainOn trains steps on random images and gives the losses of the first and a hash
// of all that was trained.
func trainOn(t *testing.T, d kernels.Device, task api.Task, steps int) (losses map[string]float64, hash string) {
	t.Helper()
	s, _, err := newBenchStep(d, task)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.benchInput(); err != nil {
		t.Fatal(err)
	}
	state := stateOf(s)
	for step := range steps {
		if err := s.benchRun(int64(step + 1)); err != nil {
			t.Fatal(err)
		}
		if step == 0 {
			losses = lossesOf(t, state)
		}
	}
	return losses, hashState(t, state)
}

// lossesOf reads the slots that begin with loss.
func lossesOf(t *testing.T, s kernels.State) map[string]float64 {
	t.Helper()
	losses := map[string]float64{}
	for _, g := range s.Spec().Groups {
		for _, slot := range g.Slots {
			if len(slot.Name) < 4 || slot.Name[:4] != "loss" {
				continue
			}
			v := make([]float64, slot.Type.Shape.Len())
			if err := s.GetF64(slot.Name, v); err != nil {
				t.Fatal(err)
			}
			losses[slot.Name] = v[0]
		}
	}
	if len(losses) == 0 {
		t.Fatal("no slot is a loss")
	}
	return losses
}

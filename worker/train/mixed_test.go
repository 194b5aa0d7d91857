package train

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
)

// ganTask and jointTask are a task of each stage, with half in mixed precision.
func ganTask(d kernels.Device, half bool) api.Task {
	task, _ := gan(d, 2e-4)
	if half {
		task.Pretrain.Precision = api.BF16
	}
	return task
}

func jointTask(d kernels.Device, half bool) api.Task {
	task, _ := tuning(d, 0)
	if half {
		task.Finetune.Precision = api.BF16
	}
	return task
}

// nearLosses holds a step's losses to the reference's.
func nearLosses(t *testing.T, got, want map[string]float64, half bool) {
	t.Helper()
	tolerance := 1e-4
	if half {
		tolerance = 2e-2
	}
	for name, loss := range want {
		if !(math.Abs(got[name]-loss) <= tolerance*math.Abs(loss)) {
			t.Errorf("loss %s is %v, want %v", name, got[name], loss)
		}
	}
}

// The first losses in mixed precision are those in float64, as nearly as bfloat16 can
// be, and not the same.
func TestMixedPrecisionLosses(t *testing.T) {
	for _, task := range []func(d kernels.Device, half bool) api.Task{ganTask, jointTask} {
		want, _ := trainOn(t, ref.New(), task(ref.New(), false), 1)
		got, _ := trainOn(t, ref.New(), task(ref.New(), true), 1)
		nearLosses(t, got, want, true)
		for name, loss := range want {
			if got[name] == loss {
				t.Errorf("loss %s has the bits of float64: nothing was rounded", name)
			}
		}
	}
}

// The CPU refuses mixed precision in words.
func TestMixedPrecisionOnCPU(t *testing.T) {
	d := device(t)
	if s, err := openGAN(d, ganTask(d, true).Pretrain); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("a CPU opened a program in bf16: %v, %v", s, err)
	}
}

// Gradients that are added in bf16 are numbers of it on every device, and end in other
// weights than in fp32. The loss and batch norm's sums are none.
func TestHalfGradients(t *testing.T) {
	hashes := map[string]bool{}
	for _, gradients := range []string{api.FP32, api.BF16} {
		devices := cpus(t, 1)
		task, set := shared(devices[0], 8)
		task.Finetune.Gradients = gradients
		r := openShared(t, devices, task.Finetune)
		got, err := trainPart(t, r, task, set, 1)
		if err != nil {
			t.Fatal(err)
		}
		hashes[got[0]] = true
		for group, want := range map[string]bool{
			g2c.GroupClassifierGrad: gradients == api.BF16, g2c.GroupGeneratorsGrad: gradients == api.BF16,
			g2c.GroupStatistics: false, g2c.Loss: false,
		} {
			if halves := areHalves(t, r.first().state, group); halves != want {
				t.Errorf("gradients %s: all of %s are numbers of bf16: %v", gradients, group, halves)
			}
		}
	}
	if len(hashes) != 2 {
		t.Error("gradients in bf16 end in the weights of fp32")
	}
}

func areHalves(t *testing.T, s kernels.State, slot string) bool {
	t.Helper()
	typ, _ := s.Spec().Type(slot)
	v := make([]float32, typ.Shape.Len())
	if err := s.GetF32(slot, v); err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(v, func(x float32) bool { return kernels.ToBF16(x) != x })
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

// lossesOf reads the losses of either stage.
func lossesOf(t *testing.T, s kernels.State) map[string]float64 {
	t.Helper()
	losses := map[string]float64{}
	for _, g := range s.Spec().Groups {
		for _, slot := range g.Slots {
			if !strings.HasPrefix(slot.Name, cyclegan.LossPrefix) {
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

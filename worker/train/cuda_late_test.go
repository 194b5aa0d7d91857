//go:build gpu

package train

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/emu/control"
	"g2c/model/nn"
)

// plain is a device that neither guards updates nor copies in the background, like the
// CPU.
type plain struct{ kernels.Device }

func (d plain) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	s, err := d.Device.NewState(spec)
	return plainState{s}, err
}

func (d plain) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	e, err := d.Device.Load(p, s.(plainState).State)
	return plainExec{e}, err
}

type plainState struct{ kernels.State }

type plainExec struct{ kernels.Exec }

// stage runs one stage of training to its end.
type stage func(ctx context.Context, d kernels.Device, repo *checkpoint.Repo, lr float64, progress func(Progress)) (*checkpoint.Manifest, error)

func pretrainStage(ctx context.Context, d kernels.Device, repo *checkpoint.Repo, lr float64, progress func(Progress)) (*checkpoint.Manifest, error) {
	task, data := gan(d, lr)
	task.Pretrain.Epochs = 1
	return Pretrain(ctx, task, data, Options{Device: d, Repo: repo, Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2}, Progress: progress})
}

func finetuneStage(ctx context.Context, d kernels.Device, repo *checkpoint.Repo, lr float64, progress func(Progress)) (*checkpoint.Manifest, error) {
	task, set := tuning(d, 1)
	task.Finetune.LR = lr
	weights, err := generatorFile(d)
	if err != nil {
		return nil, err
	}
	return Finetune(ctx, task, set, []*safetensors.File{weights}, Options{Device: d, Repo: repo, Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2}, Progress: progress})
}

// generatorFile is the weights of a generator that nothing has trained.
func generatorFile(d kernels.Device) (*safetensors.File, error) {
	task, _ := gan(d, 1)
	s, err := openGAN(d, task.Pretrain)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Initialise(7); err != nil {
		return nil, err
	}
	var ts []safetensors.Tensor
	for _, p := range nn.ByNet(s.catalog.Params, "G_AB") {
		t, err := exportParam[float32](s.state, "", strings.TrimPrefix(p.Name, "G_AB."), p)
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
	}
	encoded, err := safetensors.Encode(ts, nil)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if _, err := encoded.WriteTo(&data); err != nil {
		return nil, err
	}
	return safetensors.Decode(data.Bytes())
}

// With losses read late, batches brought in beside the step before and snapshots beside
// the step after, both stages end in the bits that they end in with everything in turn,
// whether work on the device comes early or late. An interrupt changes nothing.
func TestCUDALateIsTheSame(t *testing.T) {
	d := openGPU(t)
	for name, c := range map[string]struct {
		run    stage
		orders []control.Early
	}{
		"pretrain": {pretrainStage, []control.Early{0, control.Launches, control.CopiesIn | control.CopiesOut}},
		"finetune": {finetuneStage, []control.Early{control.CopiesIn | control.CopiesOut}},
	} {
		run := c.run
		want, err := run(t.Context(), plain{d}, openRepo(t, t.TempDir(), filestore.OSDisk{}), 1e-3, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, early := range c.orders {
			control.SetEarly(early)
			got, err := interrupted(t, d, run, 2)
			control.SetEarly(0)
			if err != nil || got.WeightsSHA256() != want.WeightsSHA256() {
				t.Errorf("%s, early %b: %v, weights %.16s, want %.16s", name, early, err, got.WeightsSHA256(), want.WeightsSHA256())
			}
		}
	}
}

// interrupted runs a stage that is interrupted after a step, and goes on.
func interrupted(t *testing.T, d kernels.Device, run stage, step int64) (*checkpoint.Manifest, error) {
	t.Helper()
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := run(ctx, d, repo, 1e-3, func(p Progress) {
		if p.Step == step {
			cancel()
		}
	})
	if !errors.Is(err, fault.ErrInterrupted) {
		t.Fatalf("%v, want an interrupt", err)
	}
	return run(t.Context(), d, repo, 1e-3, nil)
}

// A loss that is not finite is found late, and blamed as if it had been read at once:
// the same step, the same operation, the same checkpoint.
func TestCUDALateBlame(t *testing.T) {
	d := openGPU(t)
	for name, run := range map[string]stage{"pretrain": pretrainStage, "finetune": finetuneStage} {
		var said [2]string
		for i, device := range []kernels.Device{plain{d}, d} {
			_, err := run(t.Context(), device, openRepo(t, t.TempDir(), filestore.OSDisk{}), 1e30, nil)
			var bad *NonFinite
			if !errors.As(err, &bad) || !errors.Is(err, fault.ErrTraining) {
				t.Fatalf("%s: %v, want a loss that is not finite", name, err)
			}
			said[i] = err.Error()
		}
		if said[0] != said[1] {
			t.Errorf("%s: read late\n%s\nread at once\n%s", name, said[1], said[0])
		}
		t.Log(said[1])
	}
}

// A card that is lost on the way, in a copy too, leaves whole checkpoints alone: training
// goes on from the newest to the same bits.
func TestCUDALostWhileSaving(t *testing.T) {
	if !control.SetEarly(0) {
		t.Skip("SKIPPED: cards are lost on the emulated driver alone")
	}
	whole := openGPU(t)
	want, err := pretrainStage(t.Context(), whole, openRepo(t, t.TempDir(), filestore.OSDisk{}), 1e-3, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, faults := range []string{"copy:50", "copy:51", "lost:9"} {
		repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
		d := openGPU(t)
		control.SetFaults(faults)
		_, err := pretrainStage(t.Context(), d, repo, 1e-3, nil)
		control.SetFaults("")
		if err == nil || !strings.Contains(err.Error(), "is lost to this process") {
			t.Fatalf("%s: %v", faults, err)
		}
		got, err := pretrainStage(t.Context(), whole, repo, 1e-3, nil)
		if err != nil || got.WeightsSHA256() != want.WeightsSHA256() {
			t.Errorf("%s: %v, weights %.16s, want %.16s", faults, err, got.WeightsSHA256(), want.WeightsSHA256())
		}
	}
}

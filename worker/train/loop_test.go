package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/filestore/diskfault"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/model/results"
)

func device(t *testing.T) kernels.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// noise is n images of random pixels.
func noise(n, side int, seed uint32) *dataset.Set {
	images, pixels := make([]dataset.Image, n), make([][]uint8, n)
	for i := range n {
		images[i].Name = string(rune('a' + i))
		p := make([]uint8, side*side*3)
		for k := range p {
			p[k] = uint8(philox.Words(seed, philox.Split, [4]uint32{uint32(i), uint32(k / 30)})[0])
		}
		pixels[i] = p
	}
	return dataset.New(side, images, pixels)
}

// gan is a tiny pretraining of a few steps.
func gan(d kernels.Device, lr float64) (api.Task, PretrainData) {
	task := api.PretrainTask(d.Class(), api.Pretrain{
		Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize},
		Generator: api.Generator{Width: 4, Blocks: 1, Up: api.UpK4}, Discriminator: api.Discriminator{DiscriminatorWidth: 4},
		CycleGAN: api.CycleGAN{Epochs: 2, ConstantEpochs: 1, Batch: 1, Pool: 2, LambdaCycle: 10, LambdaIdentity: 0.5, Load: 1.1, Flip: true, LR: lr, Beta1: 0.5, Beta2: 0.999},
		Random:   api.Random{Seed: 1, Precision: api.FP32},
	})
	side := api.LoadSide(64, 1.1)
	return task, PretrainData{A: noise(4, side, 1), B: noise(3, side, 2)}
}

func pretrain(t *testing.T, repo *checkpoint.Repo, ctx context.Context) (*checkpoint.Manifest, []string, error) {
	t.Helper()
	d := device(t)
	task, data := gan(d, 2e-4)
	var warnings []string
	m, err := Pretrain(ctx, task, data, Options{
		Device: d, Repo: repo, Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2},
		Warn: func(s string) { warnings = append(warnings, s) },
	})
	return m, warnings, err
}

func openRepo(t *testing.T, dir string, disk filestore.Disk) *checkpoint.Repo {
	t.Helper()
	s, err := filestore.OpenOn(dir, disk)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.New(s)
}

// A disk that fills up stops training with a clear error; what was saved is
// whole, and training goes on from it to the bits of a run with room enough.
func TestDiskFull(t *testing.T) {
	want, _, err := pretrain(t, openRepo(t, t.TempDir(), filestore.OSDisk{}), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "store")
	disk := diskfault.New()
	repo := openRepo(t, dir, disk)
	disk.Fill(700 << 10)
	_, _, err = pretrain(t, repo, t.Context())
	if err == nil || !strings.Contains(err.Error(), "last good") {
		t.Fatalf("on a full disk: %v", err)
	}
	t.Log(err)
	got, warnings, err := pretrain(t, openRepo(t, dir, filestore.OSDisk{}), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.WeightsSHA256() != want.WeightsSHA256() || got.Step != want.Step {
		t.Errorf("weights %.16s at step %d, want %.16s at %d (%v)", got.WeightsSHA256(), got.Step, want.WeightsSHA256(), want.Step, warnings)
	}
}

// A context that ends stops at a step boundary with the state saved.
func TestInterruptSaves(t *testing.T) {
	want, _, err := pretrain(t, openRepo(t, t.TempDir(), filestore.OSDisk{}), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cadence api.Checkpoint
		step    int64
	}{
		{api.Checkpoint{EveryEpochs: 1, Keep: 2}, 3},
		{api.Checkpoint{EverySteps: 1, Keep: 2}, 3},  // while a save is under way
		{api.Checkpoint{EveryEpochs: 1, Keep: 2}, 4}, // at the end of an epoch
	} {
		repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
		task, _, err := interruptAt(t, repo, c.cadence, c.step)
		if !errors.Is(err, fault.ErrInterrupted) || !strings.Contains(err.Error(), fmt.Sprintf("step %d of 8", c.step)) {
			t.Fatalf("%+v: %v, want an interrupt", c, err)
		}
		m, _, err := repo.Latest(t.Context(), task.Key().String())
		if err != nil || m == nil || m.Step != c.step || m.Final {
			t.Fatalf("%+v: after the interrupt: %v, %v", c, m, err)
		}
		got, _, err := pretrain(t, repo, t.Context())
		if err != nil || got.WeightsSHA256() != want.WeightsSHA256() {
			t.Errorf("%+v: after going on: %v, weights %.16s, want %.16s", c, err, got.WeightsSHA256(), want.WeightsSHA256())
		}
	}
}

// interruptAt runs the tiny pretraining, whose context ends during a step.
func interruptAt(t *testing.T, repo *checkpoint.Repo, cadence api.Checkpoint, step int64) (api.Task, *checkpoint.Manifest, error) {
	t.Helper()
	d := device(t)
	task, data := gan(d, 2e-4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, err := Pretrain(ctx, task, data, Options{Device: d, Repo: repo, Checkpoint: cadence, Progress: func(p Progress) {
		if p.Step == step {
			cancel()
		}
	}})
	return task, m, err
}

// An interrupt during the last step finds the task done.
func TestInterruptInTheLastStepEndsTheTask(t *testing.T) {
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	_, m, err := interruptAt(t, repo, api.Checkpoint{EverySteps: 1, Keep: 2}, 8)
	if err != nil || m == nil || !m.Final || m.Step != 8 {
		t.Errorf("%v, %v, want the end", m, err)
	}
}

// A damaged record of durations does not stand in the way of going on.
func TestDamagedTimingIsPassedOver(t *testing.T) {
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	task, _, err := interruptAt(t, repo, api.Checkpoint{EveryEpochs: 1, Keep: 2}, 3)
	if !errors.Is(err, fault.ErrInterrupted) {
		t.Fatal(err)
	}
	if err := repo.PutRecord(t.Context(), task.Key().String(), results.TimingRecord, "torn"); err != nil {
		t.Fatal(err)
	}
	m, warnings, err := pretrain(t, repo, t.Context())
	if err != nil || m.Step != 8 || len(warnings) != 1 {
		t.Errorf("%v, %v, warnings %v", m, err, warnings)
	}
}

// A loss that is not finite stops the task and names step, operation and the last
// good checkpoint; the weights of the step before are kept.
func TestNonFiniteLossIsBlamed(t *testing.T) {
	d := device(t)
	task, data := gan(d, 1e30)
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	_, err := Pretrain(t.Context(), task, data, Options{Device: d, Repo: repo, Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2}})
	var bad *NonFinite
	if !errors.As(err, &bad) || !errors.Is(err, fault.ErrTraining) {
		t.Fatalf("%v, want a loss that is not finite", err)
	}
	for _, s := range []string{"step ", "= ", "last good checkpoint is manifests/"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the message does not say %q: %v", s, err)
		}
	}
	t.Log(err)
}

// A state with a NaN in it, which no loss has shown yet, is not stored.
func TestNonFiniteStateIsNotSaved(t *testing.T) {
	d := device(t)
	task, data := gan(d, 2e-4)
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	p, err := newPretrainer(t.Context(), task, data, Options{Device: d, Repo: repo})
	if err != nil {
		t.Fatal(err)
	}
	defer p.step.Close()
	if err := p.step.Initialise(1); err != nil {
		t.Fatal(err)
	}
	if err := p.step.State().PutF32("G_BA.tail.bias", []float32{0, float32(math.NaN()), 0}); err != nil {
		t.Fatal(err)
	}
	err = p.close(p.save(p.fill, false))
	if !errors.Is(err, fault.ErrTraining) || !strings.Contains(err.Error(), "G_BA.tail.bias") {
		t.Errorf("%v, want the slot named", err)
	}
	if m, _, err := repo.Latest(t.Context(), task.Key().String()); m != nil || err != nil {
		t.Errorf("%v, %v, want no checkpoint", m, err)
	}
}

// A model whose probabilities are NaN is an error, not a prediction.
func TestNonFiniteProbabilityIsAnError(t *testing.T) {
	d := device(t)
	task, set := tuning(d, 1)
	m, err := g2c.New(ModelConfig(task.Finetune))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewG2CStep(d, m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	typ, _ := s.State().Spec().Type(g2c.GroupClassifier)
	weights := make([]float32, typ.Shape.Len())
	for i := range weights {
		weights[i] = float32(math.NaN())
	}
	if err := s.State().PutF32(g2c.GroupClassifier, weights); err != nil {
		t.Fatal(err)
	}
	if err := newEvaluator(s, nil).probabilitiesOf(set, 0, make([]float32, set.Len())); !errors.Is(err, fault.ErrTraining) {
		t.Errorf("%v, want an error", err)
	}
}

func TestBlameFindsTheFirstInstruction(t *testing.T) {
	m, err := cyclegan.New(cyclegan.Config{
		Size: 64, Load: 64, Batch: 1, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}, DiscriminatorWidth: 4,
		LambdaCycle: 10, LambdaIdentity: 0.5, Beta1: 0.5, Beta2: 0.999,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewGANStep(device(t), m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Initialise(1); err != nil {
		t.Fatal(err)
	}
	const slot = "D_A.layers.3.weight"
	typ, _ := m.State.Type(slot)
	w := make([]float64, typ.Shape.Len())
	w[7] = math.NaN()
	if err := s.State().PutF64(slot, w); err != nil {
		t.Fatal(err)
	}
	err = s.Generator(2e-4, 1)
	if err == nil || !strings.Contains(err.Error(), "slot "+slot) {
		t.Errorf("%v, want slot %s named", err, slot)
	}
}

// A step allocates nothing, not even to move its inputs and losses.
func TestStepDoesNotAllocate(t *testing.T) {
	d := device(t)
	task, data := gan(d, 2e-4)
	p, err := newPretrainer(t.Context(), task, data, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(nil)
	if err := p.step.Initialise(1); err != nil {
		t.Fatal(err)
	}
	copy(p.order, []int32{0, 1, 2, 3})
	n := testing.AllocsPerRun(5, func() {
		if err := p.one(0, 1, 1e-4); err != nil {
			t.Fatal(err)
		}
		p.t++
	})
	if n != 0 {
		t.Errorf("%g allocations a step", n)
	}
}

// tuning is a tiny fine-tuning on noise.
func tuning(d kernels.Device, frozen int) (api.Task, *dataset.Set) {
	task := api.FinetuneTask(d.Class(), api.Finetune{
		Origin: api.Origin{Source: "PAS"}, Stains: []string{"HE"}, Generators: []api.Key{{1}},
		View: api.View{Size: 64, Fit: api.FitResize}, Positive: []string{"p"}, Negative: []string{"n"}, PositiveName: "p",
		NegativeName: "n", Generator: &api.Generator{Width: 4, Blocks: 1, Up: api.UpK4},
		Classifier: api.Classifier{Width: 8, Units: 1, Hidden: 4, Attention: true, Stem: api.StemInceptionV4, Shared: true},
		Tuning:     api.Tuning{Epochs: 2, FrozenEpochs: frozen, Batch: 4, Shards: 2, Select: api.SelectLast, Gamma: 2, LR: 0.01, Momentum: 0.5, DropEvery: 5, DropBy: 10, Optimizer: api.OptimizerSGD}, Augment: true,
		Replacement: api.Replacement{Baseline: api.BaselineNone},
		Sums:        api.Sums{Gradients: api.FP32}, Random: api.Random{Seed: 1, Precision: api.FP32},
	})
	base := noise(8, 64, 3)
	images, pixels := make([]dataset.Image, base.Len()), make([][]uint8, base.Len())
	for i := range images {
		images[i] = base.Image(i)
		images[i].Label, images[i].Group, images[i].Split = []string{"p", "n"}[i%2], images[i].Name, dataset.Train
		pixels[i] = pixelsOf(base, i)
	}
	return task, dataset.New(64, images, pixels)
}

// loaded is a fine-tuning before its first step, with generators of zeros.
func loaded(t *testing.T, d kernels.Device, task api.Task, set *dataset.Set) *finetuner {
	t.Helper()
	f, err := newFinetuner(t.Context(), task, set, nil, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
	if err != nil {
		t.Fatal(err)
	}
	f.host.fresh = true
	if err := f.regroup(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.close(f.closeDevices(nil)); err != nil {
			t.Error(err)
		}
	})
	return f
}

// Fine-tuning steps allocate nothing either, frozen or joint.
func TestFinetuneStepDoesNotAllocate(t *testing.T) {
	d := device(t)
	task, set := tuning(d, 1)
	f := loaded(t, d, task, set)
	for _, frozen := range []bool{true, false} {
		n := testing.AllocsPerRun(3, func() {
			if err := f.one(0, 0.01, frozen); err != nil {
				t.Fatal(err)
			}
			f.t++
		})
		if n != 0 {
			t.Errorf("frozen %v: %g allocations a step", frozen, n)
		}
	}
}

// Frozen generators stand still, bit for bit, and so does their momentum.
func TestFrozenGeneratorsStandStill(t *testing.T) {
	d := device(t)
	task, set := tuning(d, 2)
	f := loaded(t, d, task, set)
	if err := f.step.initialise(g2c.GeneratorNet(0), 1, 0); err != nil {
		t.Fatal(err)
	}
	read := func(group string) []float32 {
		typ, _ := f.step.State().Spec().Type(group)
		v := make([]float32, typ.Shape.Len())
		if err := f.step.State().GetF32(group, v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	generators, classifier := read(g2c.GroupGenerators), read(g2c.GroupClassifier)
	if err := f.one(0, 0.01, f.frozen(1)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(generators, read(g2c.GroupGenerators)) || slices.Max(read(g2c.GroupGeneratorsMoment)) != 0 {
		t.Error("a frozen step moved the generators")
	}
	if slices.Equal(classifier, read(g2c.GroupClassifier)) {
		t.Error("a frozen step left the classifier")
	}
	if err := f.one(0, 0.01, f.frozen(2)); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(generators, read(g2c.GroupGenerators)) {
		t.Error("a joint step left the generators")
	}
}

// pixelsOf are those of an image in memory.
func pixelsOf(set *dataset.Set, i int) []uint8 {
	pixels, err := set.Pixels(i)
	if err != nil {
		panic(err) // nothing can fail there
	}
	return pixels
}

// A finished CycleGAN leaves both of its generators: each as it was in the state, under the
// names of a generator alone.
func TestBothGeneratorsAreKept(t *testing.T) {
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	task, data := gan(device(t), 2e-4)
	p, err := newPretrainer(t.Context(), task, data, Options{Device: device(t), Repo: repo, Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.step.Close()
	m, err := p.run(t.Context(), p.step.Initialise)
	if err != nil {
		t.Fatal(err)
	}
	for payload, net := range map[string]string{checkpoint.Weights: cyclegan.GAB, results.Backward: cyclegan.GBA} {
		body, err := repo.Payload(t.Context(), *m, payload)
		if err != nil {
			t.Fatal(err)
		}
		f, err := safetensors.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		params := nn.ByNet(p.step.catalog.Params, net)
		if len(f.Tensors) != len(params) {
			t.Errorf("%s has %d tensors, %s has %d parameters", payload, len(f.Tensors), net, len(params))
		}
		for _, param := range params {
			stored, ok := f.Tensor(param.Name[len(net)+1:])
			if !ok {
				t.Fatalf("%s lacks %s", payload, param.Name)
			}
			got, err := stored.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			own, want := make([]float32, param.Shape.Len()), make([]float32, param.Shape.Len())
			if err := p.step.state.GetF32(param.Name, own); err != nil {
				t.Fatal(err)
			}
			if nn.Export(want, own, param.Shape); !slices.Equal(got, want) {
				t.Errorf("%s: %s is not %s's", payload, param.Name, net)
			}
		}
	}
}

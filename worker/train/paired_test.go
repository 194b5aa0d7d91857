package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/cyclegan"
	"g2c/model/nn"
	"g2c/model/pix2pix"
	"g2c/model/results"
)

// tintedPairs is noise with a hue.
func tintedPairs(t *testing.T, n, side int, seed uint32) *dataset.Set {
	t.Helper()
	red, blue := noise(n, side, seed), noise(n, side, seed+100)
	var images []dataset.Image
	var pixels [][]uint8
	for i := range n {
		p, err := red.Pixels(i)
		if err != nil {
			t.Fatal(err)
		}
		q, err := blue.Pixels(i)
		if err != nil {
			t.Fatal(err)
		}
		for k := range p {
			if k%3 == 2 {
				p[k] = q[k]
			}
		}
		images, pixels = append(images, red.Image(i)), append(pixels, p)
	}
	return dataset.New(side, images, pixels)
}

// inverted is the negative of every image of a set: a target that a source does not look
// like.
func inverted(t *testing.T, s *dataset.Set) *dataset.Set {
	t.Helper()
	var images []dataset.Image
	var pixels [][]uint8
	for i := range s.Len() {
		p, err := s.Pixels(i)
		if err != nil {
			t.Fatal(err)
		}
		for k := range p {
			p[k] = 255 - p[k]
		}
		images, pixels = append(images, s.Image(i)), append(pixels, p)
	}
	return dataset.New(s.Side(), images, pixels)
}

// pairs is a tiny paired training of eight steps.
func pairs(t *testing.T, d kernels.Device, lr float64) (api.Task, PairedData) {
	task := api.PairedTask(d.Class(), api.Paired{
		Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize},
		Generator: api.Generator{Width: 4, Blocks: 1, Up: api.UpK4}, Discriminator: api.Discriminator{DiscriminatorWidth: 4},
		Pix2Pix: api.Pix2Pix{Epochs: 2, ConstantEpochs: 1, Batch: 1, Load: 1.1, Flip: true, LR: lr, Beta1: 0.5, Beta2: 0.999},
		L1:      api.L1{LambdaL1: 100}, Random: api.Random{Seed: 1, Precision: api.FP32},
	})
	a, b := tintedPairs(t, 4, api.LoadSide(64, 1.1), 1), tintedPairs(t, 2, 64, 2)
	return task, PairedData{Train: [2]*dataset.Set{a, inverted(t, a)}, Test: [2]*dataset.Set{b, inverted(t, b)}}
}

func trainPaired(t *testing.T, ctx context.Context, repo *checkpoint.Repo, cadence api.Checkpoint, progress func(Progress)) (api.Task, *checkpoint.Manifest, error) {
	t.Helper()
	d := device(t)
	task, data := pairs(t, d, 2e-4)
	m, err := TrainPaired(ctx, task, data, Options{Device: d, Repo: repo, Checkpoint: cadence, Progress: progress})
	return task, m, err
}

// stopPaired runs the tiny training and ends it after a step.
func stopPaired(t *testing.T, repo *checkpoint.Repo, cadence api.Checkpoint, step int64) (api.Task, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	task, _, err := trainPaired(t, ctx, repo, cadence, func(p Progress) {
		if p.Step == step {
			cancel()
		}
	})
	return task, err
}

// payloads are what a finished task holds, by the hash of each payload.
func payloads(m *checkpoint.Manifest) string {
	text, err := json.Marshal(m.Payloads)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A paired training that is stopped anywhere goes on to the same bits: weights, samples and
// judgement.
func TestPairedResumesToTheSameBits(t *testing.T) {
	cadence := api.Checkpoint{EveryEpochs: 1, Keep: 2}
	_, want, err := trainPaired(t, t.Context(), openRepo(t, t.TempDir(), filestore.OSDisk{}), cadence, nil)
	if err != nil || want.Step != 8 || !want.Final {
		t.Fatal(want, err)
	}
	for _, c := range []struct {
		cadence api.Checkpoint
		step    int64
	}{{cadence, 3}, {api.Checkpoint{EverySteps: 1, Keep: 2}, 2}, {cadence, 4}, {cadence, 7}} {
		repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
		task, err := stopPaired(t, repo, c.cadence, c.step)
		if !errors.Is(err, fault.ErrInterrupted) || !strings.Contains(err.Error(), fmt.Sprintf("step %d of 8", c.step)) {
			t.Fatalf("%+v: %v, want an interrupt", c, err)
		}
		if m, _, err := repo.Latest(t.Context(), task.Key().String()); err != nil || m == nil || m.Step != c.step || m.Final {
			t.Fatalf("%+v: after the interrupt: %v, %v", c, m, err)
		}
		_, got, err := trainPaired(t, t.Context(), repo, c.cadence, nil)
		if err != nil || payloads(got) != payloads(want) {
			t.Errorf("%+v: after going on: %v\n%s\nwant\n%s", c, err, payloads(got), payloads(want))
		}
	}
}

// A crash between checkpoints goes back to the last one, and ends in the same bits.
func TestPairedDiesAndResumes(t *testing.T) {
	cadence := api.Checkpoint{EveryEpochs: 1, Keep: 2}
	_, want, err := trainPaired(t, t.Context(), openRepo(t, t.TempDir(), filestore.OSDisk{}), cadence, nil)
	if err != nil {
		t.Fatal(err)
	}
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	died := errors.New("died")
	func() {
		defer func() {
			if r := recover(); r != died {
				t.Fatal(r)
			}
		}()
		_, _, _ = trainPaired(t, t.Context(), repo, cadence, func(p Progress) {
			if p.Step == 6 {
				panic(died)
			}
		})
	}()
	if _, got, err := trainPaired(t, t.Context(), repo, cadence, nil); err != nil || payloads(got) != payloads(want) {
		t.Errorf("%v, %v", got, err)
	}
}

// The weights are a generator that a translator takes, and the judgement is of every
// held-out pair; the negatives of images are unlike them.
func TestPairedResult(t *testing.T) {
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	task, m, err := trainPaired(t, t.Context(), repo, api.Checkpoint{EveryEpochs: 1, Keep: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := repo.Payload(t.Context(), *m, checkpoint.Weights)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := cyclegan.NewTranslator(cyclegan.TranslatorConfig{Size: 64, Batch: 1, Generator: GeneratorConfig(task.Paired.Generator)})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tensors) != len(tr.Catalog.Params) {
		t.Errorf("%d tensors, a translator has %d", len(f.Tensors), len(tr.Catalog.Params))
	}
	for _, p := range nn.ByNet(tr.Catalog.Params, cyclegan.GAB) {
		if _, ok := f.Tensor(p.Name[len(cyclegan.GAB)+1:]); !ok {
			t.Errorf("the weights lack %s", p.Name)
		}
	}
	if data, err = repo.Payload(t.Context(), *m, checkpoint.Results); err != nil {
		t.Fatal(err)
	}
	var r results.Paired
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Metrics.Split != "test" || r.Metrics.Images != 2 || len(r.Epochs) != 2 || len(r.Losses) != 4 || len(r.Shown) != 2 {
		t.Errorf("%+v", r)
	}
	for _, l := range []results.Likeness{r.Metrics.Model, r.Metrics.Source, r.Metrics.Reinhard} {
		if !l.SSIM.Defined() || !l.PSNR.Defined() || !(l.PSNR > 0) || !(l.SSIM < 0.9) {
			t.Errorf("%+v", r.Metrics)
		}
	}
	if !(r.Metrics.Source.SSIM < 0) {
		t.Errorf("an image and its negative have the similarity %g", float64(r.Metrics.Source.SSIM))
	}
}

// Both images of a pair are cut and turned alike, at every step: B is the negative of A.
func TestPairsAreCutAlike(t *testing.T) {
	d := device(t)
	task, data := pairs(t, d, 2e-4)
	p, err := newPairer(t.Context(), task, data, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
	if err != nil {
		t.Fatal(err)
	}
	defer p.step.Close()
	for i := range p.order {
		p.order[i] = int32(i)
	}
	n := 64 * 64 * 3
	a, b, first := make([]float32, n), make([]float32, n), make([]float32, n)
	differ := false
	for at := range 4 {
		if err := p.feed(0, at, int64(at)); err != nil {
			t.Fatal(err)
		}
		if err := p.step.input.Run(); err != nil {
			t.Fatal(err)
		}
		for slot, to := range map[string][]float32{pix2pix.A: a, pix2pix.B: b} {
			if err := p.step.state.GetF32(slot, to); err != nil {
				t.Fatal(err)
			}
		}
		for i := range a {
			if !(math.Abs(float64(a[i]+b[i])-1) < 1e-6) {
				t.Fatalf("step %d, value %d: %g and %g", at, i, a[i], b[i])
			}
			differ = differ || at > 0 && a[i] != first[i]
		}
		if at == 0 {
			copy(first, a)
		}
	}
	if !differ {
		t.Error("all batches are one image")
	}
}

// Without held-out pairs the training pairs are judged, and the result says so.
func TestPairedWithoutTest(t *testing.T) {
	d := device(t)
	task, data := pairs(t, d, 2e-4)
	data.Test = [2]*dataset.Set{}
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	m, err := TrainPaired(t.Context(), task, data, Options{Device: d, Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 1}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := repo.Payload(t.Context(), *m, checkpoint.Results)
	if err != nil || !strings.Contains(string(text), `"split":"train","images":4`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestPairedRefuses(t *testing.T) {
	d := device(t)
	for want, spoil := range map[string]func(*api.Task, *PairedData){
		"are no pairs":              func(_ *api.Task, x *PairedData) { x.Train[1] = noise(3, x.Train[0].Side(), 5) },
		"held-out images of 60":     func(_ *api.Task, x *PairedData) { x.Test = [2]*dataset.Set{noise(1, 60, 5), noise(1, 60, 6)} },
		"fewer than a batch of 5":   func(task *api.Task, _ *PairedData) { task.Paired.Batch = 5 },
		"training images of 64 pix": func(_ *api.Task, x *PairedData) { x.Train = x.Test },
	} {
		task, data := pairs(t, d, 2e-4)
		spoil(&task, &data)
		_, err := TrainPaired(t.Context(), task, data, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
		if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// A loss that is not finite is blamed, as in the other trainings.
func TestPairedNonFinite(t *testing.T) {
	d := device(t)
	task, data := pairs(t, d, 1e30)
	_, err := TrainPaired(t.Context(), task, data, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{}), Checkpoint: api.Checkpoint{EverySteps: 1, Keep: 2}})
	var bad *NonFinite
	if !errors.As(err, &bad) || !errors.Is(err, fault.ErrTraining) {
		t.Fatalf("%v, want a loss that is not finite", err)
	}
}

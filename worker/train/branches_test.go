package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/model/results"
)

// made is a stain's weights, made by its task in a repository.
func made(t *testing.T, s api.Stain, target *dataset.Set) (*checkpoint.Repo, *checkpoint.Manifest, *safetensors.File) {
	t.Helper()
	d := device(t)
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	s.Origin, s.View = api.Origin{Source: "PAS"}, api.View{Size: 64, Fit: api.FitResize}
	m, err := Stain(t.Context(), api.StainTask(d.Class(), s), target, Options{Device: d, Repo: repo})
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
	return repo, m, f
}

// tissue is images of two stains in random amounts.
func tissue(n int, seed uint32) *dataset.Set { return stained(noise(n, 64, seed), seed) }

// stained is the images of a set with two stains in random amounts in place of noise.
func stained(set *dataset.Set, seed uint32) *dataset.Set {
	var images []dataset.Image
	var pixels [][]uint8
	for i := range set.Len() {
		p := make([]uint8, 64*64*3)
		for k := 0; k < len(p); k += 3 {
			w := philox.Words(seed, philox.Split, [4]uint32{uint32(i), uint32(k / 60), 1, 0})
			a, b := int(w[0]%100), int(w[1]%80)
			p[k], p[k+1], p[k+2] = uint8(190-a), uint8(190-a-b), uint8(190-a/3-b/4)
		}
		images, pixels = append(images, set.Image(i)), append(pixels, p)
	}
	return dataset.New(64, images, pixels)
}

// painted is the tiny fine-tuning over branches of several methods, what they need, and its
// images.
func painted(t *testing.T, d kernels.Device, methods ...string) (api.Task, *dataset.Set, []*safetensors.File) {
	t.Helper()
	task, set := shared(d, 8)
	set = stained(set, 6)
	f := task.Finetune
	f.Methods, f.Stains, f.Generators, f.Classifier.Stem, f.Epochs = methods, nil, nil, api.StemConv7, 3
	var files []*safetensors.File
	for i, method := range methods {
		s := api.Stain{Stain: string(rune('A' + i)), Method: method}
		var target *dataset.Set
		switch {
		case api.Targeted(method):
			s.Data, target = api.Key{1}, tissue(3, uint32(20+i))
		case method == api.MethodRandom:
			s.Generator, s.Seed = f.Generator, 7
		case method == "":
			s.Method, s.Generator, s.Seed = api.MethodRandom, f.Generator, 8
		}
		_, _, file := made(t, s, target)
		f.Stains, f.Generators, files = append(f.Stains, s.Stain), append(f.Generators, api.Key{byte(i + 1)}), append(files, file)
	}
	if f.Networks() == 0 {
		f.Generator, f.FrozenEpochs = nil, 0
	}
	return task, set, files
}

// paintedOver trains it over devices; the context ends after a step, never for 0.
func paintedOver(t *testing.T, n int, repo *checkpoint.Repo, stop int64, methods ...string) (*checkpoint.Manifest, error) {
	t.Helper()
	devices := cpus(t, n)
	task, set, files := painted(t, devices[0], methods...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return Finetune(ctx, task, set, files, Options{
		Device: devices[0], Others: devices[1:], Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2},
		Progress: func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		},
	})
}

// A model of branches with and without networks ends in one set of weights over any number
// of devices, stopped or not.
func TestBranchesOverDevices(t *testing.T) {
	for _, methods := range [][]string{
		{api.MethodReinhard, "", api.MethodCopy}, {api.MethodMacenko}, {api.MethodRandom, api.MethodCopy},
	} {
		t.Run(strings.Join(methods, "+"), func(t *testing.T) {
			t.Parallel()
			want, err := paintedOver(t, 1, openRepo(t, t.TempDir(), filestore.OSDisk{}), 0, methods...)
			if err != nil {
				t.Fatal(err)
			}
			repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
			for i, n := range []int{4, 1} {
				if _, err := paintedOver(t, n, repo, int64(2*i+1), methods...); !errors.Is(err, fault.ErrInterrupted) {
					t.Fatalf("%d devices: %v, want an interrupt", n, err)
				}
			}
			got, err := paintedOver(t, 3, repo, 0, methods...)
			if err != nil || got.WeightsSHA256() != want.WeightsSHA256() || got.Step != 6 {
				t.Errorf("%v, weights %.16s at step %d, want %.16s", err, got.WeightsSHA256(), got.Step, want.WeightsSHA256())
			}
		})
	}
}

// A branch that copies is the source, bit for bit, cut, flipped and jittered alike; one of
// another method is not.
func TestCopyIsTheSource(t *testing.T) {
	d := device(t)
	task, set, files := painted(t, d, api.MethodCopy, api.MethodReinhard)
	f, err := newFinetuner(t.Context(), task, set, files, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
	if err != nil {
		t.Fatal(err)
	}
	f.host.fresh = true
	if err := f.regroup(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.closeDevices(nil); err != nil {
			t.Error(err)
		}
	})
	for i := range f.order {
		f.order[i] = int32(i)
	}
	if err := f.feed(0, 5); err != nil {
		t.Fatal(err)
	}
	if err := f.step.input.Run(); err != nil {
		t.Fatal(err)
	}
	if err := f.devices.slots[0].eval.run(set, 0); err != nil {
		t.Fatal(err)
	}
	for _, slot := range []string{g2c.X, g2c.EvalX} {
		source, copied, other := slotOf(t, f.step, slot), slotOf(t, f.step, g2c.GivenSlot(slot, 0)), slotOf(t, f.step, g2c.GivenSlot(slot, 1))
		if !slices.Equal(source, copied) {
			t.Errorf("%s of the copy is not the source's", slot)
		}
		if slices.Equal(source, other) || len(other) != len(source) {
			t.Errorf("%s by Reinhard is the source's", slot)
		}
	}
}

func slotOf(t *testing.T, s *G2CStep, slot string) []float32 {
	t.Helper()
	typ, ok := s.state.Spec().Type(slot)
	if !ok {
		t.Fatalf("no slot %s", slot)
	}
	v := make([]float32, typ.Shape.Len())
	if err := s.state.GetF32(slot, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The real stain is found by the images' names, whatever their order, for training and for
// evaluation; without it the model is refused.
func TestTruth(t *testing.T) {
	d := device(t)
	task, set, files := painted(t, d, api.MethodTruth)
	task.Finetune.Augment = false
	real := set.Painted(&dataset.Painter{Apply: func(dst, src []uint8) {
		for i, v := range src {
			dst[i] = 255 - v
		}
	}})
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	asked := ""
	opt := Options{Device: d, Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}, Truth: func(stain string) (*dataset.Set, error) {
		asked = stain
		return real, nil
	}}
	m, err := Finetune(t.Context(), task, set, files, opt)
	if err != nil || asked != "A" {
		t.Fatalf("%v, asked for %q", err, asked)
	}
	b, err := newBranches(task.Finetune, nil, opt.Truth, 0)
	if err != nil {
		t.Fatal(err)
	}
	part := set.Select(func(im dataset.Image) bool { return im.Label == "n" })
	views, err := b.of(part)
	if err != nil || len(views) != 1 {
		t.Fatal(views, err)
	}
	for i := range part.Len() {
		got, want := pixelsOf(views[0], i), pixelsOf(part, i)
		for k := range want {
			want[k] = 255 - want[k]
		}
		if !bytes.Equal(got, want) {
			t.Errorf("image %d is seen in another image's stain", i)
		}
	}
	evaluation := api.EvaluateTask(d.Class(), api.Evaluate{Model: *task.Finetune, Data: api.Key{9}, Metrics: metrics.Version})
	weights := selectedOf(t, repo, m)
	if _, err := Evaluate(t.Context(), evaluation, set, EvaluateInputs{Weights: weights}, opt); err != nil {
		t.Error(err)
	}
	for _, opt.Truth = range []Truth{nil, func(string) (*dataset.Set, error) { return nil, nil }} {
		if _, err := Evaluate(t.Context(), evaluation, set, EvaluateInputs{Weights: weights}, opt); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("without the truth: %v", err)
		}
		if _, err := Finetune(t.Context(), task, set, files, opt); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("without the truth: %v", err)
		}
	}
}

func selectedOf(t *testing.T, repo *checkpoint.Repo, m *checkpoint.Manifest) *safetensors.File {
	t.Helper()
	data, err := repo.Payload(t.Context(), *m, checkpoint.Weights)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A model's weights hold what its branches need: from them alone they paint as the stains'
// own results do.
func TestWeightsCarryTheNumbers(t *testing.T) {
	d := device(t)
	task, set, files := painted(t, d, api.MethodReinhard, "", api.MethodMacenko)
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	m, err := Finetune(t.Context(), task, set, files, Options{Device: d, Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBranches(task.Finetune, selectedOf(t, repo, m), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		p, err := readPainting(task.Finetune.Methods[i], files[i], "")
		if err != nil {
			t.Fatal(err)
		}
		view, ok, err := b.View(set, i)
		if err != nil || !ok {
			t.Fatalf("branch %d: %v, %v", i, ok, err)
		}
		for k := range set.Len() {
			want := pixelsOf(set, k)
			p.apply(want, want)
			if !bytes.Equal(pixelsOf(view, k), want) || bytes.Equal(want, pixelsOf(set, k)) {
				t.Errorf("branch %d paints image %d otherwise, or not at all", i, k)
			}
		}
	}
	if _, ok, err := b.View(set, 1); ok || err != nil {
		t.Errorf("the branch with a network is given: %v, %v", ok, err)
	}
}

// An untrained generator is that with which a CycleGAN begins, and is stored as one that
// was trained is.
func TestDrawnGeneratorIsWhereTrainingBegins(t *testing.T) {
	d := device(t)
	task, _ := gan(d, 1e-3)
	s, err := openGAN(d, task.Pretrain)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Initialise(5); err != nil {
		t.Fatal(err)
	}
	want, err := s.Weights("G_AB")
	if err != nil {
		t.Fatal(err)
	}
	_, _, got := made(t, api.Stain{Stain: "HE", Method: api.MethodRandom, Generator: &task.Pretrain.Generator, Seed: 5}, nil)
	if len(got.Tensors) != len(want) || len(want) == 0 {
		t.Fatalf("%d tensors, want %d", len(got.Tensors), len(want))
	}
	for _, w := range want {
		g, ok := got.Tensor(strings.TrimPrefix(w.Name, "G_AB."))
		if !ok || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("%s differs", w.Name)
		}
	}
}

// What a target comes to is stored once, in equal bytes, with its numbers as JSON; a target
// that no method can work on is an error that says so.
func TestStain(t *testing.T) {
	s := api.Stain{Stain: "HE", Method: api.MethodMacenko, Data: api.Key{1}}
	target := tissue(3, 4)
	repo, m, _ := made(t, s, target)
	_, again, _ := made(t, s, target)
	if m.WeightsSHA256() != again.WeightsSHA256() || m.Kind != checkpoint.Stain || !m.Final {
		t.Errorf("%+v and %+v", m, again)
	}
	data, err := repo.Payload(t.Context(), *m, checkpoint.Results)
	if err != nil {
		t.Fatal(err)
	}
	var r results.Stain
	if err := json.Unmarshal(data, &r); err != nil || r.Macenko == nil || r.Reinhard != nil || r.Images != 3 || r.Pixels != 3*64*64 {
		t.Errorf("%s, %v", data, err)
	}
	d := device(t)
	task := api.StainTask(d.Class(), api.Stain{
		Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize}, Method: api.MethodMacenko, Data: api.Key{1},
	})
	white := dataset.New(64, []dataset.Image{{Name: "a"}}, [][]uint8{bytes.Repeat([]uint8{255}, 64*64*3)})
	for _, task.Stain.Method = range []string{api.MethodMacenko, api.MethodReinhard} {
		_, err := Stain(t.Context(), task, white, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
		if !errors.Is(err, fault.ErrData) || !strings.Contains(fmt.Sprint(err), "HE") {
			t.Errorf("white images: %v", err)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Stain(stopped, task, target, Options{Device: d, Repo: repo}); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("stopped: %v", err)
	}
}

// FuzzPainting: numbers of any file make a method that works, or an error.
func FuzzPainting(f *testing.F) {
	for _, tensors := range [][]safetensors.Tensor{
		{safetensors.Float64("reinhard.mean", []int{3}, []float64{60, 10, -5}), safetensors.Float64("reinhard.std", []int{3}, []float64{10, 4, 4})},
		{safetensors.Float64("macenko.stains", []int{2, 3}, []float64{.65, .7, .29, .07, .99, .11}), safetensors.Float64("macenko.max", []int{2}, []float64{2, 1})},
		{},
	} {
		e, err := safetensors.Encode(tensors, nil)
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := e.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	image := pixelsOf(tissue(1, 2), 0)[:300]
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safetensors.Decode(data)
		if err != nil {
			return
		}
		for _, method := range api.Methods {
			if p, err := readPainting(method, file, ""); err == nil {
				p.apply(make([]uint8, len(image)), image)
			}
		}
	})
}

// reinhard is the numbers of a target of tissue.
func reinhard(t *testing.T) *safetensors.File {
	t.Helper()
	_, _, file := made(t, api.Stain{Stain: "PAS", Method: api.MethodReinhard, Data: api.Key{1}}, tissue(3, 33))
	return file
}

// A training whose images are normalised sees those, as one on images that were normalised
// before does, and its weights say how.
func TestNormalisedTrainings(t *testing.T) {
	d := device(t)
	numbers := reinhard(t)
	p, err := readPainting(api.MethodReinhard, numbers, "")
	if err != nil {
		t.Fatal(err)
	}
	before := func(set *dataset.Set) *dataset.Set { return set.Painted(&dataset.Painter{Apply: p.apply}) }
	n := &api.Normaliser{Method: api.MethodReinhard, Stain: api.Key{5}}
	t.Run("fine-tuning", func(t *testing.T) {
		task, set, files := painted(t, d, api.MethodCopy, "")
		opt := Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{}), Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}, Normaliser: numbers}
		raw, err := Finetune(t.Context(), task, before(set), files, opt)
		if err != nil {
			t.Fatal(err)
		}
		task.Finetune.Normaliser = n
		got, err := Finetune(t.Context(), task, set, files, opt)
		if err != nil {
			t.Fatal(err)
		}
		sameButNumbers(t, selectedOf(t, opt.Repo, got), selectedOf(t, opt.Repo, raw))
		evaluation := api.EvaluateTask(d.Class(), api.Evaluate{Model: *task.Finetune, Data: api.Key{9}, Metrics: metrics.Version})
		weights := selectedOf(t, opt.Repo, got)
		m, err := Evaluate(t.Context(), evaluation, set, EvaluateInputs{Weights: weights}, opt)
		if err != nil {
			t.Fatal(err)
		}
		first, err := ReadEvaluation(t.Context(), opt.Repo, evaluation.Key())
		if err != nil || m == nil {
			t.Fatal(err)
		}
		evaluation.Evaluate.Model.Normaliser = nil
		if _, err = Evaluate(t.Context(), evaluation, before(set), EvaluateInputs{Weights: weights}, opt); err != nil {
			t.Fatal(err)
		}
		second, err := ReadEvaluation(t.Context(), opt.Repo, evaluation.Key())
		if err != nil || !slices.Equal(first.Predictions, second.Predictions) {
			t.Errorf("normalised images are judged as %v, those normalised before as %v; %v", first.Predictions, second.Predictions, err)
		}
		opt.Normaliser = nil
		if _, err := Finetune(t.Context(), task, set, files, opt); !errors.Is(err, fault.ErrData) {
			t.Errorf("without the numbers: %v", err)
		}
	})
	t.Run("pretraining", func(t *testing.T) {
		task, data := gan(d, 1e-3)
		base := data.A
		var images []dataset.Image
		var pixels [][]uint8
		source := stained(noise(base.Len(), 64, 1), 9)
		for i := range base.Len() {
			images, pixels = append(images, base.Image(i)), append(pixels, enlarged(pixelsOf(source, i), 64, base.Side()))
		}
		data.A = dataset.New(base.Side(), images, pixels)
		opt := Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{}), Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}, Normaliser: numbers}
		normal := data
		normal.A = before(data.A)
		raw, err := Pretrain(t.Context(), task, normal, opt)
		if err != nil {
			t.Fatal(err)
		}
		task.Pretrain.Normaliser = n
		got, err := Pretrain(t.Context(), task, data, opt)
		if err != nil {
			t.Fatal(err)
		}
		sameButNumbers(t, selectedOf(t, opt.Repo, got), selectedOf(t, opt.Repo, raw))
	})
}

// enlarged repeats the last pixels of rows and columns.
func enlarged(p []uint8, from, to int) []uint8 {
	var out []uint8
	for y := range to {
		for x := range to {
			at := 3 * (min(y, from-1)*from + min(x, from-1))
			out = append(out, p[at:at+3]...)
		}
	}
	return out
}

// sameButNumbers holds a model's weights to another's, beside which a normaliser's numbers
// lie.
func sameButNumbers(t *testing.T, got, want *safetensors.File) {
	t.Helper()
	if len(got.Tensors) != len(want.Tensors)+2 {
		t.Errorf("%d tensors, want %d and two of the normaliser", len(got.Tensors), len(want.Tensors))
	}
	for _, w := range want.Tensors {
		if g, ok := got.Tensor(w.Name); !ok || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("%s differs", w.Name)
		}
	}
	if p, err := NewNormaliser(&api.Normaliser{Method: api.MethodReinhard}, got); err != nil || p == nil {
		t.Errorf("the weights do not normalise: %v", err)
	}
}

package infer

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/worker/train"
)

const side = 64

var classes = [2]string{"sick", "well"}

func model() *api.Finetune {
	return &api.Finetune{
		Origin: api.Origin{Source: "PAS"}, Stains: []string{"HE", "PASM"}, View: api.View{Size: side},
		Generator:  &api.Generator{Width: 4, Blocks: 1, Up: api.UpK4},
		Classifier: api.Classifier{Width: 8, Units: 1, Hidden: 4, Attention: true, Stem: api.StemConv7, Shared: true},
		Tuning:     api.Tuning{Batch: 2, Shards: 1},
	}
}

// drawn are initial weights of a model, as a checkpoint holds them.
func drawn(t *testing.T, f *api.Finetune) *safetensors.File {
	t.Helper()
	m, err := g2c.NewInference(train.ModelConfig(f))
	if err != nil {
		t.Fatal(err)
	}
	values := nn.Initial(append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...), 1, nn.NetClassifier)
	var tensors []safetensors.Tensor
	for _, p := range append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...) {
		file := make([]float32, p.Shape.Len())
		nn.Export(file, values[p.Name], p.Shape)
		tensors = append(tensors, safetensors.Float32(p.Name, nn.ExportShape(p.Shape), file))
	}
	slices.SortFunc(tensors, func(a, b safetensors.Tensor) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return &safetensors.File{Tensors: tensors}
}

func device(t *testing.T) kernels.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{})
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

// images are n images that differ.
func images(n, size int) *dataset.Set {
	var list []dataset.Image
	var pixels [][]uint8
	for i := range n {
		p := make([]uint8, size*size*3)
		for j := range p {
			p[j] = uint8((j*(2*i+3))>>3 ^ i*40)
		}
		list = append(list, dataset.Image{Name: string(rune('a' + i))})
		pixels = append(pixels, p)
	}
	return dataset.New(size, list, pixels)
}

func alone(set *dataset.Set, i int) *dataset.Set {
	return set.Select(func(im dataset.Image) bool { return im == set.Image(i) })
}

func TestPredictionsDoNotDependOnCompany(t *testing.T) {
	f := model()
	c, err := NewClassifier(device(t), f, classes, drawn(t, f))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Classes() != classes || c.Size() != side {
		t.Errorf("classes %v, size %d", c.Classes(), c.Size())
	}
	set := images(train.EvalBatch+3, side)
	all, err := c.Predict(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		one, err := c.Predict(t.Context(), alone(set, i))
		if err != nil {
			t.Fatal(err)
		}
		if one[0] != p {
			t.Errorf("image %d: %v among others, %v alone", i, p, one[0])
		}
		if !(math.Abs(float64(p[0]+p[1]-1)) < 1e-6) {
			t.Errorf("image %d: %v does not sum to 1", i, p)
		}
	}
	if all[0] == all[1] {
		t.Error("different images have equal probabilities")
	}
}

// runs counts how often a program runs.
type runs struct {
	kernels.Exec
	n int
}

// Run implements kernels.Exec.
func (r *runs) Run() error {
	r.n++
	return r.Exec.Run()
}

// Sets of one image each fill batches as one set does.
func TestSetsShareBatches(t *testing.T) {
	f := model()
	c, err := NewClassifier(device(t), f, classes, drawn(t, f))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	set := images(train.EvalBatch+3, side)
	want, err := c.Predict(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	var each []*dataset.Set
	for i := range set.Len() {
		each = append(each, alone(set, i))
	}
	count := &runs{Exec: c.execs[1]}
	c.execs[1] = count
	got, err := c.Predict(t.Context(), each...)
	if err != nil || !slices.Equal(got, want) || count.n != 2 {
		t.Errorf("%v, in %d batches; one set gives %v in 2; %v", got, count.n, want, err)
	}
}

// The generators of a model differ, each is found under its prefix, and the images
// are those that the classifier sees.
func TestTranslatorIsTheClassifiersGenerator(t *testing.T) {
	f := model()
	d, weights := device(t), drawn(t, f)
	c, err := NewClassifier(d, f, classes, weights)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	set := images(translateBatch+1, side)
	seen := make([]float32, train.EvalBatch*side*side*3)
	for g := range f.Stains {
		if _, err := c.Predict(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		if err := c.state.GetF32(g2c.EvalImage+string(rune('0'+g)), seen); err != nil {
			t.Fatal(err)
		}
		want := train.ToBytes(seen)
		tr, err := NewTranslator(d, Generator{Shape: *f.Generator, Size: side, Prefix: g2c.GeneratorNet(g) + "."}, weights)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		err = tr.Translate(t.Context(), func(_, i int, pixels []uint8) error {
			if i != n || !slices.Equal(pixels, want[i*side*side*3:][:side*side*3]) {
				t.Errorf("generator %d, image %d differs from what the classifier sees", g, i)
			}
			n++
			return nil
		}, set)
		if err := errors.Join(err, tr.Close()); err != nil || n != set.Len() {
			t.Errorf("%d of %d images, %v", n, set.Len(), err)
		}
	}
}

func TestErrors(t *testing.T) {
	f := model()
	d, weights := device(t), drawn(t, f)
	c, err := NewClassifier(d, f, classes, weights)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Predict(t.Context(), images(1, 32)); !errors.Is(err, fault.ErrData) {
		t.Errorf("wrong size: %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Predict(stopped, images(1, side)); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("stopped: %v", err)
	}
	wide := model()
	wide.Classifier.Width = 16
	if _, err := NewClassifier(d, wide, classes, weights); !errors.Is(err, fault.ErrData) {
		t.Errorf("wrong shape: %v", err)
	}
	if _, err := NewTranslator(d, Generator{Shape: *f.Generator, Size: side}, weights); !errors.Is(err, fault.ErrData) {
		t.Errorf("missing tensors: %v", err)
	}
}

// painted is a model whose images are normalised and one of whose stains is made by a method,
// the numbers of both among its weights.
func painted(t *testing.T) (*api.Finetune, *safetensors.File) {
	t.Helper()
	f := model()
	f.Methods = []string{api.MethodReinhard, ""}
	weights := drawn(t, f)
	for prefix, mean := range map[string][]float64{"generators.0.": {50, 30, -20}, "normalise.": {70, 10, 5}} {
		weights.Tensors = append(weights.Tensors,
			safetensors.Float64(prefix+"reinhard.mean", []int{3}, mean), safetensors.Float64(prefix+"reinhard.std", []int{3}, []float64{12, 6, 7}))
	}
	slices.SortFunc(weights.Tensors, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f, weights
}

// A model's branch by a method is seen by whoever predicts, in any company, and its images
// are normalised as they were for training: as if they had been before.
func TestPredictionsByMethods(t *testing.T) {
	f, weights := painted(t)
	d := device(t)
	predict := func(f *api.Finetune, sets ...*dataset.Set) [][2]float32 {
		t.Helper()
		c, err := NewClassifier(d, f, classes, weights)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p, err := c.Predict(t.Context(), sets...)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	set := images(train.EvalBatch+3, side)
	plain := predict(f, set)
	if one := predict(f, alone(set, 17)); one[0] != plain[17] {
		t.Errorf("%v alone, %v among others", one[0], plain[17])
	}
	copied := *f
	copied.Methods = []string{api.MethodCopy, ""}
	if slices.Equal(predict(&copied, set), plain) {
		t.Error("the method does not matter")
	}
	n := *f
	n.Normaliser = &api.Normaliser{Method: api.MethodReinhard, Stain: api.Key{1}}
	before, err := train.Normalised(set, n.Normaliser, weights)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := predict(&n, set), predict(f, before); !slices.Equal(got, want) || slices.Equal(got, plain) {
		t.Errorf("normalised by the model %v, before it %v, not at all %v", got[0], want[0], plain[0])
	}
	truth := *f
	truth.Methods = []string{api.MethodTruth, ""}
	if _, err := NewClassifier(d, &truth, classes, weights); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("the real stain of any image: %v", err)
	}
}

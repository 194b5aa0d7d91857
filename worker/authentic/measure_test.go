package authentic

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"slices"
	"testing"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/model/nn"
	"g2c/model/results"
	"g2c/worker/infer"
	"g2c/worker/train"
)

const side = 64

func task() *api.Finetune {
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
	all := append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...)
	values := nn.Initial(all, 1, nn.NetClassifier)
	var tensors []safetensors.Tensor
	for _, p := range all {
		file := make([]float32, p.Shape.Len())
		nn.Export(file, values[p.Name], p.Shape)
		tensors = append(tensors, safetensors.Float32(p.Name, nn.ExportShape(p.Shape), file))
	}
	return encoded(t, tensors)
}

func encoded(t *testing.T, tensors []safetensors.Tensor) *safetensors.File {
	t.Helper()
	body, err := safetensors.Encode(tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// alone is a generator of a model in a file of its own, all weights times a factor.
func alone(t *testing.T, model *safetensors.File, i int, times float32) *safetensors.File {
	t.Helper()
	prefix := g2c.GeneratorNet(i) + "."
	var out []safetensors.Tensor
	for _, tensor := range model.Tensors {
		if len(tensor.Name) > len(prefix) && tensor.Name[:len(prefix)] == prefix {
			v, err := tensor.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			scaled := make([]float32, len(v))
			for k := range v {
				scaled[k] = v[k] * times
			}
			out = append(out, safetensors.Float32(tensor.Name[len(prefix):], tensor.Shape, scaled))
		}
	}
	return encoded(t, out)
}

func device(t *testing.T, threads int) kernels.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{Threads: threads})
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

// images are n images of a side, each pixel of which a function gives.
func images(n, side int, value func(image, place int) uint8) *dataset.Set {
	var list []dataset.Image
	var pixels [][]uint8
	for i := range n {
		p := make([]uint8, side*side*3)
		for j := range p {
			p[j] = value(i, j)
		}
		list, pixels = append(list, dataset.Image{Name: string(rune('a' + i)), Split: dataset.Test}), append(pixels, p)
	}
	return dataset.New(side, list, pixels)
}

func textured(i, j int) uint8 { return uint8((j*(2*i+3))>>3 ^ i*40) }

// features remembers what it was asked.
type features struct{ generated, real int }

func (f *features) KID(_ context.Context, generated, real []uint8, size int) (float64, float64, error) {
	f.generated, f.real = len(generated)/(3*size*size), len(real)/(3*size*size)
	return 0.5, 0.125, nil
}

// input is a model whose first generator stood still and whose second one was half as large.
func input(t *testing.T) Input {
	t.Helper()
	f := task()
	model := drawn(t, f)
	return Input{
		Task: f, Weights: model, Images: images(5, side, textured), Of: results.OfTest,
		Branches: []Branch{
			{Number: 0, Key: api.Key{1}, Pretrained: alone(t, model, 0, 1), Backward: alone(t, model, 1, 1), Target: images(3, side+6, func(_, _ int) uint8 { return 51 })},
			{Number: 1, Key: api.Key{2}, Pretrained: alone(t, model, 1, 0.5)},
		},
	}
}

// A generator that stood still has drifted by nothing, exactly, and looks as it did; one that
// did not has, and what is not known of it is not there.
func TestStoodStill(t *testing.T) {
	in, asked := input(t), &features{}
	in.Features = asked
	got, shown, err := Measure(t.Context(), device(t, 1), in)
	if err != nil {
		t.Fatal(err)
	}
	if got.Images != 5 || got.Of != results.OfTest || len(got.Generators) != 2 || len(shown.Names) != MaxShown || shown.Names[1] != "b" || shown.Size != side {
		t.Fatalf("%+v, images %v", got, shown.Names)
	}
	still, moved := got.Generators[0], got.Generators[1]
	if d := still.Drift; d.Weights != 0 || d.Images != 0 || d.SSIM != 1 || !d.Still() || still.Pretrained != (api.Key{1}).String() {
		t.Errorf("a generator that stood still: %+v", still)
	}
	before, after := text(t, still.Before), text(t, still.After)
	if before != after || still.Before.CycleL1 == nil || !(*still.Before.CycleL1 > 0) || *still.Before.KID != 0.5 || *still.After.KIDSE != 0.125 {
		t.Errorf("before %s, after %s", before, after)
	}
	if asked.generated != 5 || asked.real != 3 {
		t.Errorf("features of %+v", asked)
	}
	if !slices.Equal(shown.Stains[0].Before, shown.Stains[0].After) || len(shown.Source) != MaxShown*3*side*side || shown.Stains[0].Truth != nil {
		t.Error("images of a generator that stood still differ, or are too few")
	}
	// ‖w − w/2‖ / ‖w/2‖ = 1
	if d := moved.Drift; !(math.Abs(float64(d.Weights)-1) < 1e-6) || !(d.Images > 0) || !(d.SSIM < 1) || d.Still() {
		t.Errorf("a generator twice as large: %+v", d)
	}
	if moved.Before.CycleL1 != nil || moved.Before.KID != nil || moved.Before.SSIM != nil || moved.Before.ColourDistance.Defined() || moved.RealCheckering.Defined() {
		t.Errorf("known of nothing: %+v", moved)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The numbers are those of the images, by the formulas: held against what the generator makes
// itself, and real images of one colour.
func TestNumbersAreThoseOfTheImages(t *testing.T) {
	in, d := input(t), device(t, 2)
	made := translated(t, d, in, in.Branches[0].Pretrained, in.Images)
	in.Truth = func(string) (*dataset.Set, error) { return made, nil }
	got, shown, err := Measure(t.Context(), d, in)
	if err != nil {
		t.Fatal(err)
	}
	g := got.Generators[0]
	if *g.Before.SSIM != 1 || g.Before.PSNR == nil || !math.IsInf(float64(*g.Before.PSNR), 1) || !slices.Equal(shown.Stains[0].Truth, shown.Stains[0].Before) {
		t.Errorf("against itself: %+v", g.Before)
	}
	back := translated(t, d, in, in.Branches[0].Backward, made)
	var colour [3]float64
	l1, energy := 0.0, 0.0
	for i := range made.Len() {
		x, y, z := floats(t, in.Images, i), floats(t, made, i), floats(t, back, i)
		c := metrics.MeanColour(y)
		for k := range colour {
			colour[k] += c[k] / 5
		}
		l1 += metrics.MeanAbs(z, x) / 5
		energy += metrics.CheckerEnergy(y, side, side) / 5
	}
	near := func(what string, got metrics.Number, want float64) {
		if !(math.Abs(float64(got)-want) < 1e-12) {
			t.Errorf("%s %v, want %v", what, got, want)
		}
	}
	near("cycle L1", *g.Before.CycleL1, l1)
	near("colour distance", g.Before.ColourDistance, metrics.ColourDistance(colour, [3]float64{0.2, 0.2, 0.2}))
	near("checkering", g.Before.Checkering, math.Sqrt(energy))
	near("checkering of one colour", g.RealCheckering, 0)
}

// translated is what a generator makes of a set.
func translated(t *testing.T, d kernels.Device, in Input, w *safetensors.File, set *dataset.Set) *dataset.Set {
	t.Helper()
	g, err := infer.NewTranslator(d, infer.Generator{Shape: *in.Task.Generator, Size: side}, w)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var list []dataset.Image
	var pixels [][]uint8
	if err := g.Translate(t.Context(), func(_, i int, p []uint8) error {
		list, pixels = append(list, set.Image(i)), append(pixels, slices.Clone(p))
		return nil
	}, set); err != nil {
		t.Fatal(err)
	}
	return dataset.New(side, list, pixels)
}

func floats(t *testing.T, set *dataset.Set, i int) []float32 {
	t.Helper()
	p, err := set.Pixels(i)
	if err != nil {
		t.Fatal(err)
	}
	return train.FromBytes(p)
}

// No bit depends on threads.
func TestBitsDoNotDependOnThreads(t *testing.T) {
	in := input(t)
	one, imagesOfOne, err := Measure(t.Context(), device(t, 1), in)
	if err != nil {
		t.Fatal(err)
	}
	two, imagesOfTwo, err := Measure(t.Context(), device(t, 2), in)
	if err != nil {
		t.Fatal(err)
	}
	if text(t, one) != text(t, two) || text(t, imagesOfOne) != text(t, imagesOfTwo) {
		t.Error("one thread and two give different bits")
	}
}

// The images are at equal distances, from the first on.
func TestSpread(t *testing.T) {
	set := images(10, 16, func(i, _ int) uint8 { return uint8(i) })
	var got []string
	for _, part := range []*dataset.Set{Spread(set, 4), Spread(set, 10), Spread(set, 99)} {
		names := ""
		for i := range part.Len() {
			names += part.Image(i).Name
		}
		got = append(got, names)
	}
	if want := []string{"acfh", "abcdefghij", "abcdefghij"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

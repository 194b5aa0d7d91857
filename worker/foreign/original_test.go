package foreign

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/drawn"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/graph"
	"g2c/worker/train"
)

// publishedLayout is a generator of the original CycleGAN as its authors publish it, with
// biases everywhere; values are those of bench/peers/goldens.py.
func publishedLayout(width, blocks int) []safetensors.Tensor {
	shapes := map[string][]int{}
	conv := func(layer string, in, out, side, channels int) {
		shapes[layer+".weight"], shapes[layer+".bias"] = []int{in, out, side, side}, []int{channels}
	}
	w, up := width, 10+blocks
	conv("model.1", w, 3, 7, w)
	conv("model.4", 2*w, w, 3, 2*w)
	conv("model.7", 4*w, 2*w, 3, 4*w)
	for b := range blocks {
		conv(fmt.Sprintf("model.%d.conv_block.1", 10+b), 4*w, 4*w, 3, 4*w)
		conv(fmt.Sprintf("model.%d.conv_block.5", 10+b), 4*w, 4*w, 3, 4*w)
	}
	conv(fmt.Sprintf("model.%d", up), 4*w, 2*w, 3, 2*w)
	conv(fmt.Sprintf("model.%d", up+3), 2*w, w, 3, w)
	conv(fmt.Sprintf("model.%d", up+7), 3, w, 7, 3)
	var out []safetensors.Tensor
	for i, name := range slices.Sorted(maps.Keys(shapes)) {
		shape, n, scale := shapes[name], 1, 1.0/8
		for _, d := range shape {
			n *= d
		}
		if len(shape) > 1 {
			scale = 1
			for f := 1; f < n/shape[0]; f *= 4 { // 2^-ceil(log2(fan)/2)
				scale /= 2
			}
		}
		v := make([]float32, n)
		for j, x := range drawn.Numbers(1000+i, n) {
			v[j] = float32(scale * x)
		}
		out = append(out, safetensors.Float32(name, shape, v))
	}
	return out
}

// translated are images of 16×16 pixels through a model's generator.
func translated(t *testing.T, d kernels.Device, m *Model, images []uint8) []float32 {
	t.Helper()
	const side = 16
	n := len(images) / side / side / 3
	tr, err := cyclegan.NewTranslator(cyclegan.TranslatorConfig{Size: side, Batch: n, Generator: train.GeneratorConfig(m.Task.Pretrain.Generator)})
	if err != nil {
		t.Fatal(err)
	}
	state, err := kernels.Open(d, tr.State, 0, tr.Input, tr.Translate)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	err = train.PutWeights(state, tr.Catalog.Params, decode(t, m), func(name string) string { return strings.TrimPrefix(name, cyclegan.GAB+".") })
	if err == nil {
		err = state.PutF32(graph.Seed, []float32{1})
	}
	if err == nil {
		err = state.PutU8(cyclegan.PixelsA, images)
	}
	for _, p := range []*kernels.Program{tr.Input, tr.Translate} {
		if err != nil {
			t.Fatal(err)
		}
		e, failed := d.Load(p, state)
		if failed != nil {
			t.Fatal(failed)
		}
		err = e.Run()
		if closed := e.Close(); err == nil {
			err = closed
		}
	}
	out := make([]float32, len(images))
	if err == nil {
		err = state.GetF32(cyclegan.FakeB, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Published weights of 6 and 9 blocks translate 20 images as PyTorch does in float64: to
// 1e-5 on the CPU in float32, and to the rounding of the file on the reference.
func TestPublishedGeneratorsTranslateAsPyTorch(t *testing.T) {
	const n, side = 20, 16
	drawn, images := drawn.Numbers(900000, n*3*side*side), make([]uint8, n*side*side*3)
	for i, x := range drawn {
		image, channel, pixel := i/(3*side*side), i/(side*side)%3, i%(side*side)
		images[(image*side*side+pixel)*3+channel] = uint8(math.Floor((x + 1) * 128))
	}
	fast, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fast.Close()
	for _, blocks := range []int{6, 9} {
		m, err := Convert(publishedLayout(8, blocks), options("HE"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := m.Task.Pretrain.Generator, (api.Generator{Width: 8, Blocks: blocks, Up: api.UpK3}); got != want {
			t.Fatalf("read %+v, want %+v", got, want)
		}
		want := golden(t, fmt.Sprintf("testdata/original-%d.safetensors", blocks))
		for _, c := range []struct {
			device    kernels.Device
			tolerance float64
		}{{fast, 1e-5}, {ref.New(), 1e-7}} {
			worst := 0.0
			for i, y := range translated(t, c.device, m, images) {
				image, channel, pixel := i/(3*side*side), i%3, i/3%(side*side)
				d := math.Abs(float64(y) - float64(want[(image*3+channel)*side*side+pixel]))
				if !(d <= c.tolerance) {
					t.Fatalf("%d blocks on %s: value %d of image %d is off by %g", blocks, c.device.Class(), i%(side*side*3), image, d)
				}
				worst = math.Max(worst, d)
			}
			t.Logf("%d blocks on %s: within %.2g", blocks, c.device.Class(), worst)
		}
	}
}

func golden(t *testing.T, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	y, _ := f.Tensor("y")
	v, err := y.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is exported under the original's names is what came in, but for the biases that
// change nothing; imported again it is the same model.
func TestOriginalsThereAndBack(t *testing.T) {
	for _, blocks := range []int{1, 9} {
		in := publishedLayout(4, blocks)
		m, err := Convert(in, options("HE"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := Original(decode(t, m), "", m.Task.Pretrain.Generator)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != len(in) {
			t.Fatalf("%d tensors came back, of %d", len(out), len(in))
		}
		tail := fmt.Sprintf("model.%d.bias", 17+blocks)
		for i, x := range out {
			same := bytes.Equal(x.Data, in[i].Data)
			zero := bytes.Equal(x.Data, make([]byte, len(x.Data)))
			bias := strings.HasSuffix(x.Name, ".bias") && x.Name != tail
			if x.Name != in[i].Name || !slices.Equal(x.Shape, in[i].Shape) || bias && !zero || !bias && !same {
				t.Errorf("%s %v came back as %s %v", in[i].Name, in[i].Shape, x.Name, x.Shape)
			}
		}
		again, err := Convert(out, options("HE"))
		if err != nil || again.Task.Key() != m.Task.Key() {
			t.Errorf("imported again: %v, key %v, want %v", err, again.Task.Key(), m.Task.Key())
		}
	}
}

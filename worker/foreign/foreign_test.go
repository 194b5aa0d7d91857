package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/worker/train"
)

func options(stains ...string) Options {
	return Options{Source: "PAS", Stains: stains, Size: 64, Numerics: api.ClassCPU, PositiveName: "s", NegativeName: "noa"}
}

// numbers is a tensor whose values tell it from every other.
func numbers(name string, shape ...int) safetensors.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(len(name)) + float32(i)/1024
	}
	return safetensors.Float32(name, shape, v)
}

// original is a generator of the original CycleGAN with 4×4 transposed
// convolutions: width 4, two blocks, with the biases that it has.
func original(second int) []safetensors.Tensor {
	ts := []safetensors.Tensor{
		numbers("model.1.weight", 4, 3, 7, 7), numbers("model.1.bias", 4),
		numbers("model.4.weight", 8, 4, 3, 3), numbers("model.4.bias", 8),
		numbers("model.7.weight", 16, 8, 3, 3), numbers("model.7.bias", 16),
		numbers("model.12.weight", 16, 8, 4, 4), numbers("model.12.bias", 8),
		numbers("model.15.weight", 8, 4, 4, 4), numbers("model.15.bias", 4),
		numbers("model.19.weight", 3, 4, 7, 7), numbers("model.19.bias", 3),
	}
	for b := 10; b < 12; b++ {
		for _, c := range []int{1, second} {
			ts = append(ts, numbers(fmt.Sprintf("model.%d.conv_block.%d.weight", b, c), 16, 16, 3, 3), numbers(fmt.Sprintf("model.%d.conv_block.%d.bias", b, c), 16))
		}
	}
	return ts
}

func decode(t *testing.T, m *Model) *safetensors.File {
	t.Helper()
	var out bytes.Buffer
	if _, err := m.Weights.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The original's layers find their places, with dropout in the blocks or without,
// and under DataParallel's prefix.
func TestOriginalCycleGAN(t *testing.T) {
	for _, second := range []int{5, 6} {
		tensors := original(second)
		for i := range tensors {
			tensors[i].Name = "module." + tensors[i].Name
		}
		m, err := Convert(tensors, options("HE"))
		if err != nil {
			t.Fatal(err)
		}
		p := m.Task.Pretrain
		if p.Generator != (api.Generator{Width: 4, Blocks: 2, Up: api.UpK4}) || p.Stain != "HE" {
			t.Errorf("task %+v", p)
		}
		if len(m.Notices) != 2 || m.Notices[0] != "the prefix module. was taken off the names" || !strings.HasPrefix(m.Notices[1], "9 biases") {
			t.Errorf("notices %q", m.Notices)
		}
		f := decode(t, m)
		for ours, theirs := range map[string]string{
			"head.weight": "model.1.weight", "down.1.weight": "model.7.weight", "up.0.weight": "model.12.weight", "tail.bias": "model.19.bias",
			"blocks.1.conv2.weight": fmt.Sprintf("model.11.conv_block.%d.weight", second),
		} {
			got, ok := f.Tensor(ours)
			i := slices.IndexFunc(tensors, func(t safetensors.Tensor) bool { return t.Name == "module."+theirs })
			if !ok || !bytes.Equal(got.Data, tensors[i].Data) {
				t.Errorf("%s does not hold %s", ours, theirs)
			}
		}
	}
}

func TestGeneratorErrors(t *testing.T) {
	replace := func(name string, shape ...int) []safetensors.Tensor {
		ts := slices.DeleteFunc(original(5), func(t safetensors.Tensor) bool { return t.Name == name })
		if shape != nil {
			ts = append(ts, numbers(name, shape...))
		}
		return ts
	}
	for _, c := range []struct {
		name    string
		tensors []safetensors.Tensor
		stains  []string
		class   error
		says    []string
	}{
		{"two ways up", replace("model.12.weight", 16, 8, 3, 3), []string{"HE"}, fault.ErrData, []string{"model.15.weight", "[8 4 4 4]", "[8 4 3 3]"}},
		{"a convolution up", replace("model.12.weight", 8, 16, 3, 3), []string{"HE"}, fault.ErrData, []string{"model.12.weight", "[8 16 3 3]", "[16 8 3 3]"}},
		{"missing", replace("model.4.weight"), []string{"HE"}, fault.ErrData, []string{"model.4.weight", "[8 4 3 3]"}},
		{"learnt norm", append(original(5), numbers("model.2.weight", 4)), []string{"HE"}, fault.ErrData, []string{"model.2.weight", "[4]"}},
		{"unknown", []safetensors.Tensor{numbers("fc.weight", 2, 2)}, []string{"HE"}, fault.ErrData, []string{"fc.weight"}},
		{"nothing", nil, []string{"HE"}, fault.ErrData, []string{"no weights"}},
		{"integers", []safetensors.Tensor{safetensors.Int64("head.weight", []int{1}, []int64{1})}, []string{"HE"}, fault.ErrData, []string{"head.weight", "I64"}},
		{"no block", []safetensors.Tensor{numbers("head.weight", 4, 3, 7, 7)}, []string{"HE"}, fault.ErrData, []string{"0 residual blocks"}},
		{"no stain", original(5), nil, fault.ErrSpec, []string{"--stain"}},
		{"source as stain", original(5), []string{"PAS"}, fault.ErrSpec, []string{"PAS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Convert(c.tensors, options(c.stains...))
			if !errors.Is(err, c.class) {
				t.Fatalf("%v, want %v", err, c.class)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

// jointTensors is a state dict of a joint model of ours.
func jointTensors(t *testing.T, f *api.Finetune) []safetensors.Tensor {
	t.Helper()
	m, err := g2c.NewInference(train.ModelConfig(f))
	if err != nil {
		t.Fatal(err)
	}
	var ts []safetensors.Tensor
	for _, p := range append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...) {
		ts = append(ts, numbers(p.Name, nn.ExportShape(p.Shape)...))
	}
	return append(ts, safetensors.Int64("classifier.stem.conv1.bn.num_batches_tracked", []int{}, []int64{3}))
}

// Every shape of the classifier is read off the tensors.
func TestJointModels(t *testing.T) {
	generator := &api.Generator{Width: 4, Blocks: 2, Up: api.UpK4}
	for _, f := range []*api.Finetune{
		{Stains: []string{}, Classifier: api.Classifier{Width: 8, Units: 1, Hidden: 4, Attention: true, Stem: api.StemInceptionV4, Shared: true}},
		{Stains: []string{"HE", "PASM"}, Generator: generator, Classifier: api.Classifier{Width: 8, Units: 2, Hidden: 6, Attention: true, Stem: api.StemConv7, Shared: true}},
		{Stains: []string{"HE"}, Generator: generator, Classifier: api.Classifier{Width: 4, Units: 1, Hidden: 1, Stem: api.StemInceptionV4}},
	} {
		f.Size, f.Batch, f.Shards = 64, 1, 1
		tensors := jointTensors(t, f)
		m, err := Convert(tensors, options(f.Stains...))
		if err != nil {
			t.Fatal(err)
		}
		got := m.Task.Finetune
		if got.Classifier != f.Classifier || (got.Generator == nil) != (f.Generator == nil) || (got.Generator != nil && *got.Generator != *f.Generator) {
			t.Errorf("read %+v %+v, want %+v %+v", got.Classifier, got.Generator, f.Classifier, f.Generator)
		}
		if n := len(decode(t, m).Tensors); n != len(tensors)-1 || len(m.Notices) != 0 {
			t.Errorf("%d tensors of %d, notices %q", n, len(tensors)-1, m.Notices)
		}
		// A bias before a batch norm shifts what its running mean was taken of.
		_, err = Convert(append(tensors, numbers("classifier.blocks.0.conv1.conv.bias", f.Classifier.Width)), options(f.Stains...))
		if f.Classifier.Shared && (!errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "conv.bias")) {
			t.Errorf("a bias before a batch norm: %v", err)
		}
		if _, err := Convert(tensors, options(append(f.Stains, "X")...)); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("a stain too many: %v", err)
		}
	}
}

func TestStainsMustBeSorted(t *testing.T) {
	f := &api.Finetune{
		Stains: []string{"HE", "PASM"}, View: api.View{Size: 64}, Tuning: api.Tuning{Batch: 1, Shards: 1},
		Generator:  &api.Generator{Width: 4, Blocks: 1, Up: api.UpK4},
		Classifier: api.Classifier{Width: 4, Units: 1, Hidden: 1, Stem: api.StemConv7, Shared: true},
	}
	if _, err := Convert(jointTensors(t, f), options("PASM", "HE")); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("%v, want an error", err)
	}
}

// Weights tell two imported models apart, and nothing else does.
func TestKeysFollowWeights(t *testing.T) {
	convert := func(change float32) api.Key {
		ts := original(5)
		v, err := ts[0].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		v[0] += change
		m, err := Convert(ts, options("HE"))
		if err != nil {
			t.Fatal(err)
		}
		return m.Task.Key()
	}
	if convert(0) != convert(0) || convert(0) == convert(1) {
		t.Error("keys do not follow the weights")
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: 1.0 / (1 << 24), 0x8001: -1.0 / (1 << 24), 0x03ff: 1023.0 / (1 << 24), 0x7c00: float32(math.Inf(1))} {
		if got := half(h); got != want {
			t.Errorf("half %#04x is %v, want %v", h, got, want)
		}
	}
	if v := half(0x7e00); v == v {
		t.Errorf("half 0x7e00 is %v, want NaN", v)
	}
	if v := half(0x8000); v != 0 || !math.Signbit(float64(v)) {
		t.Errorf("half 0x8000 is %v, want -0", v)
	}
}

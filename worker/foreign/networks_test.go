package foreign

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
)

// twinOf is a generator with our names, of width 4 and one block, whose weights begin
// with a number of its own.
func twinOf(prefix string, own float32) []safetensors.Tensor {
	ts := []safetensors.Tensor{
		numbers("head.weight", 4, 3, 7, 7), numbers("down.0.weight", 8, 4, 3, 3), numbers("down.1.weight", 16, 8, 3, 3),
		numbers("blocks.0.conv1.weight", 16, 16, 3, 3), numbers("blocks.0.conv2.weight", 16, 16, 3, 3),
		numbers("up.0.weight", 16, 8, 4, 4), numbers("up.1.weight", 8, 4, 4, 4), numbers("tail.weight", 3, 4, 7, 7), numbers("tail.bias", 3),
	}
	for i := range ts {
		v, _ := ts[i].Float32s() // they are float32
		v[0] = own
		ts[i] = safetensors.Float32(prefix+ts[i].Name, ts[i].Shape, v)
	}
	return ts
}

// own is the number that a model's weights begin with.
func own(t *testing.T, m *Model) float32 {
	t.Helper()
	for _, x := range decode(t, m).Tensors {
		if x.Name == "head.weight" {
			v, err := x.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			return v[0]
		}
	}
	t.Fatal("the model has no head.weight")
	return 0
}

// Networks are found under any prefix, and one of several by its name.
func TestNetworks(t *testing.T) {
	both := append(twinOf("netG_A2B.module.", 1), twinOf("netG_B2A.module.", 2)...)
	critic := safetensors.Float32("state_dict.discriminator.model.0.weight", []int{2, 3, 4, 4}, make([]float32, 96))
	averages := append(twinOf("params.", 1), twinOf("params_ema.", 2)...)
	cycle := append(twinOf("nets.G_AB.", 1), twinOf("nets.G_BA.", 2)...)
	set := func(change func(o *Options)) Options {
		o := options("HE")
		change(&o)
		return o
	}
	plain := set(func(*Options) {})
	for _, c := range []struct {
		name    string
		tensors []safetensors.Tensor
		o       Options
		want    float32 // own number; 0 for an error
		says    []string
	}{
		{"no prefix", twinOf("", 1), plain, 1, nil},
		{"compiled", twinOf("_orig_mod.", 1), plain, 1, []string{"_orig_mod."}},
		{"compiled within", twinOf("module._orig_mod.", 1), plain, 1, []string{"_orig_mod.", "module."}},
		{"Lightning", append(twinOf("state_dict.generator.", 1), critic), plain, 1, []string{"prefix state_dict.generator.", "1 tensors beside it were left out: state_dict"}},
		{"two", both, plain, 0, []string{"2 networks: netG_A2B, netG_B2A", "--select"}},
		{"the second", both, set(func(o *Options) { o.Select = "netG_B2A" }), 2, []string{"netG_A2B"}},
		{"by its end", both, set(func(o *Options) { o.Select = "nope" }), 0, []string{"no network nope", "netG_A2B, netG_B2A"}},
		{"by a part of the path", cycle, set(func(o *Options) { o.Select = "G_BA" }), 2, nil},
		{"a CycleGAN", cycle, plain, 1, []string{"nets"}},
		{"weights and averages", averages, plain, 1, []string{"params_ema", "--ema"}},
		{"averages", averages, set(func(o *Options) { o.EMA = true }), 2, nil},
		{"no averages", both, set(func(o *Options) { o.EMA = true }), 0, []string{"no network's name", "netG_A2B"}},
		{"an average within", append(twinOf("", 1), twinOf("ema.", 2)...), plain, 1, []string{"9 tensors beside it were left out: ema"}},
		{"the average within", append(twinOf("", 1), twinOf("ema.", 2)...), set(func(o *Options) { o.EMA = true }), 2, nil},
		{"averages alone", twinOf("ema_model.", 3), plain, 3, nil},
		{"the same twice", append(twinOf("best.", 1), twinOf("last.", 1)...), plain, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Convert(c.tensors, c.o)
			said := fmt.Sprint(err)
			switch {
			case c.want == 0 && !errors.Is(err, fault.ErrSpec):
				t.Fatalf("%v, want an error of the spec", err)
			case c.want != 0 && err != nil:
				t.Fatal(err)
			case c.want != 0:
				said = strings.Join(m.Notices, "\n")
				if got := own(t, m); got != c.want {
					t.Errorf("took the network of %v, want %v", got, c.want)
				}
			}
			for _, s := range c.says {
				if !strings.Contains(said, s) {
					t.Errorf("%q does not say %q", said, s)
				}
			}
		})
	}
}

// Numbers that are not finite are refused with the tensor's name, also where half
// precision or float64 hold them; those of a network that is not taken do not matter.
func TestNotFinite(t *testing.T) {
	bad := func(prefix string, x safetensors.Tensor) []safetensors.Tensor {
		ts := slices.DeleteFunc(twinOf(prefix, 1), func(t safetensors.Tensor) bool { return t.Name == prefix+"tail.bias" })
		x.Name = prefix + "tail.bias"
		return append(ts, x)
	}
	for _, x := range []safetensors.Tensor{
		safetensors.Float32("", []int{3}, []float32{0, float32(math.NaN()), 0}),
		safetensors.Float64("", []int{3}, []float64{0, 0, 1e300}),
		{DType: safetensors.F16, Shape: []int{3}, Data: []byte{0, 0x7c, 0, 0, 0, 0}},
	} {
		if _, err := Convert(bad("", x), options("HE")); !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "tail.bias") {
			t.Errorf("%s: %v, want an error that names the tensor", x.DType, err)
		}
		o := options("HE")
		o.Select = "good"
		if _, err := Convert(append(bad("bad.", x), twinOf("good.", 2)...), o); err != nil {
			t.Error(err)
		}
	}
}

// What surrounds the original's convolutions: running statistics, and norms whose weights
// are all 1 and biases all 0, say nothing; those that were learnt are refused in words.
func TestNormsOfTheOriginal(t *testing.T) {
	constant := func(name string, n int, v float32) safetensors.Tensor {
		return safetensors.Float32(name, []int{n}, slices.Repeat([]float32{v}, n))
	}
	statistics := []safetensors.Tensor{
		numbers("model.2.running_mean", 4), numbers("model.2.running_var", 4), safetensors.Int64("model.2.num_batches_tracked", []int{}, []int64{7}),
		numbers("model.10.conv_block.2.running_mean", 16), numbers("model.10.conv_block.2.running_var", 16),
	}
	neutral := []safetensors.Tensor{
		constant("model.2.weight", 4, 1), constant("model.2.bias", 4, 0), constant("model.13.weight", 8, 1), constant("model.13.bias", 8, 0),
		constant("model.10.conv_block.2.weight", 16, 1), constant("model.10.conv_block.2.bias", 16, 0),
	}
	m, err := Convert(slices.Concat(original(5), statistics, neutral), options("HE"))
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(m.Notices, "\n")
	for _, s := range []string{"9 biases", "4 running statistics", "6 weights and biases of instance norms"} {
		if !strings.Contains(said, s) {
			t.Errorf("%q does not say %q", said, s)
		}
	}
	for _, learnt := range []safetensors.Tensor{constant("model.2.weight", 4, 1.5), constant("model.2.bias", 4, 0.5), constant("model.2.weight", 5, 1)} {
		_, err := Convert(append(original(5), learnt), options("HE"))
		if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), learnt.Name) || !strings.Contains(err.Error(), "affine") {
			t.Errorf("%s: %v", learnt.Name, err)
		}
	}
}

// Followers of the original call the list of layers, and the list in a block, otherwise.
func TestOtherNamesOfTheOriginal(t *testing.T) {
	for _, rename := range []*strings.Replacer{
		strings.NewReplacer("conv_block", "block"), strings.NewReplacer("model.", ""), strings.NewReplacer("model.", "netG.model."), strings.NewReplacer("model.", "net."),
	} {
		tensors := original(5)
		for i := range tensors {
			tensors[i].Name = rename.Replace(tensors[i].Name)
		}
		m, err := Convert(tensors, options("HE"))
		if err != nil {
			t.Fatal(err)
		}
		f, want := decode(t, m), original(5)
		for _, x := range f.Tensors {
			if x.Name == "up.0.weight" && !slices.Equal(x.Data, want[6].Data) {
				t.Errorf("%s: up.0 is not %s", tensors[6].Name, want[6].Name)
			}
		}
	}
}

// A package that many install (vintagify) names its blocks' list block, and its norms have
// weights: where these change nothing the generator is taken, else the first is named.
func TestNamesOfAFollower(t *testing.T) {
	follower := func(scale float32) []safetensors.Tensor {
		tensors := publishedLayout(4, 2)
		for i := range tensors {
			tensors[i].Name = strings.Replace(tensors[i].Name, "conv_block", "block", 1)
		}
		for norm, channels := range map[string]int{
			"model.2": 4, "model.5": 8, "model.8": 16, "model.10.block.2": 16, "model.10.block.6": 16, "model.11.block.2": 16, "model.11.block.6": 16,
			"model.13": 8, "model.16": 4,
		} {
			tensors = append(tensors,
				safetensors.Float32(norm+".weight", []int{channels}, slices.Repeat([]float32{scale}, channels)),
				safetensors.Float32(norm+".bias", []int{channels}, make([]float32, channels)))
		}
		return tensors
	}
	m, err := Convert(follower(1), options("HE"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Convert(publishedLayout(4, 2), options("HE"))
	if err != nil || m.Task.Key() != plain.Task.Key() {
		t.Errorf("the follower's generator is not the original's: %v", err)
	}
	_, err = Convert(follower(0.5), options("HE"))
	if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "tensor model.10.block.2.weight") || !strings.Contains(err.Error(), "affine=True") {
		t.Errorf("learnt norms: %v", err)
	}
}

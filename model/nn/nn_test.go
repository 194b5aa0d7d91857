package nn

import (
	"math"
	"slices"
	"testing"

	"g2c/kernels"
	"g2c/model/graph"
)

// declared builds a network and lists what it declares.
func declared(t *testing.T, define func(b *graph.Builder, c *Catalog)) *Catalog {
	t.Helper()
	c := &Catalog{}
	if _, err := graph.Build(1, func(b *graph.Builder) { define(b, c) }); err != nil {
		t.Fatal(err)
	}
	return c
}

func count(ps []Param) int {
	n := 0
	for _, p := range ps {
		n += p.Shape.Len()
	}
	return n
}

func image(b *graph.Builder, n, side int) *graph.Value {
	return b.Slot("x", kernels.Real(n, side, side, 3))
}

// The sizes that the reference works out for width 64, without the biases that a norm
// follows (640, and 512 a block), of both ways up and of the original with 9 blocks.
func TestGeneratorSize(t *testing.T) {
	for shape, want := range map[GeneratorConfig]int{
		{64, 6, false}: 8_120_707, {64, 6, true}: 7_837_699 - 640 - 6*512, {64, 9, true}: 11_378_179 - 640 - 9*512,
	} {
		c := declared(t, func(b *graph.Builder, c *Catalog) {
			y := Generator(NewScope(b, c, "G"), image(b, 1, 64), shape)
			if !y.Shape().Equal(kernels.Shape{1, 64, 64, 3}) {
				t.Errorf("output %v", y.Shape())
			}
		})
		if got := count(c.Params); got != want {
			t.Errorf("%+v: %d parameters, want %d", shape, got, want)
		}
	}
}

// PatchGAN, without the three biases that a norm follows.
func TestDiscriminatorSize(t *testing.T) {
	c := declared(t, func(b *graph.Builder, c *Catalog) {
		y := Discriminator(NewScope(b, c, "D"), image(b, 1, 256), 64)
		if !y.Shape().Equal(kernels.Shape{1, 30, 30, 1}) {
			t.Errorf("output %v", y.Shape())
		}
	})
	if got, want := count(c.Params), 2_764_737-128-256-512; got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}

func TestStemSizes(t *testing.T) {
	for side, want := range map[int]int{64: 5, 224: 25, 299: 35} {
		declared(t, func(b *graph.Builder, c *Catalog) {
			if y := Stem(NewScope(b, c, "S"), image(b, 1, side)); !y.Shape().Equal(kernels.Shape{1, want, want, 384}) {
				t.Errorf("%d gives %v", side, y.Shape())
			}
		})
	}
}

// Cross-stain attention adds 5.15 % of parameters with three generated stains.
func TestAttentionShare(t *testing.T) {
	size := func(attention bool) int {
		c := declared(t, func(b *graph.Builder, c *Catalog) {
			var branches []*graph.Value
			for range 4 {
				branches = append(branches, image(b, 2, 64))
			}
			s := NewScope(b, c, "C")
			Classifier(s, branches, ClassifierConfig{Width: 256, Units: 3, Hidden: 32, Attention: attention, Classes: 2})
		})
		return count(c.Params)
	}
	with, without := size(true), size(false)
	if share := 100 * float64(with-without) / float64(without); math.Abs(share-5.15) > 0.01 {
		t.Errorf("attention adds %.3f %%, want 5.15 %%", share)
	}
}

// Unshared branches have weights of their own, as many times as there are.
func TestUnsharedBranches(t *testing.T) {
	names := func(unshared bool) []Param {
		return declared(t, func(b *graph.Builder, c *Catalog) {
			xs := []*graph.Value{b.Slot("a", kernels.Real(2, 64, 64, 3)), b.Slot("b", kernels.Real(2, 64, 64, 3))}
			Classifier(NewScope(b, c, "C"), xs, ClassifierConfig{Width: 8, Units: 1, Hidden: 4, Attention: true, Unshared: unshared, Classes: 2})
		}).Params
	}
	shared, own := names(false), names(true)
	trunk := func(ps []Param) int {
		n := 0
		for _, p := range ps {
			if len(p.Shape) == 4 {
				n += p.Shape.Len()
			}
		}
		return n
	}
	if trunk(own) != 2*trunk(shared) {
		t.Errorf("%d weights of convolutions, want twice %d", trunk(own), trunk(shared))
	}
}

func TestLayoutsRoundTrip(t *testing.T) {
	shape := kernels.Shape{2, 3, 4, 5}
	ours := make([]int, shape.Len())
	for i := range ours {
		ours[i] = i
	}
	file, back := make([]int, len(ours)), make([]int, len(ours))
	Export(file, ours, shape)
	Import(back, file, shape)
	if !slices.Equal(ours, back) {
		t.Error("export and import differ")
	}
	// [k=1, c=2, r=0, s=3] of the file is [k=1, r=0, s=3, c=2] of ours.
	if got, want := file[((1*5+2)*3+0)*4+3], ((1*3+0)*4+3)*5+2; got != want {
		t.Errorf("file has %d, want %d", got, want)
	}
	if got := ExportShape(shape); !slices.Equal(got, []int{2, 5, 3, 4}) {
		t.Errorf("shape %v", got)
	}
}

func TestInitialWeights(t *testing.T) {
	params := []Param{
		{Net: "N", Name: "N.b", Shape: kernels.Shape{8, 3, 3, 64}, Init: Normal},
		{Net: "N", Name: "N.a", Shape: kernels.Shape{64, 100}, Init: FanIn, Fan: 100},
		{Net: "N", Name: "N.c", Shape: kernels.Shape{5}, Init: Ones},
		{Net: "N", Name: "N.d", Shape: kernels.Shape{5}, Init: Zeros},
	}
	v := Initial(params, 1, 0)
	mean, square := 0.0, 0.0
	for _, x := range v["N.b"] {
		mean += float64(x)
		square += float64(x) * float64(x)
	}
	n := float64(len(v["N.b"]))
	if std := math.Sqrt(square / n); math.Abs(mean/n) > 0.001 || math.Abs(std-NormalStd) > 0.001 {
		t.Errorf("mean %g, deviation %g", mean/n, std)
	}
	if low, high := slices.Min(v["N.a"]), slices.Max(v["N.a"]); low < -0.1 || high > 0.1 || low > -0.099 || high < 0.099 {
		t.Errorf("uniform from %g to %g, want ±0.1", low, high)
	}
	if v["N.c"][4] != 1 || v["N.d"][4] != 0 {
		t.Error("constants")
	}
	slices.Reverse(params)
	again := Initial(params, 1, 0)
	for name := range v {
		if !slices.Equal(v[name], again[name]) {
			t.Errorf("%s depends on the order of declaration", name)
		}
	}
	if slices.Equal(v["N.b"], Initial(params, 1, 1)["N.b"]) || slices.Equal(v["N.b"], Initial(params, 2, 0)["N.b"]) {
		t.Error("net number or seed do not matter")
	}
}

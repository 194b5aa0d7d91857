package philox

import (
	"math"
	"slices"
	"testing"
)

// TestKnownAnswers are the vectors of Random123's kat_vectors.
func TestKnownAnswers(t *testing.T) {
	const all = 0xffffffff
	for _, c := range []struct {
		seed    uint32
		purpose Purpose
		counter [4]uint32
		want    [4]uint32
	}{
		{0, 0, [4]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{all, all, [4]uint32{all, all, all, all}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0xa4093822, 0x299f31d0, [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Words(c.seed, c.purpose, c.counter); got != c.want {
			t.Errorf("Words(%x, %x, %x) = %x, want %x", c.seed, c.purpose, c.counter, got, c.want)
		}
	}
}

func TestUniformEnds(t *testing.T) {
	for x, want := range map[uint32]float32{0: 0, 0xff: 0, 0x100: 0x1p-24, 0x80000000: 0.5, 0xffffffff: 1 - 0x1p-24} {
		if got := Uniform(x); got != want {
			t.Errorf("Uniform(%x) = %v, want %v", x, got, want)
		}
	}
}

func TestBelow(t *testing.T) {
	if Below(0, 7) != 0 || Below(0xffffffff, 7) != 6 || Below(0xffffffff, 1) != 0 || Below(0x80000000, 4) != 2 {
		t.Error("Below leaves its range")
	}
}

func TestNormals(t *testing.T) {
	// Extremes of the uniforms: no infinity, no NaN.
	if got, want := Normals([4]uint32{0, 0, 0xffffffff, 0}), [4]float32{0, 0, float32(math.Sqrt(48 * math.Ln2)), 0}; got != want {
		t.Errorf("extreme words give %v, want %v", got, want)
	}
	// An angle of a quarter turn puts everything in the sine.
	if got := Normals([4]uint32{0x80000000, 0x40000000, 0, 0}); !(math.Abs(float64(got[0])) < 1e-15) || !(math.Abs(float64(got[1])-math.Sqrt(2*math.Ln2)) < 1e-6) {
		t.Errorf("quarter turn gives %v", got)
	}
	var sum, square, fourth float64
	const n = 4 << 14
	for i := range n / 4 {
		for _, x := range Normals(Words(5, Weights, [4]uint32{uint32(i), 3, 1, 0})) {
			sum += float64(x)
			square += float64(x) * float64(x)
			fourth += float64(x) * float64(x) * float64(x) * float64(x)
		}
	}
	if m, v, k := sum/n, square/n, fourth/n; !(math.Abs(m) < 0.02 && math.Abs(v-1) < 0.03 && math.Abs(k-3) < 0.2) {
		t.Errorf("mean %.4f, variance %.4f, fourth moment %.4f; want 0, 1, 3", m, v, k)
	}
}

// TestNormalsGolden holds the bits of the host's normals.
func TestNormalsGolden(t *testing.T) {
	want := [4]uint32{0x3eef4416, 0xbdcc0868, 0xbf9f0a02, 0x3f67afbf}
	for i, x := range Normals(Words(1, Weights, [4]uint32{2, 3, 4, 0})) {
		if got := math.Float32bits(x); got != want[i] {
			t.Errorf("sample %d has bits %#x, want %#x", i, got, want[i])
		}
	}
}

func TestShuffle(t *testing.T) {
	if got, want := Shuffle(1, OrderA, 0, 10), []int32{8, 1, 2, 3, 6, 0, 4, 5, 9, 7}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if len(Shuffle(1, OrderA, 0, 0)) != 0 {
		t.Error("an empty shuffle has elements")
	}
	a := Shuffle(1, OrderA, 0, 100)
	for name, b := range map[string][]int32{"step": Shuffle(1, OrderA, 1, 100), "seed": Shuffle(2, OrderA, 0, 100), "purpose": Shuffle(1, Split, 0, 100)} {
		if slices.Equal(a, b) {
			t.Errorf("another %s gives the same order", name)
		}
	}
	slices.Sort(a)
	for i, x := range a {
		if x != int32(i) {
			t.Fatalf("not a permutation: %v", a)
		}
	}
}

func TestShufflerReusesItsBuffer(t *testing.T) {
	var s Shuffler
	order := make([]int32, 500)
	epoch := uint32(0)
	if n := testing.AllocsPerRun(10, func() { s.Shuffle(1, OrderA, epoch, order); epoch++ }); n > 0 {
		t.Errorf("%v allocations for an epoch", n)
	}
	if !slices.Equal(order, Shuffle(1, OrderA, epoch-1, 500)) {
		t.Error("the Shuffler and Shuffle disagree")
	}
}

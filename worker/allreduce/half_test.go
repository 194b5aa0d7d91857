package allreduce

import (
	"math"
	"testing"

	"g2c/kernels"
)

// halfNumbers are bit patterns of all sorts, in an order that repeats late.
func halfNumbers(n, seed int) []float32 {
	v := make([]float32, n)
	x := uint32(seed)*2654435761 + 1
	for i := range v {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		v[i] = math.Float32frombits(x)
	}
	for i, u := range []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0x7f7fffff, 0x3f808000, 0x3f818000, 1, 0x7fffffff} {
		if i < n {
			v[(i*5+seed)%n] = math.Float32frombits(u)
		}
	}
	return v
}

// Vectors round, narrow and widen to the bits of the plain loops.
func TestHalves(t *testing.T) {
	for n := range 70 {
		for seed := range 20 {
			a, b := halfNumbers(n, seed), halfNumbers(n, seed+1000)
			bits := make([]uint16, n)
			for i, v := range b {
				bits[i] = kernels.PutBF16(v)
				b[i] = kernels.GetBF16(bits[i])
			}
			want, got := make([]float32, n), make([]float32, n)
			addHalfPlain(want, a, b)
			addHalf(got, a, b)
			sameBits(t, "addHalf", got, want)
			for i := range got {
				got[i] = 0
			}
			addHalfWide(got, a, bits)
			sameBits(t, "addHalfWide", got, want)
			widen(got, bits)
			sameBits(t, "widen", got, b)
			again := make([]uint16, n)
			narrow(again, b)
			for i := range again {
				if again[i] != bits[i] {
					t.Fatalf("narrow: %x, want %x", again[i], bits[i])
				}
			}
		}
	}
}

// sameBits compares numbers; NaNs of an addition of two may differ in all but being one.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if g := got[i]; math.Float32bits(g) != math.Float32bits(w) && !(math.IsNaN(float64(g)) && math.IsNaN(float64(w))) {
			t.Fatalf("%s: element %d of %d is %x, want %x", what, i, len(want), math.Float32bits(g), math.Float32bits(w))
		}
	}
}

// However a payload is cut, its elements are the same.
func TestWidenParts(t *testing.T) {
	bits := make([]uint16, 40)
	for i := range bits {
		bits[i] = uint16(i * 977)
	}
	whole := bytesOf(bits)
	for first := range len(whole) {
		for second := first; second < len(whole); second++ {
			got, want := make([]float32, len(bits)), make([]float32, len(bits))
			widenPlain(want, bits)
			widenParts(got, [][]byte{whole[:first], whole[first:second], {}, whole[second:]})
			sameBits(t, "parts", got, want)
		}
	}
}

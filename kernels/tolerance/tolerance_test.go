package tolerance

import (
	"math"
	"testing"

	"g2c/kernels"
)

func TestNear(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		got, want, tolerance float64
		near                 bool
	}{
		{1, 1, 0, true},
		{1, 1.5, 0.5, true},
		{1, 1.5, 0.499, false},
		{1, 1.5, 0, false},
		{1, 1.5, nan, false},
		{nan, 1, 1, false},
		{1, nan, 1, false},
		{1, nan, inf, false},
		{nan, nan, 0, true},
		{inf, inf, 0, true},
		{inf, 1, inf, false},
		{1, inf, inf, false},
		{inf, -inf, inf, false},
	} {
		if Near(c.got, c.want, c.tolerance) != c.near {
			t.Errorf("Near(%v, %v, %v) = %v", c.got, c.want, c.tolerance, !c.near)
		}
	}
}

// TestSharp holds that a convolution's tolerance notices one lost term of the
// longest sum of our layers, 3×3 of 512 channels, and lets the rounding errors of
// a chain of float32 additions pass.
func TestSharp(t *testing.T) {
	const n = 9 * 512
	x, w := Tensor{kernels.Real(1, 3, 3, 512), make([]float64, n)}, Tensor{kernels.Real(1, 3, 3, 512), make([]float64, n)}
	var chain float32
	want := 0.0
	for i := range n {
		x.V[i] = float64(float32(math.Remainder(float64(i)*0.618, 1)))
		w.V[i] = float64(float32(math.Remainder(float64(i)*0.414, 1)))
		chain += float32(x.V[i]) * float32(w.V[i])
		want += x.V[i] * w.V[i]
	}
	out := Tensor{kernels.Real(1, 1, 1, 1), []float64{want}}
	tol, err := Of(kernels.Conv2D{Geometry: kernels.Geometry{Stride: 1}}, []Tensor{x, w}, []Tensor{out})
	if err != nil {
		t.Fatal(err)
	}
	if !Near(float64(chain), want, tol[0][0]) {
		t.Errorf("a chain in float32 is off by %g of %g", math.Abs(float64(chain)-want), tol[0][0])
	}
	if tol[0][0] > 1.0/16/4 { // the mean product of |x| and |w| is 1/16
		t.Errorf("tolerance %g would miss a lost term", tol[0][0])
	}
}

type unknown struct{ kernels.Copy }

func (unknown) Name() string { return "unknown" }

func TestUnknownOperation(t *testing.T) {
	if _, err := Of(unknown{}, nil, nil); err == nil {
		t.Error("an operation without an entry has a tolerance")
	}
}

package safetensors

import (
	"errors"
	"math"
	"strings"
	"testing"

	"g2c/internal/fault"
)

// NaN and both infinities are found in every format of real numbers, the largest
// numbers of each are not taken for them.
func TestCheckFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	half := func(d DType, bits ...byte) Tensor {
		return Tensor{Name: "h", DType: d, Shape: []int{len(bits) / 2}, Data: bits}
	}
	for _, c := range []struct {
		t    Tensor
		want string // empty: finite
	}{
		{Float32("w", []int{3}, []float32{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32}), ""},
		{Float32("w", []int{3}, []float32{1, nan, nan}), "tensor w holds NaN or an infinity in 2 of its 3"},
		{Float32("v", []int{1}, []float32{-inf}), "tensor v"},
		{Float64("w", []int{2}, []float64{math.MaxFloat64, 1}), ""},
		{Float64("w", []int{2}, []float64{math.Inf(1), math.NaN()}), "2 of its 2"},
		{half(F16, 0xff, 0x7b, 0xff, 0xfb), ""},
		{half(F16, 0x00, 0x7c, 0x01, 0xfc), "2 of its 2"},
		{half(BF16, 0x7f, 0x7f, 0x00, 0x7c), ""},
		{half(BF16, 0x80, 0xff, 0xc0, 0x7f), "2 of its 2"},
		{Int32("i", []int{1}, []int32{-1}), ""},
	} {
		err := CheckFinite([]Tensor{c.t})
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s of %s: %v, want %q", c.t.Name, c.t.DType, err, c.want)
		}
	}
}

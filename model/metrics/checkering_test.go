package metrics

import (
	"math"
	"testing"

	"g2c/internal/philox"
)

// painted is an image of 34 pixels a side, of which a function gives the grey.
func painted(grey func(y, x int) float64) []float32 {
	const side = 34
	im := make([]float32, 3*side*side)
	for i := range im {
		im[i] = float32(grey(i/3/side, i/3%side))
	}
	return im
}

// Every pattern of period 2 has the square of its amplitude as energy; what is smooth has
// none, and noise little.
func TestCheckerEnergy(t *testing.T) {
	sign := func(n int) float64 { return float64(1 - 2*(n%2)) }
	noise := func(y, x int) float64 {
		return float64(philox.Words(1, philox.OrderB, [4]uint32{uint32(y), uint32(x), 0, 0})[0]) / (1 << 32)
	}
	for _, c := range []struct {
		name string
		grey func(y, x int) float64
		low  float64
		high float64
	}{
		{"flat", func(y, x int) float64 { return 0.5 }, 0, 0},
		{"ramp", func(y, x int) float64 { return float64(y+2*x) / 128 }, 0, 0},
		{"stripes in x", func(y, x int) float64 { return 0.5 + 0.125*sign(x) }, 0.015625, 0.015625},
		{"stripes in y", func(y, x int) float64 { return 0.5 + 0.125*sign(y) }, 0.015625, 0.015625},
		{"checkerboard", func(y, x int) float64 { return 0.5 - 0.125*sign(x+y) }, 0.015625, 0.015625},
		{"checkerboard on a ramp", func(y, x int) float64 { return float64(x)/64 - 0.125*sign(x+y) }, 0.015625, 0.015625},
		{"period 4", func(y, x int) float64 { return 0.5 + 0.125*sign(x/2) }, 0, 1e-4},
		{"noise of deviation 0.29", noise, 1e-4, 3 * 0.0833 / 64},
		{"an edge", func(y, x int) float64 { return float64(x / 17) }, 0, 1e-2},
	} {
		got := CheckerEnergy(painted(c.grey), 34, 34)
		if !(got >= c.low-1e-9 && got <= c.high+1e-9) {
			t.Errorf("%s: %g, want %g to %g", c.name, got, c.low, c.high)
		}
	}
	if got := math.Sqrt(CheckerEnergy(painted(func(y, x int) float64 { return 0.5 + 0.25*sign(x)*sign(y) }), 34, 34)); !(math.Abs(got-0.25) < 1e-6) {
		t.Errorf("a checkerboard of amplitude 0.25 has %g", got)
	}
}

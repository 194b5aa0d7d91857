//go:build gpu

package train

import (
	"testing"

	"g2c/kernels"
	"g2c/kernels/lockstep"
	"g2c/kernels/ref"
)

// A layer of real size, in lockstep with the reference: a residual block's convolution of
// 256 channels at 16×16, which a generator of width 64 has for images of 64×64, with its
// norm, and both gradients.
func TestCUDARealLayer(t *testing.T) {
	d := openGPU(t)
	precisions(t, func(t *testing.T, half bool) {
		spec, p := residualLayer(t, half)
		s, err := ref.New().NewState(spec)
		if err != nil {
			t.Fatal(err)
		}
		for i, slot := range []string{"x", "w", "dy"} {
			typ, _ := spec.Type(slot)
			v := make([]float64, typ.Shape.Len())
			for j := range v {
				v[j] = float64((j*7919+i*104729)%2003)/1001.5 - 1
			}
			if err := s.PutF64(slot, v); err != nil {
				t.Fatal(err)
			}
		}
		report, err := lockstep.Run(p, s, d, exactly)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Failures()) > 0 {
			t.Error(report)
		}
	})
}

// residualLayer is the layer's program: y = norm(conv(x, w)), and from dy all the way back.
func residualLayer(t *testing.T, half bool) (*kernels.StateSpec, *kernels.Program) {
	t.Helper()
	real := kernels.Real
	if half {
		real = kernels.Half
	}
	const size, channels = 16, 256
	image, weights, stats := real(1, size, size, channels), real(channels, 3, 3, channels), kernels.Real(1, channels)
	g := kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}
	p := &kernels.Program{Name: "layer"}
	value := func(slot string, typ kernels.Type) int {
		p.Values = append(p.Values, kernels.Value{Type: typ, Slot: slot})
		return len(p.Values) - 1
	}
	do := func(op kernels.Op, in []int, out ...int) {
		p.Instrs = append(p.Instrs, kernels.Instr{Op: op, In: in, Out: out})
	}
	x, w, dy := value("x", image), value("w", weights), value("dy", image)
	c, y, mean, variance := value("", image), value("y", image), value("", stats), value("", stats)
	do(kernels.Conv2D{Geometry: g}, []int{x, w}, c)
	do(kernels.InstanceNorm{Act: kernels.ReLU, Eps: 1e-5}, []int{c}, y, mean, variance)
	dc, dx, dw := value("", image), value("dx", image), value("dw", kernels.Real(1, channels, 3, 3, channels))
	do(kernels.InstanceNormGrad{Act: kernels.ReLU, Eps: 1e-5}, []int{dy, c, mean, variance}, dc)
	do(kernels.Conv2DGradX{Geometry: g, H: size, W: size}, []int{dc, w}, dx)
	do(kernels.Conv2DGradW{Geometry: g, Segments: kernels.Segments{Groups: 1, Shards: 1}, R: 3, S: 3}, []int{x, dc}, dw)
	p.Segments = []kernels.Segment{{Name: "all", To: len(p.Instrs)}}
	var groups []kernels.Group
	for _, v := range p.Values {
		if v.Slot != "" {
			groups = append(groups, kernels.Group{Name: "group/" + v.Slot, Slots: []kernels.Slot{{Name: v.Slot, Type: v.Type}}})
		}
	}
	spec, err := kernels.NewStateSpec(groups...)
	if err != nil {
		t.Fatal(err)
	}
	return spec, p
}

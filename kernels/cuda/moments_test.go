//go:build gpu

package cuda_test

import (
	"fmt"
	"math"
	"testing"

	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/cuda"
	"g2c/kernels/ref"
)

// normalised is a convolution of bf16 and a norm of its result, over slots: x, w, then those
// of the norm; results y, and its statistics.
func normalised(t *testing.T, conv kernels.Op, x, w kernels.Type, norm kernels.Op) (*kernels.Program, *kernels.StateSpec) {
	t.Helper()
	p := &kernels.Program{Name: "normalised", Segments: []kernels.Segment{{Name: "all", To: 2}}}
	var groups []kernels.Group
	value := func(slot string, v kernels.Type) int {
		if slot != "" {
			groups = append(groups, kernels.Group{Name: "group/" + slot, Slots: []kernels.Slot{{Name: slot, Type: v}}})
		}
		p.Values = append(p.Values, kernels.Value{Type: v, Slot: slot})
		return len(p.Values) - 1
	}
	in := []int{value("x", x), value("w", w)}
	made, err := conv.Infer([]kernels.Type{x, w})
	if err != nil {
		t.Fatal(err)
	}
	y := value("", made[0])
	normIn, types := []int{y}, []kernels.Type{made[0]}
	if _, ok := norm.(kernels.BatchNorm); ok {
		for _, name := range []string{"gamma", "beta"} {
			c := kernels.Real(made[0].Shape[3])
			normIn, types = append(normIn, value(name, c)), append(types, c)
		}
	}
	out, err := norm.Infer(types)
	if err != nil {
		t.Fatal(err)
	}
	var normOut []int
	for k, v := range out {
		normOut = append(normOut, value(fmt.Sprint("out", k), v))
	}
	p.Instrs = []kernels.Instr{{Op: conv, In: in, Out: []int{y}}, {Op: norm, In: normIn, Out: normOut}}
	spec, err := kernels.NewStateSpec(groups...)
	if err != nil {
		t.Fatal(err)
	}
	return p, spec
}

// results runs a program by f and gives the slots out0, out1, ...
func results(t *testing.T, d kernels.Device, p *kernels.Program, spec *kernels.StateSpec, f func(kernels.Exec) error) (all [][]float64) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	s, err := d.NewState(spec)
	check(err)
	for k, g := range spec.Groups {
		v := make([]float64, g.Slots[0].Type.Shape.Len())
		for i := range v {
			u := philox.Uniform(philox.Words(7, 1<<17, [4]uint32{uint32(i), uint32(k), 0, 0})[0])
			v[i] = kernels.RoundBF16(float64(u) - 0.25) // a mean that is no zero
		}
		check(s.PutF64(g.Slots[0].Name, v))
	}
	e, err := d.Load(p, s)
	check(err)
	check(f(e))
	for _, id := range p.Instrs[1].Out {
		v := make([]float64, p.Values[id].Type.Shape.Len())
		check(s.GetF64(p.Values[id].Slot, v))
		all = append(all, v)
	}
	check(e.Close())
	check(s.Close())
	return all
}

// TestMoments: a norm behind a convolution takes its statistics from it, in the same bits
// whatever the tile, and agrees with the norm that reads the result, and with ref.
func TestMoments(t *testing.T) {
	plain := kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}
	half := kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}
	instance, batch := kernels.InstanceNorm{Act: kernels.ReLU, Eps: 1e-5}, kernels.BatchNorm{Segments: kernels.Segments{Groups: 2, Shards: 2}, Act: kernels.ReLU, Eps: 1e-3}
	for _, c := range []struct {
		name  string
		conv  kernels.Op
		x, w  kernels.Type
		norm  kernels.Op
		joins bool
	}{
		{"instance", kernels.Conv2D{Geometry: plain}, kernels.Half(3, 8, 24, 16), kernels.Half(72, 3, 3, 16), instance, true},
		{"odd channels", kernels.Conv2D{Geometry: plain}, kernels.Half(3, 8, 8, 3), kernels.Half(17, 3, 3, 3), instance, true},
		{"batch", kernels.Conv2D{Geometry: plain}, kernels.Half(4, 8, 8, 8), kernels.Half(24, 3, 3, 8), batch, true},
		{"transposed", kernels.Conv2DGradX{Geometry: half, H: 16, W: 32}, kernels.Half(2, 8, 16, 16), kernels.Half(16, 4, 4, 24), instance, true},
		{"no whole pieces", kernels.Conv2D{Geometry: plain}, kernels.Half(2, 9, 8, 16), kernels.Half(24, 3, 3, 16), instance, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, spec := normalised(t, c.conv, c.x, c.w, c.norm)
			d := open(t)
			defer d.Close()
			run := func(e kernels.Exec) error {
				if joins := cuda.Joins(e, 0); joins != c.joins {
					t.Errorf("moments are left: %v", joins)
				}
				return e.Run()
			}
			got := results(t, d, p, spec, run)
			for _, tile := range []string{"128x128", "128x64", "odd_128x64"} {
				other, err := cuda.Open(0, cuda.Options{Tile: tile, Sync: true})
				if err != nil {
					t.Fatal(err)
				}
				within(t, tile, results(t, other, p, spec, run), got, 0)
				if err := other.Close(); err != nil {
					t.Error(err)
				}
			}
			alone := results(t, d, p, spec, func(e kernels.Exec) error {
				if err := e.RunInstr(0); err != nil {
					return err
				}
				return e.RunInstr(1)
			})
			const step = 0x1p-7 // of bf16
			within(t, "instruction by instruction", got, alone, step)
			// Means are some deviations from zero: where the convolution rounds the other way is seen.
			within(t, "ref", got, results(t, ref.New(), p, spec, kernels.Exec.Run), 8*step)
		})
	}
}

// within holds results to others, and statistics, which are float32, to a thousandth of what
// bf16 may lose.
func within(t *testing.T, what string, got, want [][]float64, tolerance float64) {
	t.Helper()
	for k := range want {
		allowed := tolerance
		if k > 0 {
			allowed /= 1000
		}
		for i, w := range want[k] {
			if !(math.Abs(got[k][i]-w) <= allowed*max(1, math.Abs(w))) {
				t.Fatalf("%s: result %d, element %d is %v, want %v", what, k, i, got[k][i], w)
			}
		}
	}
}

//go:build gpu

package cuda_test

import (
	"math"
	"testing"

	"g2c/kernels"
)

// gradW is the gradient by the weights of a convolution with so many shards in a
// launch, shard after shard.
func gradW(t *testing.T, d kernels.Device, x, dy []float32, perLaunch int) []float32 {
	t.Helper()
	op := kernels.Conv2DGradW{Geometry: kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}, Segments: kernels.Segments{Groups: 1, Shards: perLaunch}, R: 3, S: 3}
	in := []kernels.Type{kernels.Real(perLaunch, wideSide, wideSide, wideIn), kernels.Real(perLaunch, wideSide, wideSide, wideOut)}
	spec, p, err := kernels.Single(op, in)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, err := d.Load(p, s)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var all []float32
	for from := range shardsInAll / perLaunch {
		nx, ny := in[0].Shape.Len(), in[1].Shape.Len()
		if err := s.PutF32("in0", x[from*nx:][:nx]); err != nil {
			t.Fatal(err)
		}
		if err := s.PutF32("in1", dy[from*ny:][:ny]); err != nil {
			t.Fatal(err)
		}
		if err := e.Run(); err != nil {
			t.Fatal(err)
		}
		dw := make([]float32, p.Values[p.Instrs[0].Out[0]].Type.Shape.Len())
		if err := s.GetF32("out0", dw); err != nil {
			t.Fatal(err)
		}
		all = append(all, dw...)
	}
	return all
}

// A gradient with so many tiles that one more shard would be a reason for fewer slices.
const (
	shardsInAll = 4
	wideSide    = 24
	wideIn      = 456
	wideOut     = 128
)

// A shard has its bits wherever it is computed: in a launch of its own, or beside
// others.
func TestShardsOfALaunchDoNotChangeBits(t *testing.T) {
	d := open(t)
	defer d.Close()
	fill := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(math.Sin(float64(i)))
		}
		return v
	}
	x, dy := fill(shardsInAll*wideSide*wideSide*wideIn), fill(shardsInAll*wideSide*wideSide*wideOut)
	want := gradW(t, d, x, dy, shardsInAll)
	for _, perLaunch := range []int{1, 2} {
		got := gradW(t, d, x, dy, perLaunch)
		for i, v := range want {
			if math.Float32bits(got[i]) != math.Float32bits(v) {
				t.Fatalf("%d shards a launch: element %d is %v, %d a launch give %v", perLaunch, i, got[i], shardsInAll, v)
			}
		}
	}
}

package tiles

import (
	"testing"

	"g2c/kernels"
)

func conv(n, size, channels, filters, kernel, stride, pad int, mode kernels.PadMode) (kernels.Conv2D, []kernels.Type) {
	return kernels.Conv2D{Geometry: kernels.Geometry{Stride: stride, PadH: pad, PadW: pad, Mode: mode}},
		[]kernels.Type{kernels.Half(n, size, size, channels), kernels.Half(filters, kernel, kernel, channels)}
}

// The layers of the networks at 256×256 and the tiles that serve them on an H100.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		n, size, channels, filters, kernel, stride, pad int
		mode                                            kernels.PadMode
		want, wantGradX, wantGradW                      string
	}{
		{8, 256, 3, 64, 7, 1, 3, kernels.Reflect, "odd_128x64", "strip_128x32", "64x64"},
		{8, 256, 64, 128, 3, 2, 1, kernels.Zero, "128x128", "128x64", "128x128"},
		{8, 64, 256, 256, 3, 1, 1, kernels.Reflect, "128x128", "128x128", "128x128"},
		{1, 64, 256, 256, 3, 1, 1, kernels.Reflect, "64x64", "64x64", "128x128"},
		{8, 256, 64, 3, 7, 1, 3, kernels.Reflect, "strip_128x32", "odd_128x64", "strip_32x128"},
		{8, 31, 512, 1, 4, 1, 1, kernels.Zero, "strip_128x32", "odd_128x64", "strip_32x128"},
		{8, 64, 24, 40, 3, 1, 1, kernels.Zero, "64x64", "64x64", "64x128"},
	} {
		op, in := conv(c.n, c.size, c.channels, c.filters, c.kernel, c.stride, c.pad, c.mode)
		y, err := op.Infer(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []struct {
			op   kernels.Op
			in   []kernels.Type
			want string
		}{
			{op, in, c.want},
			{kernels.Conv2DGradX{Geometry: op.Geometry, H: c.size, W: c.size}, []kernels.Type{y[0], in[1]}, c.wantGradX},
			{kernels.Conv2DGradW{Geometry: op.Geometry, Segments: kernels.Segments{Groups: 1, Shards: 1}, R: c.kernel, S: c.kernel}, []kernels.Type{in[0], y[0]}, c.wantGradW},
		} {
			p, err := Of(o.op, o.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := Choose(90, p, ""); got.Name != o.want {
				t.Errorf("%s of %v: tile %s, want %s", o.op.Name(), o.in, got.Name, o.want)
			}
			if all := Candidates(90, p); len(all) == 0 || Choose(90, p, all[len(all)-1].Name).Name != all[len(all)-1].Name {
				t.Errorf("%s of %v: candidates %v", o.op.Name(), o.in, all)
			}
		}
	}
	if _, err := Of(kernels.Add{}, []kernels.Type{kernels.Half(3), kernels.Half(3)}); err == nil {
		t.Error("an addition is a product")
	}
}

// Slices cover the pixels, none is empty, few of a shard's are more than run at once,
// and they are the same beside other shards.
func TestSlices(t *testing.T) {
	for _, pixels := range []int{1, 31, 511, 512, 1024, 1188, 4096, 65536, 1 << 19} {
		for _, shards := range []int{1, 4} {
			p := Product{Op: "conv2d_grad_w", Rows: 256, Columns: 2304, Count: shards, Depth: pixels, ChannelsA: 256, ChannelsB: 256}
			tile := Choose(80, p, "")
			count, length := Slices(80, p, tile)
			down, across := p.Grid(tile)
			if count < 1 || length%Step != 0 || count*length < pixels || (count-1)*length >= pixels {
				t.Errorf("%d pixels: %d slices of %d", pixels, count, length)
			}
			if count > 1 && down*across*count > table[80].slots {
				t.Errorf("%d pixels: %d slices are more than run at once", pixels, count)
			}
			alone := p
			alone.Count = 1
			if n, l := Slices(80, alone, tile); n != count || l != length {
				t.Errorf("%d pixels: %d slices of %d, of a shard alone %d of %d", pixels, count, length, n, l)
			}
		}
	}
}

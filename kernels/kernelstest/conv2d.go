package kernelstest

import (
	"math"

	"g2c/kernels"
)

// convShape is a convolution: n images of h×w×c, k kernels of r×s.
type convShape struct {
	n, h, w, c, k, r, s int
	kernels.Geometry
}

func zeros(stride, padH, padW int) kernels.Geometry {
	return kernels.Geometry{Stride: stride, PadH: padH, PadW: padW}
}

func mirror(stride, pad int) kernels.Geometry {
	return kernels.Geometry{Stride: stride, PadH: pad, PadW: pad, Mode: kernels.Reflect}
}

// convShapes: every kernel of both stages, then sizes around blocks of channels,
// pixels and vectors, then layers of the networks.
var convShapes = []convShape{
	{1, 1, 1, 1, 1, 1, 1, zeros(1, 0, 0)},
	{2, 5, 7, 3, 2, 1, 1, zeros(1, 0, 0)},
	{1, 7, 5, 4, 5, 1, 1, zeros(2, 0, 0)},
	{1, 3, 3, 1, 1, 3, 3, zeros(1, 0, 0)}, // one pixel comes out
	{2, 6, 9, 3, 5, 3, 3, zeros(1, 0, 0)},
	{1, 9, 6, 5, 3, 3, 3, zeros(1, 1, 1)},
	{1, 8, 11, 2, 3, 3, 3, zeros(2, 1, 1)}, // the last row and column are unread or not
	{1, 11, 8, 3, 4, 3, 3, zeros(2, 0, 0)},
	{2, 5, 4, 3, 2, 3, 3, mirror(1, 1)},
	{1, 2, 2, 2, 2, 3, 3, mirror(1, 1)}, // a mirror as large as it may be
	{1, 9, 7, 2, 3, 3, 3, mirror(2, 1)},
	{1, 8, 9, 3, 3, 4, 4, zeros(1, 1, 1)},
	{2, 9, 10, 3, 4, 4, 4, zeros(2, 1, 1)},
	{1, 4, 4, 2, 3, 4, 4, zeros(2, 1, 1)},
	{1, 5, 4, 3, 2, 7, 7, mirror(1, 3)}, // rows are read by many taps
	{1, 9, 8, 3, 4, 7, 7, mirror(1, 3)},
	{1, 10, 9, 3, 4, 7, 7, zeros(2, 3, 3)},
	{1, 6, 9, 3, 3, 1, 7, zeros(1, 0, 3)},
	{1, 9, 6, 3, 3, 7, 1, zeros(1, 3, 0)},
	{1, 1, 1, 2, 3, 1, 7, zeros(1, 0, 3)}, // six taps of seven outside
	{3, 1, 1, 7, 17, 3, 3, zeros(1, 1, 1)},
	{1, 5, 5, 7, 17, 3, 3, zeros(1, 1, 1)},
	{1, 4, 6, 17, 7, 3, 3, mirror(1, 1)},
	{1, 3, 5, 65, 33, 3, 3, zeros(1, 1, 1)},
	{1, 3, 3, 33, 65, 1, 1, zeros(1, 0, 0)},
	{1, 2, 129, 3, 15, 1, 1, zeros(1, 0, 0)},
	{1, 7, 7, 16, 16, 4, 4, zeros(2, 1, 1)},
	{2, 6, 6, 17, 1, 4, 4, zeros(1, 1, 1)}, // the discriminator's last layer
	{1, 16, 16, 3, 16, 7, 7, mirror(1, 3)}, // the generator's first
	{1, 16, 16, 16, 3, 7, 7, mirror(1, 3)}, // and last
	{1, 8, 8, 64, 64, 3, 3, mirror(1, 1)},  // a residual block
	{1, 16, 16, 16, 32, 3, 3, zeros(2, 1, 1)},
	{1, 2, 2, 3, 5, 3, 3, zeros(2, 1, 1)},     // one pixel goes up to four
	{2, 8, 10, 17, 33, 3, 3, zeros(2, 1, 1)},  // the original CycleGAN's way up
	{1, 12, 12, 64, 64, 1, 7, zeros(1, 0, 3)}, // the stem
	{3, 5, 5, 96, 64, 1, 1, zeros(1, 0, 0)},
}

func conv2DCases(m *maker) {
	for _, c := range convShapes {
		p, q := c.Out(c.h, c.w, c.r, c.s)
		x, w, b := m.reals(c.n, c.h, c.w, c.c), m.reals(c.k, c.r, c.s, c.c), m.reals(c.k)
		dy := m.reals(c.n, p, q, c.k)
		conv := kernels.Conv2D{Geometry: c.Geometry}
		m.add("", conv, x, w)
		m.add("", conv, x, w, b)
		m.add("", kernels.Conv2DGradX{Geometry: c.Geometry, H: c.h, W: c.w}, dy, w)
		m.add("", kernels.Conv2DGradW{Geometry: c.Geometry, Segments: whole, R: c.r, S: c.s}, x, dy)
	}
	transposedCases(m)
	convShardCases(m)
	convSquareCases(m)
	convValueCases(m)
	convTileCases(m)
}

// convTileCases have channels in eights, which is what tensor cores take, and results
// that end within tiles, and just beyond.
func convTileCases(m *maker) {
	for _, c := range []convShape{
		{1, 12, 12, 8, 136, 3, 3, zeros(1, 1, 1)},
		{1, 13, 11, 40, 72, 3, 3, mirror(1, 1)},
		{2, 9, 10, 24, 8, 4, 4, zeros(2, 1, 1)},
		{1, 7, 9, 16, 24, 7, 7, mirror(1, 3)},
		{1, 19, 15, 8, 3, 7, 7, mirror(1, 3)},
		{1, 9, 9, 3, 72, 7, 7, mirror(1, 3)},
		{1, 36, 33, 8, 8, 3, 3, zeros(1, 1, 1)}, // as many pixels as are worth being cut
	} {
		p, q := c.Out(c.h, c.w, c.r, c.s)
		m.add("", kernels.Conv2D{Geometry: c.Geometry}, m.reals(c.n, c.h, c.w, c.c), m.reals(c.k, c.r, c.s, c.c), m.reals(c.k))
		m.add("", kernels.Conv2DGradX{Geometry: c.Geometry, H: c.h, W: c.w}, m.reals(c.n, p, q, c.k), m.reals(c.k, c.r, c.s, c.c))
		m.add("", kernels.Conv2DGradW{Geometry: c.Geometry, Segments: whole, R: c.r, S: c.s}, m.reals(c.n, c.h, c.w, c.c), m.reals(c.n, p, q, c.k))
	}
	seg := kernels.Segments{Groups: 2, Shards: 2}
	m.add("", kernels.Conv2DGradW{Geometry: mirror(1, 1), Segments: seg, R: 3, S: 3}, m.reals(12, 3, 5, 16), m.reals(12, 3, 5, 24))
	m.add("", kernels.Conv2DGradW{Geometry: zeros(2, 1, 1), Segments: seg, R: 4, S: 4}, m.reals(4, 36, 34, 8), m.reals(4, 18, 17, 3))
}

// transposedCases: a transposed convolution is the gradient by the input, 4×4 of
// stride 2; its image is twice as large.
func transposedCases(m *maker) {
	for _, c := range []struct{ n, h, w, k, c int }{
		{1, 1, 1, 1, 1}, {2, 3, 5, 4, 3}, {1, 4, 3, 17, 7}, {1, 2, 7, 7, 65}, {1, 8, 8, 64, 32}, {1, 16, 16, 32, 16},
	} {
		g := zeros(2, 1, 1)
		m.add("", kernels.Conv2DGradX{Geometry: g, H: 2 * c.h, W: 2 * c.w}, m.reals(c.n, c.h, c.w, c.k), m.reals(c.k, 4, 4, c.c))
	}
	// Odd images that the same strided convolution could have had.
	m.add("", kernels.Conv2DGradX{Geometry: zeros(2, 1, 1), H: 7, W: 9}, m.reals(1, 3, 4, 5), m.reals(5, 4, 4, 3))
}

// whole is one shard, one group.
var whole = kernels.Segments{Groups: 1, Shards: 1}

// arrangements are groups and shards of a batch, with samples of one group in
// one shard.
func arrangements(f func(seg kernels.Segments, n int)) {
	for _, groups := range []int{1, 2, 4} {
		for _, shards := range []int{1, 2, 4} {
			for _, per := range []int{1, 3} {
				if groups*shards*per <= 16 {
					f(kernels.Segments{Groups: groups, Shards: shards}, groups*shards*per)
				}
			}
		}
	}
	f(kernels.Segments{Groups: 3, Shards: 2}, 12)
}

func convShardCases(m *maker) {
	arrangements(func(seg kernels.Segments, n int) {
		m.add("", kernels.Conv2DGradW{Geometry: zeros(1, 1, 1), Segments: seg, R: 3, S: 3}, m.reals(n, 4, 3, 5), m.reals(n, 4, 3, 7))
		m.add("", kernels.Conv2DGradW{Geometry: mirror(1, 1), Segments: seg, R: 3, S: 3}, m.reals(n, 2, 3, 3), m.reals(n, 2, 3, 2))
		m.add("", kernels.Conv2DGradW{Geometry: zeros(1, 0, 0), Segments: seg, R: 1, S: 1}, m.reals(n, 1, 2, 17), m.reals(n, 1, 2, 9))
	})
}

// convSquareCases have as many channels as make a fast algorithm worth while:
// squares of results that do and do not fill the image, hostile values, a NaN.
func convSquareCases(m *maker) {
	const c, k = 32, 40
	for _, g := range []kernels.Geometry{zeros(1, 1, 1), mirror(1, 1), zeros(1, 0, 0)} {
		for _, size := range [][2]int{{4, 4}, {7, 9}, {12, 5}} {
			h, w := size[0]+2-2*g.PadH, size[1]+2-2*g.PadW
			seg := kernels.Segments{Groups: 1, Shards: 2}
			m.add("", kernels.Conv2D{Geometry: g}, m.reals(2, h, w, c), m.reals(k, 3, 3, c), m.reals(k))
			m.add("", kernels.Conv2DGradX{Geometry: g, H: h, W: w}, m.reals(2, size[0], size[1], k), m.reals(k, 3, 3, c))
			m.add("", kernels.Conv2DGradW{Geometry: g, Segments: seg, R: 3, S: 3}, m.reals(2, h, w, c), m.reals(2, size[0], size[1], k))
		}
	}
	for _, f := range m.hostile() {
		m.add(f.name, kernels.Conv2D{Geometry: mirror(1, 1)}, f.draw(1, 8, 8, c), m.reals(k, 3, 3, c))
		m.add(f.name, kernels.Conv2DGradX{Geometry: mirror(1, 1), H: 8, W: 8}, f.draw(1, 8, 8, k), m.reals(k, 3, 3, c))
		m.add(f.name, kernels.Conv2DGradW{Geometry: mirror(1, 1), Segments: whole, R: 3, S: 3}, f.draw(1, 8, 8, c), m.reals(1, 8, 8, k))
	}
}

func convValueCases(m *maker) {
	for _, f := range m.hostile() {
		conv := kernels.Conv2D{Geometry: mirror(1, 1)}
		m.add(f.name, conv, f.draw(1, 5, 4, 9), m.reals(18, 3, 3, 9), m.reals(18))
		m.add(f.name, kernels.Conv2DGradX{Geometry: zeros(2, 1, 1), H: 6, W: 9}, f.draw(1, 3, 4, 9), m.reals(9, 4, 4, 5))
		m.add(f.name, kernels.Conv2DGradW{Geometry: zeros(1, 1, 1), Segments: whole, R: 3, S: 3}, f.draw(1, 4, 5, 9), m.reals(1, 4, 5, 6))
	}
	// A NaN reaches the results that read it, and no other.
	nan := math.NaN()
	m.add("nan", kernels.Conv2D{Geometry: zeros(1, 1, 1)}, with(m.reals(2, 6, 5, 3), nan, 3*7), m.reals(9, 3, 3, 3), m.reals(9))
	m.add("nan", kernels.Conv2D{Geometry: mirror(1, 1)}, with(m.reals(1, 6, 5, 3), nan, 3*6), m.reals(9, 3, 3, 3))
	m.add("nan", kernels.Conv2DGradX{Geometry: zeros(1, 1, 1), H: 6, W: 5}, with(m.reals(2, 6, 5, 3), nan, 3*40), m.reals(3, 3, 3, 9))
	m.add("nan", kernels.Conv2DGradW{Geometry: zeros(1, 1, 1), Segments: kernels.Segments{Groups: 1, Shards: 2}, R: 3, S: 3},
		with(m.reals(2, 6, 5, 3), nan, 3*12), m.reals(2, 6, 5, 9))
}

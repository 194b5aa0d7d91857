package cpu

import (
	"math"

	"g2c/kernels"
)

// Winograd's convolution computes squares of 4×4 results of a 3×3 convolution of
// stride 1 with 36 products where the direct one takes 144:
//
//	y = Aᵀ ((G w Gᵀ) ∘ (Bᵀ x B)) A
//
// x is the square of 6×6 pixels that the results read, ∘ multiplies element by
// element, and between the transforms each of the 36 places is a matrix product
// over channels. Weight gradients are the same with the roles exchanged: 3×3
// results of a 4×4 kernel, the gradient.
//
// The points of the interpolation are 0, ±√2, ±1/√2 and infinity. With them the
// root mean square of the rounding error is about twice that of a direct sum;
// with the textbook's 0, ±1, ±2 it is five times that.
//
// What is computed, and in which order, is part of the numerics class: a product
// is one chain of fused multiply-adds over channels (over squares for weight
// gradients), and the transforms are what internal/asmgen's lines say. Which
// convolutions are computed so is winogradFits. Portable code computes all of
// them directly.

const (
	winogradSide   = 4 // of a square of results
	winogradTaps   = 3 // of a side of the kernel
	winogradSource = 6 // side of the square that is read
	places         = winogradSource * winogradSource
	// rowSkew and placeSkew are floats that keep rows, and places, from all falling
	// into the same sets of a cache.
	rowSkew, placeSkew = 16, 16
	// squaresAtOnce bounds how many squares are in the transformed domain at a time:
	// those of a panel should stay in the second cache.
	squaresAtOnce = 64
	// winogradChannels is the number of channels, in and out, from which the products
	// outweigh the transforms.
	winogradChannels = 32
)

// winogradKernels are the transforms for channels in multiples of lanes.
type winogradKernels struct {
	lanes    int
	input    func(channels int64, from **float32, to *float32, toStep int64, temp, constants *float32)
	output   func(channels int64, from *float32, fromStep int64, to **float32, temp, constants, bias *float32)
	weights  func(channels int64, from *float32, fromStep int64, to *float32, toStep int64, temp, constants *float32)
	gradient func(channels int64, from **float32, to *float32, toStep int64, temp, constants *float32)
	gradW    func(channels int64, from *float32, fromStep int64, to *float32, toStep int64, temp, constants *float32)
}

// The constants of each line, in the order of internal/asmgen.
var (
	inputConstants    = []float32{2.5, 0.5, 2, root2, 1 / root2}
	outputConstants   = []float32{0.5, 2, root2, 1 / root2, 2 * root2, root2 / 4}
	weightsConstants  = []float32{0.5, 2, 1. / 6, root2 / 6, -2. / 3, -root2 / 3}
	gradientConstants = []float32{0.5, 2, root2, 1 / root2}
	gradWConstants    = []float32{1. / 6, 1. / 3, 2. / 3, root2 / 6, root2 / 3}
)

const root2 = math.Sqrt2

// transforms are the kernels for a number of channels, a multiple of eight.
func (d *Device) transforms(channels int) *winogradKernels {
	for i := range d.winograd {
		if channels%d.winograd[i].lanes == 0 {
			return &d.winograd[i]
		}
	}
	panic("cpu: no transform for so many channels")
}

// winogradFits says whether a convolution with r×s taps of c channels into k, and
// rows × cols results, is computed by squares: where the table of the class says
// so, which is this function. Of the products saved, some are lost to squares
// that are partly outside.
func (d *Device) winogradFits(g kernels.Geometry, r, s, c, k, rows, cols int) bool {
	switch {
	case len(d.winograd) == 0 || g.Stride != 1 || r != winogradTaps || s != winogradTaps:
		return false
	case g.PadH >= winogradTaps || g.PadW >= winogradTaps:
		return false
	case c < winogradChannels || k < winogradChannels || c%8 != 0 || k%8 != 0:
		return false
	}
	return places*squares(rows)*squares(cols)*10 <= winogradTaps*winogradTaps*rows*cols*7
}

// foldsFit says whether an input gradient by squares can put right what
// reflection folds back onto the image: see folds.
func foldsFit(g kernels.Geometry, h, w int) bool {
	return g.Mode == kernels.Zero || (g.PadH == 1 && g.PadW == 1 && h >= 4 && w >= 4)
}

// squares is how many squares cover an axis.
func squares(n int) int { return (n + winogradSide - 1) / winogradSide }

// squareGrid is how squares cover the results of a convolution, and where the
// pixels lie that each reads.
type squareGrid struct {
	samples    int
	rows, cols int   // results
	down, over int   // squares
	srcRows    []int // by row that a square can read, that of the source, -1 for none
	srcCols    []int
}

// newSquareGrid is the grid over rows × cols results of images of h × w pixels.
func newSquareGrid(g kernels.Geometry, samples, rows, cols, h, w int) squareGrid {
	return squareGrid{
		samples: samples, rows: rows, cols: cols, down: squares(rows), over: squares(cols),
		srcRows: reads(g, g.PadH, rows, h), srcCols: reads(g, g.PadW, cols, w),
	}
}

// reads lists what an axis of results reads, a line of pixels longer than the
// squares that cover it. What no result reads is nothing.
func reads(g kernels.Geometry, pad, results, source int) []int {
	list := make([]int, squares(results)*winogradSide+winogradTaps-1)
	for i := range list {
		list[i] = -1
		if i < results+winogradTaps-1 {
			list[i] = g.Source(i-pad, source)
		}
	}
	return list
}

// perSample is the number of squares of a sample.
func (g *squareGrid) perSample() int { return g.down * g.over }

// place is where a square of a sample begins, in results.
func (g *squareGrid) place(square int) (row, col int) {
	return square / g.over * winogradSide, square % g.over * winogradSide
}

// sourceAddresses fills a table with the pixels that a square reads. pixels are
// those of its sample, channels each, cols a row; nothing reads zeros.
func (g *squareGrid) sourceAddresses(to *[places]*float32, square int, pixels []float32, cols, channels int, zeros *float32) {
	row, col := g.place(square)
	for i := range winogradSource {
		u := g.srcRows[row+i]
		for j := range winogradSource {
			v := g.srcCols[col+j]
			at := &to[i*winogradSource+j]
			if u < 0 || v < 0 {
				*at = zeros
				continue
			}
			*at = &pixels[(u*cols+v)*channels]
		}
	}
}

// resultAddresses fills a table with the results of a square, row by row; one
// outside the image is at the address given.
func (g *squareGrid) resultAddresses(to *[places]*float32, square int, pixels []float32, channels int, outside *float32) {
	row, col := g.place(square)
	for i := range winogradSide {
		for j := range winogradSide {
			at := &to[i*winogradSide+j]
			if row+i >= g.rows || col+j >= g.cols {
				*at = outside
				continue
			}
			*at = &pixels[((row+i)*g.cols+col+j)*channels]
		}
	}
}

// domain is a matrix for each place: squares × channels.
type domain struct {
	row, step int // floats from a square, and from a place, to the next
	v         []float32
}

func newDomain(squares, channels int) domain {
	row := channels + rowSkew
	return domain{row: row, step: squares*row + placeSkew}
}

func (d *domain) floats() int { return places * d.step }

// take gives the domain its memory, and returns what is left.
func (d *domain) take(from []float32) []float32 {
	d.v = from[:d.floats()]
	return from[d.floats():]
}

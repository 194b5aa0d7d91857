package cpu

import "g2c/kernels/host"

// workspace is a member's own memory.
type workspace struct {
	left    []*float32         // addresses of a chunk's rows, by tile and tap
	right   []*float32         // addresses of a block's runs, by tap
	results []int              // offsets of a chunk's results, by tile
	rows    [tileRows]*float32 // addresses of one tile's results
	edge    []float32          // the tile of a panel that is partly outside

	places []int32  // of the pixels of a pooling window
	chosen []*int32 // what windows chose

	addressed [places]*float32 // pixels of a square
	square    []float32        // a square of vectors, between the two halves of a transform
	spare     []float32        // what an item of work by squares needs

	operands  [maxOperands][]float32 // of a pass
	addresses [maxOperands]*float32
}

// need makes every member's workspace at least this large.
func (d *Device) need(left, right, results int) {
	for m := range d.members {
		w := &d.members[m]
		w.left = longer(w.left, left)
		w.right = longer(w.right, right)
		w.results = longer(w.results, results)
		if w.edge == nil {
			w.edge = host.AlignedFloats[float32](tileRows * d.micro[0].columns)
		}
	}
}

// needWindows makes every member ready for pooling windows of so many pixels.
func (d *Device) needWindows(pixels int) {
	d.need(pixels, 0, 0)
	for m := range d.members {
		w := &d.members[m]
		w.places = longer(w.places, pixels)
		w.chosen = longer(w.chosen, pixels)
	}
}

// needSquares makes every member ready for work by squares with so many floats.
func (d *Device) needSquares(floats int) {
	for m := range d.members {
		w := &d.members[m]
		if w.square == nil {
			w.square = host.AlignedFloats[float32](places * maxLanes)
		}
		if len(w.spare) < floats {
			w.spare = host.AlignedFloats[float32](floats)
		}
	}
}

// maxLanes is the number of elements of the widest vector.
const maxLanes = 16

func longer[T any](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	return make([]T, n)
}

// aim points the rows of a tile at its results, or at the edge tile where the
// panel is not whole.
func (w *workspace) aim(to []float32, offsets []int, c panel) {
	if c.count < c.kernel.columns {
		for r := range offsets {
			w.rows[r] = &w.edge[r*c.kernel.columns]
		}
		return
	}
	for r, at := range offsets {
		w.rows[r] = &to[at+c.first]
	}
}

// lift copies results that a chain resumes from into the edge tile.
func (w *workspace) lift(from []float32, offsets []int, c panel) {
	if c.count == c.kernel.columns {
		return
	}
	for r, at := range offsets {
		copy(w.edge[r*c.kernel.columns:], from[at+c.first:][:c.count])
	}
}

// land copies the edge tile to its results.
func (w *workspace) land(to []float32, offsets []int, c panel) {
	if c.count == c.kernel.columns {
		return
	}
	for r, at := range offsets {
		copy(to[at+c.first:][:c.count], w.edge[r*c.kernel.columns:])
	}
}

//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/tiles"
)

// oldestTable is the architecture that tests ask for a table's choice.
const oldestTable = 80

// Serves says whether a tile can serve a convolution, and makes more than one of it,
// and the table chooses another that adds in the same order, whose test is not this
// tile's.
func Serves(tile string, op kernels.Op, in []kernels.Type) bool {
	p, err := tiles.Of(op, in)
	if err != nil {
		return false
	}
	t, chosen := tiles.Choose(oldestTable, p, tile), tiles.Choose(oldestTable, p, "")
	down, across := p.Grid(t)
	return t.Name == tile && chosen.Name != tile && !chosen.Strips && down*across > 1
}

// Joins says whether an instruction leaves moments for the one after it.
func Joins(e kernels.Exec, i int) bool { return e.(*Exec).normalised(i) }

// IsPoison says whether an error outlives the call that reported it.
func IsPoison(err error) bool { return isPoison(err) }

// Look is where the launches of a segment's guard are, and how many.
func Look(e kernels.Exec, i int) (first any, n int) {
	q := &e.(*Exec).parts[i]
	if len(q.look) == 0 {
		return nil, 0
	}
	return &q.look[0], len(q.look)
}

//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/tiles"
)

// oldestTable is the architecture that tests ask for a table's choice.
const oldestTable = 80

// Serves says whether a tile can serve a convolution, and makes more than one of it,
// and the table chooses another, whose test is not this tile's.
func Serves(tile string, op kernels.Op, in []kernels.Type) bool {
	p, err := tiles.Of(op, in)
	if err != nil {
		return false
	}
	t := tiles.Choose(oldestTable, p, tile)
	down, across := p.Grid(t)
	return t.Name == tile && tiles.Choose(oldestTable, p, "").Name != tile && down*across > 1
}

package tiles

// rule says where a tile serves: a result of at least so many rows and of so many
// columns (0: any), if that makes so many blocks.
type rule struct {
	Tile
	leastRows, leastColumns, mostColumns, leastBlocks int
}

func (r rule) can(p Product) bool {
	if r.Strips && (p.Strips == nil || !r.holds(*p.Strips)) {
		return false
	}
	return (!r.EightsA || p.ChannelsA%8 == 0) && (!r.EightsB || p.ChannelsB%8 == 0)
}

// holds says whether one tile holds all the taps of a row: as columns, or, of a gradient by
// weights, as rows.
func (r rule) holds(strips Product) bool {
	if strips.Op == "conv2d_grad_w" {
		return strips.Rows <= r.Rows
	}
	return strips.Columns <= r.Columns && strips.Overlap < r.Rows/2
}

func (r rule) fits(p Product) bool {
	down, across := p.Grid(r.Tile)
	return p.Rows >= r.leastRows && p.Columns >= r.leastColumns && (r.mostColumns == 0 || p.Columns <= r.mostColumns) && down*across*p.Count >= r.leastBlocks
}

// architecture is what is decided for one architecture.
type architecture struct {
	// rules of each operation: the first that can and fits serves; the last can
	// always.
	rules map[string][]rule
	// slots is how many blocks of a shard's gradient by weights are to run at once: it
	// is cut into slices to have as many.
	slots int
}

// table is part of the numerics class. Sums over the depth run in the same order in
// every tile but those by strips, so that the other rules move bits through slices alone; no
// rule that moves bits looks at how many images there are. Kernels by wgmma and bulk copies
// will stand in front of the rules of 90, and move bits.
var table = map[int]architecture{
	80: {rulesFor(108), 2 * 108},
	90: {rulesFor(132), 2 * 132},
}

// of is the architecture whose decisions a card follows.
func of(capability int) architecture {
	if capability >= 90 {
		return table[90]
	}
	return table[80]
}

// rulesFor are the rules of a card with so many multiprocessors: the larger a tile, the
// fewer bytes cross the second cache, but every multiprocessor is to have two blocks.
func rulesFor(processors int) map[string][]rule {
	const slim = 16
	large, tall := Tile{"128x128", 128, 128, 256, 4, true, true, false}, Tile{"128x64", 128, 64, 128, 4, true, true, false}
	strip := rule{Tile: Tile{"strip_128x32", 128, 32, 128, 4, true, true, true}}
	stripX := rule{Tile: Tile{"strip_128x32", 128, 32, 128, 4, true, false, true}}
	wide := []rule{
		{Tile: large, leastColumns: 65, leastBlocks: 2 * processors},
		{Tile: tall, leastBlocks: 2 * processors},
		{Tile: Tile{"64x64", 64, 64, 128, 4, true, true, false}},
		{Tile: Tile{"odd_128x64", 128, 64, 128, 3, false, false, false}},
	}
	return map[string][]rule{
		"conv2d":        append([]rule{strip, {Tile: Tile{"128x16", 128, slim, 128, 4, true, true, false}, mostColumns: slim}}, wide...),
		"conv2d_grad_x": append([]rule{stripX, {Tile: Tile{"128x16", 128, slim, 128, 4, true, false, false}, mostColumns: slim}}, wide...),
		"conv2d_grad_w": {
			{Tile: Tile{"strip_32x128", 32, 128, 128, 4, false, true, true}},
			{Tile: large, leastRows: 65},
			{Tile: Tile{"64x128", 64, 128, 128, 4, true, true, false}, leastRows: slim + 1},
			{Tile: Tile{"64x64", 64, 64, 128, 4, true, false, false}, leastRows: slim + 1},
			{Tile: Tile{"16x128", slim, 128, 128, 4, false, true, false}},
			{Tile: Tile{"odd_64x64", 64, 64, 128, 3, false, false, false}},
		},
	}
}

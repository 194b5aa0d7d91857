package cpu

// tileRows is the number of rows of a tile.
const tileRows = 6

// microKernel computes a tile of rows × columns results, each one chain of
// fused multiply-adds. A table of addresses stands for a matrix whose rows lie
// anywhere. Both kernels start from zero or, where resume is not 0, from what
// the results hold: cutting a chain in pieces changes no bit. Two rows of
// results may share an address if they compute the same values.
type microKernel struct {
	rows, columns int

	// dot is, for t < taps and c < n, in that order,
	//
	//	results[r][j] += left[t*rows+r][c] * right[(t*n+c)*columns+j]
	//
	// and then, where bias is not nil, results[r][j] += bias[j]. taps, n >= 1.
	dot func(taps int64, left **float32, n int64, right, bias *float32, results **float32, resume int64)

	// outer is, for u < runs and i < n, in that order,
	//
	//	results[r][j] += left[(u*n+i)*leftStride/4+r] * right[u][i*stride/4+j]
	//
	// Strides are in bytes. runs, n >= 1.
	outer func(runs int64, right **float32, n, stride int64, left *float32, leftStride int64, results **float32, resume int64)
}

// panel is a run of columns that one micro-kernel works on. A panel at the edge
// may hold fewer columns than its kernel computes: the rest is zeros in packed
// memory and goes nowhere.
type panel struct {
	kernel *microKernel
	first  int // first column
	count  int // columns that exist
}

// cut divides columns into panels, widest kernels first. The sum of the widths
// before a panel is its first column: only the last can be short.
func cut(kernels []microKernel, columns int) []panel {
	var ps []panel
	for at := 0; at < columns; {
		k := &kernels[len(kernels)-1]
		for i := range kernels {
			if kernels[i].columns <= columns-at {
				k = &kernels[i]
				break
			}
		}
		ps = append(ps, panel{k, at, min(k.columns, columns-at)})
		at += k.columns
	}
	return ps
}

// padded is the sum of the panels' widths.
func padded(ps []panel) int {
	last := ps[len(ps)-1]
	return last.first + last.kernel.columns
}

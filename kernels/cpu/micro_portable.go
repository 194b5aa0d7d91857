package cpu

import "unsafe"

// portableKernels are plain Go: each product is rounded before it is added.
var portableKernels = []microKernel{{rows: tileRows, columns: portableColumns, dot: dotPortable, outer: outerPortable}}

const portableColumns = 16

// portableTile is a tile of sums.
type portableTile [tileRows][portableColumns]float32

// begin sets the sums to zero, or to the results where resume is not 0.
func (t *portableTile) begin(results **float32, resume int64) {
	*t = portableTile{}
	if resume == 0 {
		return
	}
	for r, from := range unsafe.Slice(results, tileRows) {
		t[r] = *(*[portableColumns]float32)(unsafe.Pointer(from))
	}
}

// end stores the sums: all have been read before the first is written, for two
// rows may share an address.
func (t *portableTile) end(results **float32) {
	for r, to := range unsafe.Slice(results, tileRows) {
		*(*[portableColumns]float32)(unsafe.Pointer(to)) = t[r]
	}
}

// link adds v * row to the sums of row r.
func (t *portableTile) link(r int, v float32, row []float32) {
	sum, right := &t[r], (*[portableColumns]float32)(row)
	for j := range sum {
		sum[j] += float32(v * right[j])
	}
}

// dotPortable is microKernel.dot.
func dotPortable(taps int64, left **float32, n int64, right, bias *float32, results **float32, resume int64) {
	rows := unsafe.Slice(left, taps*tileRows)
	weights := unsafe.Slice(right, taps*n*portableColumns)
	var sums portableTile
	sums.begin(results, resume)
	for i, row := range rows {
		tap := weights[i/tileRows*int(n)*portableColumns:]
		for c, v := range unsafe.Slice(row, n) {
			sums.link(i%tileRows, v, tap[c*portableColumns:])
		}
	}
	if bias != nil {
		b := unsafe.Slice(bias, portableColumns)
		for r := range sums {
			for j := range sums[r] {
				sums[r][j] += b[j]
			}
		}
	}
	sums.end(results)
}

// outerPortable is microKernel.outer.
func outerPortable(runs int64, right **float32, n, stride int64, left *float32, leftStride int64, results **float32, resume int64) {
	step, leftStep := int(stride/4), int(leftStride/4)
	factors := unsafe.Slice(left, (int(runs*n)-1)*leftStep+tileRows)
	var sums portableTile
	sums.begin(results, resume)
	for _, start := range unsafe.Slice(right, runs) {
		row := unsafe.Slice(start, (int(n)-1)*step+portableColumns)
		for i := range int(n) {
			for r := range sums {
				sums.link(r, factors[r], row[i*step:])
			}
			factors = factors[min(leftStep, len(factors)):]
		}
	}
	sums.end(results)
}

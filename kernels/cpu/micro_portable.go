package cpu

import "unsafe"

// portableKernels are plain Go: each product is rounded before it is added.
var portableKernels = []microKernel{{rows: tileRows, columns: portableColumns, dot: dotPortable, outer: outerPortable}}

const portableColumns = 16

// dotPortable is microKernel.dot.
func dotPortable(taps int64, left **float32, n int64, right, bias *float32, results **float32, resume int64) {
	rows := unsafe.Slice(left, taps*tileRows)
	weights := unsafe.Slice(right, taps*n*portableColumns)
	for r, result := range unsafe.Slice(results, tileRows) {
		var sum [portableColumns]float32
		out := (*[portableColumns]float32)(unsafe.Pointer(result))
		if resume != 0 {
			sum = *out
		}
		for t := range int(taps) {
			tap := weights[t*int(n)*portableColumns:]
			for c, v := range unsafe.Slice(rows[t*tileRows+r], n) {
				axpyPortable(&sum, v, (*[portableColumns]float32)(tap[c*portableColumns:]))
			}
		}
		if bias != nil {
			for j, b := range unsafe.Slice(bias, portableColumns) {
				sum[j] += b
			}
		}
		*out = sum
	}
}

// outerPortable is microKernel.outer.
func outerPortable(runs int64, right **float32, n, stride int64, left *float32, results **float32, resume int64) {
	starts := unsafe.Slice(right, runs)
	factors := unsafe.Slice(left, runs*n*tileRows)
	step := int(stride / 4)
	for r, result := range unsafe.Slice(results, tileRows) {
		var sum [portableColumns]float32
		out := (*[portableColumns]float32)(unsafe.Pointer(result))
		if resume != 0 {
			sum = *out
		}
		for u, start := range starts {
			row := unsafe.Slice(start, (int(n)-1)*step+portableColumns)
			for i := range int(n) {
				f := factors[(u*int(n)+i)*tileRows+r]
				axpyPortable(&sum, f, (*[portableColumns]float32)(row[i*step:]))
			}
		}
		*out = sum
	}
}

// axpyPortable is sum += v * row.
func axpyPortable(sum *[portableColumns]float32, v float32, row *[portableColumns]float32) {
	for j := range sum {
		sum[j] += float32(v * row[j])
	}
}

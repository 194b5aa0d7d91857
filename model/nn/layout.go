package nn

import "g2c/kernels"

// ExportShape is the shape a parameter has in files: PyTorch's. Ours of rank 4
// is (K,R,S,C), a file's (K,C,R,S): OIHW for convolutions and IOHW for transposed
// ones, whose K is the input's.
func ExportShape(s kernels.Shape) []int {
	if len(s) == 4 {
		return []int{s[0], s[3], s[1], s[2]}
	}
	return append([]int(nil), s...)
}

// Export copies a parameter from our layout to a file's. shape is ours.
func Export[T any](dst, src []T, shape kernels.Shape) {
	permute(shape, func(ours, file int) { dst[file] = src[ours] })
}

// Import copies a parameter from a file's layout to ours. shape is ours.
func Import[T any](dst, src []T, shape kernels.Shape) {
	permute(shape, func(ours, file int) { dst[ours] = src[file] })
}

// permute pairs the places of each element in our layout and in a file's.
func permute(s kernels.Shape, f func(ours, file int)) {
	if len(s) != 4 {
		for i := range s.Len() {
			f(i, i)
		}
		return
	}
	i := 0
	for k := range s[0] {
		for r := range s[1] {
			for w := range s[2] {
				for c := range s[3] {
					f(i, ((k*s[3]+c)*s[1]+r)*s[2]+w)
					i++
				}
			}
		}
	}
}

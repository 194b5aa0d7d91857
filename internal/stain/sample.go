package stain

// SamplePixels is how many pixels of a set of images a target is taken from at the most.
const SamplePixels = 1 << 20

// Sample takes the pixels of a set of n images of so many pixels each, all of them or evenly
// spaced ones: those whose number in the set is a multiple of the least stride that leaves
// at most SamplePixels. read gives the pixels of image i.
func Sample(n, each int, read func(i int) ([]uint8, error)) ([]uint8, error) {
	stride := (n*each + SamplePixels - 1) / SamplePixels
	var out []uint8
	next := 0 // the number of the next pixel in the image at hand
	for i := range n {
		pixels, err := read(i)
		if err != nil {
			return nil, err
		}
		for ; next < each; next += stride {
			out = append(out, pixels[3*next:3*next+3]...)
		}
		next -= each
	}
	return out, nil
}

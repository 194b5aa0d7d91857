// Package stain gives tissue another colour without a network: the colour transfer of
// Reinhard, the separation of stains of Macenko, and jitter of stains by the
// deconvolution of Ruifrok and Johnston. It is what translations by generators are
// compared with, what input may be normalised by, and an augmentation.
//
// It knows pixels alone: 8-bit RGB, three bytes each, row by row; a list of pixels need
// not be a whole image. All arithmetic is float64 without fusion over internal/fmath, so
// that a pixel is the same on every machine; what is written is rounded to the nearest
// byte, halves up, after clipping to [0, 255].
//
// An image that a method cannot work on (of one colour, or with too little tissue) is
// left as it is: no method ever gives NaN. A target that it cannot work on is an error of
// the caller's: Fit functions say so.
//
// All functions are pure and may be called from many goroutines.
package stain

import "math"

// round writes an intensity in [0, 1] as a byte.
func round(v float64) uint8 {
	return uint8(math.Floor(float64(min(max(v, 0), 1)*255) + 0.5))
}

// write rounds intensities to bytes.
func write(dst []uint8, v []float64) {
	for i, x := range v {
		dst[i] = round(x)
	}
}

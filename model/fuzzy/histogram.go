// Package fuzzy is the hand-crafted rival of Table 5: a fuzzy colour histogram under a random
// forest. It is no program of kernels: a model is grown once, on the host, in float64, and its
// bits depend on nothing but its images, their order and the seed.
// Source: Han and Ma, "Fuzzy color histogram and its use in color image retrieval", IEEE
// Transactions on Image Processing 11(8), 2002; Breiman, "Random forests", Machine Learning
// 45, 2001.
package fuzzy

import (
	"math"
	"sync"

	"g2c/internal/fmath"
)

// The histogram's shape. Fine bins are cubes of RGB, coarse ones clusters of their colours.
const (
	fineSide = 16 // fine bins along each of R, G and B
	fine     = fineSide * fineSide * fineSide
	Bins     = 64 // coarse bins: the features of an image

	fuzziness  = 1.9 // m of fuzzy c-means. Source: Han and Ma, section III
	iterations = 50
)

// Centres are the colours of the coarse bins in CIELAB: L*, a*, b* of each.
type Centres [Bins][3]float32

// Histogram turns images into features.
type Histogram struct {
	Centres    Centres
	membership []float64 // (fine, Bins): rows sum to 1
}

// Standard is the histogram of the colours of the cube, which no image changes: fuzzy c-means
// of the middles of all fine bins, from the middles of 4×4×4 larger ones.
var Standard = sync.OnceValue(func() *Histogram {
	colours := fineColours()
	centres := make([][3]float64, Bins)
	for j := range centres {
		centres[j] = lab([3]float64{middle(j/16, 4), middle(j/4%4, 4), middle(j%4, 4)})
	}
	weight := make([]float64, Bins)
	for range iterations {
		var total [Bins]float64
		var sum [Bins][3]float64
		for _, colour := range colours {
			memberships(weight, colour, centres)
			for j, u := range weight {
				if u == 0 {
					continue
				}
				um := power(u, fuzziness)
				total[j] += um
				for c, x := range colour {
					sum[j][c] += float64(um * x)
				}
			}
		}
		for j := range centres {
			for c := range centres[j] {
				centres[j][c] = sum[j][c] / total[j]
			}
		}
	}
	var rounded Centres
	for j, centre := range centres {
		for c, v := range centre {
			rounded[j][c] = float32(v)
		}
	}
	return NewHistogram(rounded)
})

// NewHistogram is the histogram whose coarse bins lie about given centres.
func NewHistogram(centres Centres) *Histogram {
	h := &Histogram{Centres: centres, membership: make([]float64, fine*Bins)}
	wide := make([][3]float64, Bins)
	for j, centre := range centres {
		for c, v := range centre {
			wide[j][c] = float64(v)
		}
	}
	for k, colour := range fineColours() {
		memberships(h.membership[k*Bins:][:Bins], colour, wide)
	}
	return h
}

// Features are the fuzzy histogram of an image of 8-bit RGB: what part of its colour belongs
// to each coarse bin. They sum to 1.
func (h *Histogram) Features(pixels []uint8) (features [Bins]float32) {
	var counts [fine]int
	for i := 0; i+2 < len(pixels); i += 3 {
		const shift = 4 // 256 / fineSide
		counts[(int(pixels[i]>>shift)*fineSide+int(pixels[i+1]>>shift))*fineSide+int(pixels[i+2]>>shift)]++
	}
	var sum [Bins]float64
	for k, n := range counts {
		if n == 0 {
			continue
		}
		part := float64(n) / float64(len(pixels)/3)
		for j, u := range h.membership[k*Bins:][:Bins] {
			sum[j] += float64(part * u)
		}
	}
	for j, v := range sum {
		features[j] = float32(v)
	}
	return features
}

// memberships are how far a colour belongs to each centre: 1 over the sum over l of
// (distance to j / distance to l)^(2/(m-1)). A colour that is a centre belongs to it alone.
func memberships(to []float64, colour [3]float64, centres [][3]float64) {
	total := 0.0
	for j, centre := range centres {
		square := 0.0
		for c := range colour {
			d := colour[c] - centre[c]
			square += float64(d * d)
		}
		if square == 0 {
			clear(to)
			to[j] = 1
			return
		}
		to[j] = power(square, -1/(fuzziness-1))
		total += to[j]
	}
	for j := range to {
		to[j] /= total
	}
}

func fineColours() [][3]float64 {
	colours := make([][3]float64, fine)
	for k := range colours {
		colours[k] = lab([3]float64{middle(k/fineSide/fineSide, fineSide), middle(k/fineSide%fineSide, fineSide), middle(k%fineSide, fineSide)})
	}
	return colours
}

// middle is the middle of bin i of n, in [0,1].
func middle(i, n int) float64 { return (float64(i) + 0.5) / float64(n) }

// lab is the CIELAB of an sRGB colour in [0,1], under D65.
// Source: IEC 61966-2-1; CIE 15; skimage.color.rgb2lab.
func lab(rgb [3]float64) [3]float64 {
	for c, v := range rgb {
		if v > 0.04045 {
			rgb[c] = power((v+0.055)/1.055, 2.4)
		} else {
			rgb[c] = v / 12.92
		}
	}
	var f [3]float64
	for i, row := range [3][4]float64{
		{0.412453, 0.357580, 0.180423, 0.95047}, {0.212671, 0.715160, 0.072169, 1}, {0.019334, 0.119193, 0.950227, 1.08883},
	} {
		t := (float64(row[0]*rgb[0]) + float64(row[1]*rgb[1]) + float64(row[2]*rgb[2])) / row[3]
		if t > 0.008856 {
			f[i] = power(t, 1.0/3)
		} else {
			f[i] = float64(7.787*t) + 16.0/116
		}
	}
	return [3]float64{float64(116*f[1]) - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])}
}

// power is x^y for x above 0.
func power(x, y float64) float64 {
	if x <= 0 {
		return math.NaN()
	}
	return fmath.Exp(y * fmath.Log(x))
}

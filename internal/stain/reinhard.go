package stain

import "math"

// Reinhard is the colour of a set of pixels: the mean and the standard deviation (of the
// population) of each channel of CIELAB. An image is given that colour by
//
//	v' = (v - mean(image)) / std(image) × Std + Mean      for L, a and b
//
// Source: Reinhard et al., "Color transfer between images", 2001; in CIELAB in place of
// lαβ, as the libraries of digital pathology do it: torchstain 1.4.1, ReinhardNormalizer
// (staintools and TIAToolbox likewise, there in LAB that is rounded to bytes).
type Reinhard struct {
	Mean [3]float64 `json:"mean"`
	Std  [3]float64 `json:"std"`
}

// leastStd is the least standard deviation of a channel of CIELAB that is divided by: less
// is one colour and rounding.
const leastStd = 1e-3

// FitReinhard takes the colour of pixels; false of those that have one colour, or no hue.
func FitReinhard(pixels []uint8) (Reinhard, bool) { return moments(toLAB(pixels)) }

func moments(lab []float64) (r Reinhard, ok bool) {
	n := float64(len(lab) / 3)
	if n == 0 {
		return r, false
	}
	for k := range 3 {
		sum := 0.0
		for i := k; i < len(lab); i += 3 {
			sum += lab[i]
		}
		r.Mean[k] = sum / n
		squares := 0.0
		for i := k; i < len(lab); i += 3 {
			d := lab[i] - r.Mean[k]
			squares += float64(d * d)
		}
		r.Std[k] = math.Sqrt(squares / n)
	}
	return r, r.valid()
}

// valid says whether an image may be scaled by these numbers.
func (r *Reinhard) valid() bool {
	for k := range 3 {
		if !(r.Std[k] >= leastStd && r.Std[k] <= 1000 && math.Abs(r.Mean[k]) <= 1000) {
			return false
		}
	}
	return true
}

// Apply writes pixels in this colour to dst, which may be src. Pixels of one colour, or
// without hue, stay as they are.
func (r Reinhard) Apply(dst, src []uint8) {
	if v, ok := r.intensities(src); ok {
		write(dst, v)
		return
	}
	copy(dst, src)
}

// intensities are the pixels in this colour, in [0, 1].
func (r *Reinhard) intensities(src []uint8) ([]float64, bool) {
	lab := toLAB(src)
	own, ok := moments(lab)
	if !ok {
		return nil, false
	}
	for i, v := range lab {
		k := i % 3
		lab[i] = float64((v-own.Mean[k])/own.Std[k]*r.Std[k]) + r.Mean[k]
	}
	fromLAB(lab)
	return lab, true
}

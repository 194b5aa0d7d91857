package stain

// ReinhardIntensities are an image's, before rounding.
func ReinhardIntensities(r Reinhard, src []uint8) []float64 {
	v, _ := r.intensities(src)
	return v
}

// MacenkoIntensities are an image's, before rounding.
func MacenkoIntensities(m Macenko, src []uint8) []float64 {
	v, _ := m.intensities(src)
	return v
}

// JitterIntensities are an image's, before rounding.
func JitterIntensities(j Jitter, src []uint8) []float64 {
	out := make([]float64, len(src))
	j.each(src, func(i int, v float64) { out[i] = v })
	return out
}

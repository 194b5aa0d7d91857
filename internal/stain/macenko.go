package stain

import (
	"math"
	"slices"

	"g2c/internal/fmath"
)

// Macenko is the stains of a set of pixels: the optical densities of two stains, and how
// much of each there is. An image is given those stains by separating its own, scaling
// their concentrations, and mixing with the target's:
//
//	OD = -ln((v+1)/240)                         of each byte v
//	tissue: pixels with no OD below 0.15
//	plane of the two largest eigenvectors of cov(tissue); in it the angles at the 1st and
//	the 99th percentile are the stains, the redder-absorbing first
//	C  = least squares of OD by the stains      max = 99th percentile of each row of C
//	v' = 240 exp(-Stains (C × Max/max))         clipped to 255
//
// Source: Macenko et al., "A method for normalizing histology slides for quantitative
// analysis", 2009; torchstain 1.4.1, NumpyMacenkoNormalizer. Its eigenvectors have the
// signs that LAPACK gives them; here they point to where red is absorbed, as staintools
// turns them. As there, what is added to a byte before the logarithm is not taken off
// again, so that an image in its own stains is lighter by about one.
type Macenko struct {
	Stains [2][3]float64 `json:"stains"` // optical density of red, green and blue, of length 1
	Max    [2]float64    `json:"max"`    // concentration at the 99th percentile
}

// The method's parameters: torchstain's defaults.
const (
	transmitted  = 240.0 // Io
	leastDensity = 0.15  // β
	angleTail    = 1.0   // α, in percent
	highest      = 99.0  // percentile of concentrations
)

// What the method needs of an image.
const (
	leastTissue = 16   // pixels
	leastAngle  = 1e-3 // the stains' directions apart: sine of the angle
	leastMax    = 1e-3 // concentration
)

// density is the optical density of each byte.
var density = func() (t [256]float64) {
	for v := range t {
		t[v] = -fmath.Log((float64(v) + 1) / transmitted)
	}
	return t
}()

// FitMacenko separates the stains of pixels; false where there is too little tissue, or one
// stain alone.
func FitMacenko(pixels []uint8) (Macenko, bool) {
	m, _, ok := separate(pixels)
	return m, ok
}

// separate finds the stains and the concentrations of them, two a pixel.
func separate(pixels []uint8) (m Macenko, c [][2]float64, ok bool) {
	var tissue [][3]float64
	for i := 0; i+2 < len(pixels); i += 3 {
		od := [3]float64{density[pixels[i]], density[pixels[i+1]], density[pixels[i+2]]}
		if min(od[0], od[1], od[2]) >= leastDensity {
			tissue = append(tissue, od)
		}
	}
	if len(tissue) < leastTissue {
		return m, nil, false
	}
	if m.Stains, ok = directions(tissue); !ok {
		return m, nil, false
	}
	c = concentrations(pixels, &m.Stains)
	row := make([]float64, len(c))
	for k := range m.Max {
		for i := range c {
			row[i] = c[i][k]
		}
		slices.Sort(row)
		m.Max[k] = percentile(row, highest)
	}
	return m, c, m.valid()
}

// directions are the two stains in a cloud of optical densities.
func directions(tissue [][3]float64) (stains [2][3]float64, ok bool) {
	_, vectors := eigen(covariance(tissue))
	first, second := vectors[0], vectors[1]
	for _, v := range []*[3]float64{&first, &second} {
		if v[0] < 0 {
			*v = [3]float64{-v[0], -v[1], -v[2]}
		}
	}
	angles := make([]float64, len(tissue))
	for i, od := range tissue {
		angles[i] = fmath.Atan2(dot(od, second), dot(od, first))
	}
	slices.Sort(angles)
	low, high := percentile(angles, angleTail), percentile(angles, 100-angleTail)
	for i, phi := range []float64{low, high} {
		cos, sin := fmath.Cos(phi), fmath.Sin(phi)
		for k := range 3 {
			stains[i][k] = float64(cos*first[k]) + float64(sin*second[k])
		}
	}
	if !(stains[0][0] > stains[1][0]) {
		stains[0], stains[1] = stains[1], stains[0]
	}
	return stains, fmath.Sin(high-low) >= leastAngle
}

// concentrations solve OD = stains C for each pixel by least squares.
func concentrations(pixels []uint8, stains *[2][3]float64) [][2]float64 {
	aa, ab, bb := dot(stains[0], stains[0]), dot(stains[0], stains[1]), dot(stains[1], stains[1])
	det := float64(aa*bb) - float64(ab*ab)
	c := make([][2]float64, len(pixels)/3)
	for i := range c {
		od := [3]float64{density[pixels[3*i]], density[pixels[3*i+1]], density[pixels[3*i+2]]}
		p, q := dot(stains[0], od), dot(stains[1], od)
		c[i] = [2]float64{(float64(bb*p) - float64(ab*q)) / det, (float64(aa*q) - float64(ab*p)) / det}
	}
	return c
}

// valid says whether an image may be mixed by these numbers.
func (m *Macenko) valid() bool {
	for k := range 2 {
		if !(m.Max[k] >= leastMax && m.Max[k] <= 1000) {
			return false
		}
		for _, v := range m.Stains[k] {
			if !(math.Abs(v) <= 1.001) {
				return false
			}
		}
	}
	return true
}

// Apply writes pixels in these stains to dst, which may be src. Pixels with too little
// tissue, or one stain alone, stay as they are.
func (m Macenko) Apply(dst, src []uint8) {
	if v, ok := m.intensities(src); ok {
		write(dst, v)
		return
	}
	copy(dst, src)
}

// intensities are the pixels in these stains, in [0, 1].
func (m *Macenko) intensities(src []uint8) ([]float64, bool) {
	own, c, ok := separate(src)
	if !ok {
		return nil, false
	}
	out := make([]float64, len(src))
	for i, x := range c {
		a, b := x[0]/(own.Max[0]/m.Max[0]), x[1]/(own.Max[1]/m.Max[1])
		for k := range 3 {
			od := float64(m.Stains[0][k]*a) + float64(m.Stains[1][k]*b)
			out[3*i+k] = min(transmitted*fmath.Exp(-od), 255) / 255
		}
	}
	return out, true
}

// percentile of sorted numbers, between two of them in a straight line: numpy's default.
func percentile(sorted []float64, p float64) float64 {
	at := float64(float64(len(sorted)-1) * (p / 100))
	i := int(math.Floor(at))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + float64((sorted[i+1]-sorted[i])*(at-float64(i)))
}

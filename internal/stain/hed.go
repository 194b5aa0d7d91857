package stain

import (
	"math"

	"g2c/internal/fmath"
)

// Jitter changes how much there is of haematoxylin, eosin and DAB in a pixel:
//
//	OD = -log10(max(c, 1e-6))        c = byte/255
//	s  = OD × inverse(M)             the stains, rows of M their colours
//	s' = s × (1 + Scale) + Shift
//	c' = 10^(-s' × M)                clipped to [0, 1]
//
// Stains may be negative between the two steps: then a jitter of nothing is nothing, for
// colours too that the three stains cannot mix.
//
// Source: Ruifrok and Johnston, "Quantification of histochemical staining by color
// deconvolution", 2001; Tellez et al., "Whole-slide mitosis detection in H&E breast
// histology using PHH3", 2018, section III-D (HED-light: α and β within ±0.05);
// scikit-image 0.26, rgb2hed and hed2rgb, whose stains are these divided by 6.
type Jitter struct {
	Scale, Shift [3]float64 // α and β of haematoxylin, eosin and DAB
}

// hedToRGB are the optical densities of the stains.
var (
	hedToRGB = [3][3]float64{{0.65, 0.70, 0.29}, {0.07, 0.99, 0.11}, {0.27, 0.57, 0.78}}
	rgbToHED = inverse(hedToRGB)
)

// decadic is -log10 of each byte's intensity.
var decadic = func() (t [256]float64) {
	for v := range t {
		t[v] = -fmath.Log(math.Max(float64(v)/255, 1e-6)) / math.Ln10
	}
	return t
}()

// Apply writes jittered pixels to dst, which may be src.
func (j Jitter) Apply(dst, src []uint8) { j.each(src, func(i int, v float64) { dst[i] = round(v) }) }

// each gives the jittered intensities in [0, 1], in order.
func (j *Jitter) each(src []uint8, give func(i int, v float64)) {
	for i := 0; i+2 < len(src); i += 3 {
		s := rowTimes([3]float64{decadic[src[i]], decadic[src[i+1]], decadic[src[i+2]]}, &rgbToHED)
		for k := range s {
			s[k] = float64(s[k]*(1+j.Scale[k])) + j.Shift[k]
		}
		for k, od := range rowTimes(s, &hedToRGB) {
			give(i+k, min(fmath.Exp(float64(-math.Ln10*od)), 1))
		}
	}
}

func rowTimes(v [3]float64, m *[3][3]float64) (out [3]float64) {
	for k := range out {
		out[k] = float64(v[0]*m[0][k]) + float64(v[1]*m[1][k]) + float64(v[2]*m[2][k])
	}
	return out
}

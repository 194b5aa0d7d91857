package stain

import "g2c/internal/fmath"

// rgbToXYZ is the matrix of linear sRGB to CIE XYZ of the reference (torchstain,
// OpenCV); xyzToRGB is its inverse.
var (
	rgbToXYZ = [3][3]float64{{0.412453, 0.357580, 0.180423}, {0.212671, 0.715160, 0.072169}, {0.019334, 0.119193, 0.950227}}
	xyzToRGB = inverse(rgbToXYZ)
)

// white is the reference white, D65 at 2°, in XYZ.
var white = [3]float64{0.95047, 1, 1.08883}

// toLAB turns pixels into CIELAB (L 0 to 100), three numbers each.
//
//	linear = ((c+0.055)/1.055)^2.4 above 0.04045, else c/12.92     c = byte/255
//	f(t)   = t^(1/3) above 0.008856, else 7.787 t + 16/116          t = XYZ/white
//	L, a, b = 116 f(Y) - 16, 500 (f(X)-f(Y)), 200 (f(Y)-f(Z))
//
// Source: torchstain 1.4.1, numpy/utils/rgb2lab.py, without its scaling to bytes.
func toLAB(pixels []uint8) []float64 {
	out := make([]float64, len(pixels))
	for i := 0; i+2 < len(pixels); i += 3 {
		var rgb [3]float64
		for k := range rgb {
			rgb[k] = linear[pixels[i+k]]
		}
		xyz := times(&rgbToXYZ, rgb)
		for k := range xyz {
			xyz[k] = labF(xyz[k] / white[k])
		}
		out[i] = float64(116*xyz[1]) - 16
		out[i+1] = 500 * (xyz[0] - xyz[1])
		out[i+2] = 200 * (xyz[1] - xyz[2])
	}
	return out
}

// fromLAB turns CIELAB into intensities in [0, 1], in place: the inverse of toLAB, clipped.
// Source: torchstain 1.4.1, numpy/utils/lab2rgb.py.
func fromLAB(lab []float64) {
	for i := 0; i+2 < len(lab); i += 3 {
		y := (lab[i] + 16) / 116
		f := [3]float64{lab[i+1]/500 + y, y, y - lab[i+2]/200}
		for k, t := range f {
			if t > 0.2068966 {
				f[k] = float64(float64(t*t)*t) * white[k]
			} else {
				f[k] = (t - 16.0/116) / 7.787 * white[k]
			}
		}
		for k, c := range times(&xyzToRGB, f) {
			lab[i+k] = min(max(gamma(c), 0), 1)
		}
	}
}

func labF(t float64) float64 {
	if t > 0.008856 {
		return power(t, 1.0/3)
	}
	return float64(7.787*t) + 16.0/116
}

// gamma is the transfer function of sRGB.
func gamma(c float64) float64 {
	if c > 0.0031308 {
		return float64(1.055*power(c, 1/2.4)) - 0.055
	}
	return 12.92 * c
}

// linear is sRGB's inverse transfer function of each byte.
var linear = func() (t [256]float64) {
	for v := range t {
		c := float64(v) / 255
		if c > 0.04045 {
			t[v] = power((c+0.055)/1.055, 2.4)
		} else {
			t[v] = c / 12.92
		}
	}
	return t
}()

// power is x^e for positive x.
func power(x, e float64) float64 { return fmath.Exp(e * fmath.Log(x)) }

func times(m *[3][3]float64, v [3]float64) (out [3]float64) {
	for i, row := range m {
		out[i] = float64(row[0]*v[0]) + float64(row[1]*v[1]) + float64(row[2]*v[2])
	}
	return out
}

// inverse is the inverse of a matrix, by cofactors.
func inverse(m [3][3]float64) (out [3][3]float64) {
	minor := func(i, j int) float64 { // signed by its cyclic indices
		a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
		return float64(m[a][c]*m[b][d]) - float64(m[a][d]*m[b][c])
	}
	det := float64(m[0][0]*minor(0, 0)) + float64(m[0][1]*minor(0, 1)) + float64(m[0][2]*minor(0, 2))
	for i := range out {
		for j := range out[i] {
			out[i][j] = minor(j, i) / det
		}
	}
	return out
}

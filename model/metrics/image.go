package metrics

import (
	"math"

	"g2c/internal/fmath"
)

// MeanAbs is the mean absolute difference of two images of any one layout.
func MeanAbs(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += math.Abs(float64(v) - float64(b[i]))
	}
	return sum / float64(len(a))
}

// PSNR is the peak signal-to-noise ratio in decibels of images in [0,1]; +Inf for
// equal ones.
func PSNR(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += float64(d * d)
	}
	if sum == 0 {
		return math.Inf(1)
	}
	return 10 * fmath.Log(float64(len(a))/sum) / fmath.Log(10)
}

// MeanColour is the mean of each channel of an (H,W,3) image.
func MeanColour(im []float32) (c [3]float64) {
	for i, v := range im {
		c[i%3] += float64(v)
	}
	for k := range c {
		c[k] /= float64(len(im) / 3)
	}
	return c
}

// ColourDistance is the Euclidean distance of two mean colours.
func ColourDistance(a, b [3]float64) float64 {
	sum := 0.0
	for k := range a {
		d := a[k] - b[k]
		sum += float64(d * d)
	}
	return math.Sqrt(sum)
}

// The constants of SSIM for images in [0,1].
const (
	ssimWindow = 11
	ssimSigma  = 1.5
	ssimC1     = 0.01 * 0.01
	ssimC2     = 0.03 * 0.03
)

// SSIM is the mean structural similarity of two (H,W,3) images in [0,1]: an 11×11
// Gaussian window of standard deviation 1.5, windows wholly inside the image,
// each channel alone. H and W are at least 11.
// Source: Wang et al. 2004, with its constants.
func SSIM(a, b []float32, h, w int) float64 {
	total := 0.0
	for c := range 3 {
		total = similarity(total, channel(a, c), channel(b, c), h, w)
	}
	return total / float64(3*(h-ssimWindow+1)*(w-ssimWindow+1))
}

// GreySSIM is SSIM of the grey images, 0.299 R + 0.587 G + 0.114 B: the measure as it was
// published, and what skimage.metrics.structural_similarity gives of them with
// gaussian_weights=True, use_sample_covariance=False and data_range=1.
func GreySSIM(a, b []float32, h, w int) float64 {
	return similarity(0, grey(a), grey(b), h, w) / float64((h-ssimWindow+1)*(w-ssimWindow+1))
}

// grey is an (H,W,3) image without its colour.
func grey(im []float32) []float64 {
	out := make([]float64, len(im)/3)
	for i := range out {
		p := im[3*i:][:3]
		out[i] = float64(0.299*float64(p[0])) + float64(0.587*float64(p[1])) + float64(0.114*float64(p[2]))
	}
	return out
}

// similarity adds the similarity at all places of the window to a total.
func similarity(total float64, x, y []float64, h, w int) float64 {
	taps := gaussian()
	mx, my := blur(x, h, w, taps), blur(y, h, w, taps)
	xx, yy, xy := blur(product(x, x), h, w, taps), blur(product(y, y), h, w, taps), blur(product(x, y), h, w, taps)
	for i := range mx {
		vx, vy := xx[i]-float64(mx[i]*mx[i]), yy[i]-float64(my[i]*my[i])
		cov := xy[i] - float64(mx[i]*my[i])
		luminance := (float64(2*mx[i]*my[i]) + ssimC1) / (float64(mx[i]*mx[i]) + float64(my[i]*my[i]) + ssimC1)
		structure := (float64(2*cov) + ssimC2) / (vx + vy + ssimC2)
		total += float64(luminance * structure)
	}
	return total
}

func gaussian() [ssimWindow]float64 {
	var g [ssimWindow]float64
	sum := 0.0
	for i := range g {
		d := float64(i - ssimWindow/2)
		g[i] = fmath.Exp(-d * d / (2 * ssimSigma * ssimSigma))
		sum += g[i]
	}
	for i := range g {
		g[i] /= sum
	}
	return g
}

func channel(im []float32, c int) []float64 {
	out := make([]float64, len(im)/3)
	for i := range out {
		out[i] = float64(im[3*i+c])
	}
	return out
}

func product(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = a[i] * b[i]
	}
	return out
}

// blur is the separable convolution with taps at every place the window fits.
func blur(im []float64, h, w int, taps [ssimWindow]float64) []float64 {
	ow, oh := w-ssimWindow+1, h-ssimWindow+1
	rows := make([]float64, h*ow)
	for y := range h {
		for x := range ow {
			sum := 0.0
			for k, t := range taps {
				sum += float64(t * im[y*w+x+k])
			}
			rows[y*ow+x] = sum
		}
	}
	out := make([]float64, oh*ow)
	for y := range oh {
		for x := range ow {
			sum := 0.0
			for k, t := range taps {
				sum += float64(t * rows[(y+k)*ow+x])
			}
			out[y*ow+x] = sum
		}
	}
	return out
}

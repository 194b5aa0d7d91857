package search

import (
	"math"
	"slices"

	"g2c/internal/fmath"
)

// Of tpe.
const (
	// startup is how many trials are random before anything is estimated: two rounds.
	startup = 2 * RoundSize
	// goodShare is the part of the trials that counts as good (γ of the paper).
	goodShare = 0.25
	// candidates is how many configurations are drawn from the good ones' density, of which
	// the one is taken that is likeliest to be good.
	candidates = 24
	// thinnest is the least width of a window, in parts of the range.
	thinnest = 0.1
)

// estimate draws configurations by a tree-structured Parzen estimator: a density of the good
// trials and one of the others for each parameter, and of values drawn from the first the one
// with the highest ratio of both. Windows are logistic in place of normal ones: their
// distribution function and its inverse are elementary.
// Source: Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter
// optimization", NeurIPS 2011, section 4.
func (s *Search) estimate(done []Scored) func(config, try int) []float64 {
	ranked := slices.Clone(done)
	slices.SortFunc(ranked, better)
	good := int(math.Ceil(float64(goodShare * float64(len(ranked)))))
	densities := make([][2]density, len(s.Space))
	for k, p := range s.Space {
		densities[k] = [2]density{p.density(ranked[:good], k), p.density(ranked[good:], k)}
	}
	return func(config, try int) []float64 {
		var out []float64
		best := math.Inf(-1)
		for c := range candidates {
			x, ratio := make([]float64, len(s.Space)), 1.0
			for k, p := range s.Space {
				x[k] = densities[k][0].draw(s.uniform(config, k, try, 2*c), s.uniform(config, k, try, 2*c+1))
				ratio *= densities[k][0].at(x[k]) / densities[k][1].at(x[k])
				if p.Choices == 0 {
					x[k] = p.offScale(x[k])
				}
			}
			if ratio > best {
				best, out = ratio, x
			}
		}
		return out
	}
}

// density is how likely a parameter's values are, on its scale.
type density interface {
	at(x float64) float64
	draw(which, place float64) float64 // from two uniform numbers
}

func (p Param) density(of []Scored, k int) density {
	if p.Choices > 0 {
		counts := make(shares, p.Choices)
		for i := range counts {
			counts[i] = 1 // of the prior
		}
		for _, t := range of {
			counts[int(t.Values[k])]++
		}
		return counts
	}
	var at []float64
	for _, t := range of {
		at = append(at, p.onScale(t.Values[k]))
	}
	low, high := p.bounds()
	return newWindows(at, low, high)
}

// shares are counts of a list's values.
type shares []float64

func (c shares) sum() float64 {
	total := 0.0
	for _, n := range c {
		total += n
	}
	return total
}

func (c shares) at(x float64) float64 { return c[int(x)] / c.sum() }

func (c shares) draw(which, _ float64) float64 {
	left := float64(which * c.sum())
	for i, n := range c {
		if left < n {
			return float64(i)
		}
		left -= n
	}
	return float64(len(c) - 1)
}

// windows are Parzen windows around values, cut at the bounds, with the whole range as one
// more.
type windows struct {
	low, high   float64
	mean, width []float64
}

// newWindows makes each window as wide as the larger gap to its neighbours.
func newWindows(at []float64, low, high float64) *windows {
	w := &windows{low: low, high: high, mean: slices.Sorted(slices.Values(at))}
	for i, m := range w.mean {
		left, right := low, high
		if i > 0 {
			left = w.mean[i-1]
		}
		if i+1 < len(w.mean) {
			right = w.mean[i+1]
		}
		gap := max(m-left, right-m)
		w.width = append(w.width, max(gap, float64(thinnest*(high-low)))*logisticScale)
	}
	return w
}

// logisticScale makes the standard deviation of a logistic distribution its width: √3/π.
const logisticScale = 0.5513288954217921

func (w *windows) at(x float64) float64 {
	sum := 1 / (w.high - w.low)
	for i, m := range w.mean {
		c := fmath.Sigmoid((x - m) / w.width[i])
		low, high := w.cut(i)
		sum += float64(float64(c*(1-c))/w.width[i]) / (high - low)
	}
	return sum / float64(len(w.mean)+1)
}

// cut is what lies below the bounds of a window.
func (w *windows) cut(i int) (low, high float64) {
	return fmath.Sigmoid((w.low - w.mean[i]) / w.width[i]), fmath.Sigmoid((w.high - w.mean[i]) / w.width[i])
}

func (w *windows) draw(which, place float64) float64 {
	i := int(which * float64(len(w.mean)+1))
	if i >= len(w.mean) {
		return w.low + float64(place*(w.high-w.low))
	}
	low, high := w.cut(i)
	q := low + float64(place*(high-low))
	x := w.mean[i] + float64(w.width[i]*fmath.Log(q/(1-q)))
	return min(max(x, w.low), w.high)
}

package metrics

import (
	"math"
	"testing"
)

// rows are n rows of d numbers around a mean.
func rows(n, d int, seed, mean float64) []float32 {
	out := make([]float32, n*d)
	for i := range out {
		out[i] = float32(mean + math.Sin(seed+float64(i*i%1013)))
	}
	return out
}

// obviousKID is the definition, pair by pair.
func obviousKID(x, y []float32, d int) float64 {
	k := func(a, b []float32) float64 {
		dot := 0.0
		for i := range a {
			dot += float64(a[i]) * float64(b[i])
		}
		return math.Pow(dot/float64(d)+1, 3)
	}
	mean := func(a, b []float32, same bool) float64 {
		sum, count := 0.0, 0.0
		for i := 0; i < len(a); i += d {
			for j := 0; j < len(b); j += d {
				if !same || i != j {
					sum, count = sum+k(a[i:i+d], b[j:j+d]), count+1
				}
			}
		}
		return sum / count
	}
	return mean(x, x, true) + mean(y, y, true) - 2*mean(x, y, false)
}

func TestKID(t *testing.T) {
	const d = 17
	x, y := rows(9, d, 1, 0), rows(6, d, 2, 0.5)
	value, se := KID(x, y, d)
	if want := obviousKID(x, y, d); !(math.Abs(value-want) <= 1e-12*math.Abs(want)) {
		t.Errorf("KID %v, want %v", value, want)
	}
	// The jackknife: leave out each image of either set in turn.
	variance := 0.0
	for _, set := range []int{0, 1} {
		var left []float64
		n := []int{9, 6}[set]
		for i := range n {
			without := func(v []float32) []float32 { return append(append([]float32{}, v[:i*d]...), v[(i+1)*d:]...) }
			if set == 0 {
				left = append(left, obviousKID(without(x), y, d))
			} else {
				left = append(left, obviousKID(x, without(y), d))
			}
		}
		mean := 0.0
		for _, v := range left {
			mean += v / float64(n)
		}
		for _, v := range left {
			variance += (v - mean) * (v - mean) * float64(n-1) / float64(n)
		}
	}
	if want := math.Sqrt(variance); !(math.Abs(se-want) <= 1e-9*want) {
		t.Errorf("standard error %v, want %v", se, want)
	}
	if alike, _ := KID(x, rows(9, d, 1, 0), d); !(alike < value) {
		t.Errorf("a set beside itself %v, beside another %v", alike, value)
	}
	if far, _ := KID(x, rows(6, d, 2, 3), d); !(far > value) {
		t.Errorf("further away %v, nearer %v", far, value)
	}
	if v, _ := KID(x[:d], y, d); !math.IsNaN(v) {
		t.Errorf("of one image: %v", v)
	}
	if v, se := KID(x[:2*d], y, d); math.IsNaN(v) || !math.IsNaN(se) {
		t.Errorf("of two images: %v ± %v", v, se)
	}
}

package metrics

import (
	"math"

	"g2c/internal/fmath/distribution"
)

// AreaDifference is the area under the ROC curve of arm B less that of arm A, with
// its variance.
type AreaDifference struct{ Value, Variance float64 }

// Obuchowski is the difference of areas of two arms with its variance over groups.
// Both judge the same M positives and N negatives of I groups; of group k, with m
// positives and n negatives,
//
//	V = sum over its positives of the share of all negatives that score below, B less A
//	W = sum over its negatives of the share of all positives that score above, B less A
//	S10 = I10/((I10-1) M) sum over groups with positives of (V - mD)²
//	S01 = I01/((I01-1) N) sum over groups with negatives of (W - nD)²
//	S11 = I/(I-1)         sum over groups                of (V - mD)(W - nD)
//	variance = S10/M + S01/N + 2 S11/(MN),
//
// D the difference, ties counting half. If every image is a group it is DeLong's
// variance. It is not known of one group of a class.
// Source: Obuchowski 1997, applied to the difference of the components; DeLong,
// DeLong and Clarke-Pearson 1988.
func Obuchowski(a, b Clusters) AreaDifference {
	M := float64(a.Whole.Confusion[0][0] + a.Whole.Confusion[0][1])
	N := float64(a.Whole.Confusion[1][0] + a.Whole.Confusion[1][1])
	D := float64(Area(b.Whole) - Area(a.Whole))
	var s10, s01, s11 float64
	for k, g := range a.Groups {
		m, n := g.size(0), g.size(1)
		v := float64(b.Groups[k].Won-g.Won)/(2*N) - float64(float64(m)*D)
		w := float64(b.Groups[k].Lost-g.Lost)/(2*M) - float64(float64(n)*D)
		if m > 0 {
			s10 += float64(v * v)
		}
		if n > 0 {
			s01 += float64(w * w)
		}
		if m > 0 && n > 0 {
			s11 += float64(v * w)
		}
	}
	holding, all := a.Holding(), float64(len(a.Groups))
	if min(holding[0], holding[1]) < minGroups {
		return AreaDifference{D, math.NaN()}
	}
	i10, i01 := float64(holding[0]), float64(holding[1])
	s10 *= i10 / (i10 - 1) / (M * M)
	s01 *= i01 / (i01 - 1) / (N * N)
	s11 *= all / (all - 1) / (M * N)
	return AreaDifference{D, s10 + s01 + float64(2*s11)}
}

// DeLong is the two-sided paired test of the areas under two ROC curves, as if
// images were independent; they are not, so it is no evidence where groups hold
// several images.
// Source: DeLong, DeLong and Clarke-Pearson 1988.
func DeLong(pairs []Pair) Number {
	alone := make([]Pair, len(pairs))
	for i, p := range pairs {
		alone[i] = p
		alone[i].Group = string([]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
	}
	d := Obuchowski(Arms(alone))
	return d.p(func(z float64) float64 { return 2 * distribution.Normal(-math.Abs(z)) })
}

// studentP is the two-sided test of a difference of areas on Student's t with
// groups - 1 degrees of freedom; the normal distribution holds for many groups
// alone.
func (d AreaDifference) studentP(groups int) Number {
	if groups < minGroups {
		return Undefined()
	}
	return d.p(func(t float64) float64 { return distribution.TwoSided(t, float64(groups-1)) })
}

// p is the test of the difference in standard errors. Without variance it is 1 of
// no difference, and not defined of one: samples so small that nothing varies.
func (d AreaDifference) p(tail func(float64) float64) Number {
	switch {
	case d.Variance > 0:
		return Number(tail(d.Value / math.Sqrt(d.Variance)))
	case d == (AreaDifference{}):
		return 1
	}
	return Undefined()
}

package metrics

import (
	"cmp"
	"math"
	"slices"
)

// PrecisionRecall is the curve of precision over recall of the positive class, one
// point a distinct score, highest score first. It has no point where nothing is
// called positive, and is empty without positives or with a score that is NaN.
func PrecisionRecall(samples []Sample) (recall, precision []float64) {
	positives := 0
	for _, s := range samples {
		if math.IsNaN(s.P) {
			return nil, nil
		}
		positives += 1 - s.Class
	}
	if positives == 0 {
		return nil, nil
	}
	sorted := slices.Clone(samples)
	slices.SortFunc(sorted, func(a, b Sample) int { return cmp.Compare(b.P, a.P) })
	right := 0
	for i, s := range sorted {
		right += 1 - s.Class
		if i+1 < len(sorted) && sorted[i+1].P == s.P {
			continue
		}
		recall = append(recall, float64(right)/float64(positives))
		precision = append(precision, float64(right)/float64(i+1))
	}
	return recall, precision
}

// AveragePrecision sums the curve's precision times what recall rises to it,
// without interpolation.
// Source: scikit-learn's average_precision_score.
func AveragePrecision(samples []Sample) Number {
	recall, precision := PrecisionRecall(samples)
	if len(recall) == 0 {
		return Undefined()
	}
	sum, before := 0.0, 0.0
	for i, r := range recall {
		sum += float64((r - before) * precision[i])
		before = r
	}
	return Number(sum)
}

// Brier is the mean square of probability less truth, the truth being 1 for a
// positive: 0 is perfect, 0.25 is what always saying 0.5 gets.
// Source: Brier 1950.
func Brier(samples []Sample) Number {
	sum := 0.0
	for _, s := range samples {
		d := s.P - float64(1-s.Class)
		sum += float64(d * d)
	}
	if len(samples) == 0 {
		return Undefined()
	}
	return Number(sum / float64(len(samples)))
}

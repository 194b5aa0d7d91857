package metrics

import (
	"math"
	"sort"
)

// Sample is one judged image.
type Sample struct {
	P     float64 // predicted probability of the positive class
	Class int     // the truth: 0 positive, 1 negative
	Group string  // patient, slide, or the image itself
}

// Threshold is the probability from which a sample is called positive.
const Threshold = 0.5

// Called is the predicted class.
func (s Sample) Called() int {
	if s.P >= Threshold {
		return 0
	}
	return 1
}

// Right reports whether the prediction is the truth.
func (s Sample) Right() bool { return s.Called() == s.Class }

// Binary is the metrics of a two-class task. Rows of Confusion are the truth,
// columns the prediction, positive first.
// Source: spec, "Evaluation".
type Binary struct {
	N                int       `json:"n"`
	BalancedAccuracy Number    `json:"balancedAccuracy"`
	Accuracy         Number    `json:"accuracy"`
	AUC              Number    `json:"auc"`
	F1               Number    `json:"f1"` // of the positive class
	Recall           [2]Number `json:"-"`  // by class
	Confusion        [2][2]int `json:"confusion"`
}

// Judge computes the metrics of samples.
func Judge(samples []Sample) Binary {
	b := Binary{N: len(samples)}
	for _, s := range samples {
		b.Confusion[s.Class][s.Called()]++
	}
	c := b.Confusion
	right := c[0][0] + c[1][1]
	b.Accuracy = ratio(right, b.N)
	b.Recall = [2]Number{ratio(c[0][0], c[0][0]+c[0][1]), ratio(c[1][1], c[1][0]+c[1][1])}
	b.BalancedAccuracy = (b.Recall[0] + b.Recall[1]) / 2
	b.F1 = ratio(2*c[0][0], 2*c[0][0]+c[0][1]+c[1][0])
	b.AUC = AUC(samples)
	return b
}

// AUC is the area under the receiver operating characteristic: the probability
// that a positive sample scores above a negative one, ties counting half.
func AUC(samples []Sample) Number {
	sorted := append([]Sample(nil), samples...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].P < sorted[j].P })
	below, positives, twice := 0, 0, 0 // twice the number of ordered pairs
	for i := 0; i < len(sorted); {
		if math.IsNaN(sorted[i].P) {
			return Undefined()
		}
		j, pos, neg := i, 0, 0
		for ; j < len(sorted) && sorted[j].P == sorted[i].P; j++ {
			if sorted[j].Class == 0 {
				pos++
			} else {
				neg++
			}
		}
		twice += pos * (2*below + neg)
		below += neg
		positives += pos
		i = j
	}
	return ratio(twice, 2*positives*below)
}

// ROC is the receiver operating characteristic: false and true positive rates
// from (0,0) to (1,1), one point a distinct score, highest score first.
func ROC(samples []Sample) (fpr, tpr []float64) {
	sorted := append([]Sample(nil), samples...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].P > sorted[j].P })
	var count [2]int
	for _, s := range sorted {
		count[s.Class]++
	}
	var seen [2]int
	fpr, tpr = []float64{0}, []float64{0}
	for i, s := range sorted {
		seen[s.Class]++
		if i+1 < len(sorted) && sorted[i+1].P == s.P {
			continue
		}
		fpr = append(fpr, float64(seen[1])/float64(max(count[1], 1)))
		tpr = append(tpr, float64(seen[0])/float64(max(count[0], 1)))
	}
	return fpr, tpr
}

package metrics

import "sort"

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
	c := Cluster(samples).Whole
	return Binary{
		N: len(samples), BalancedAccuracy: BalancedAccuracy(c), Accuracy: Accuracy(c), AUC: Area(c), F1: F1(c),
		Recall: [2]Number{Recall(0)(c), Recall(1)(c)}, Confusion: c.Confusion,
	}
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

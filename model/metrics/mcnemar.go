package metrics

import "g2c/internal/fmath"

// McNemar is the exact two-sided McNemar test: the probability that the samples
// on which two classifiers disagree fall at least as unevenly by chance. onlyA
// counts samples that only A judged right, onlyB those that only B did. It takes
// samples for independent: it is no evidence where groups hold several.
// Source: McNemar 1947.
func McNemar(onlyA, onlyB int) float64 {
	n := onlyA + onlyB
	if n == 0 {
		return 1
	}
	tail := 0.0
	logTerm := -float64(n) * fmath.Log(2) // log of C(n,0)/2^n
	for i := 0; i <= min(onlyA, onlyB); i++ {
		if i > 0 {
			logTerm += fmath.Log(float64(n-i+1) / float64(i))
		}
		tail += fmath.Exp(logTerm)
	}
	return min(1, 2*tail)
}

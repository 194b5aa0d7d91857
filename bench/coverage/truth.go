package main

import (
	"math"

	"g2c/internal/fmath/distribution"
	"g2c/model/metrics"
)

// The quantities that intervals are made for.
const (
	recallPositive = iota
	recallNegative
	balanced
	auc
	f1
	precision
	accuracy
	quantities
)

// truth is the quantities of infinitely many groups.
type truth [quantities]float64

// formula is how each quantity comes from counts.
var formula = [quantities]metrics.Metric{
	recallPositive: metrics.Recall(0), recallNegative: metrics.Recall(1), balanced: metrics.BalancedAccuracy,
	auc: metrics.Area, f1: metrics.F1, precision: metrics.Precision, accuracy: metrics.Accuracy,
}

// findTruth integrates over the group effects of one arm. The area is that of
// images of different groups.
func (w *world) findTruth(effect [2][]float64, recall [2]float64) truth {
	const stride = 8
	var r, n [2]float64
	for class := range 2 {
		for _, z := range effect[class] {
			r[class] += distribution.Normal(z) / grid
		}
		if recall[class] == 1 {
			r[class] = 1
		}
		for _, size := range w.sizes[class] {
			n[class] += float64(size)
		}
	}
	area := 0.0
	for i := stride / 2; i < grid; i += stride {
		for j := stride / 2; j < grid; j += stride {
			area += distribution.Normal((effect[0][i] + effect[1][j]) / math.Sqrt2)
		}
	}
	right, wrong := [2]float64{n[0] * r[0], n[1] * r[1]}, n[1]*(1-r[1])
	return truth{
		recallPositive: r[0], recallNegative: r[1], balanced: (r[0] + r[1]) / 2,
		auc: area * stride * stride / grid / grid,
		f1:  2 * right[0] / (right[0] + n[0] + wrong), precision: right[0] / (right[0] + wrong),
		accuracy: (right[0] + right[1]) / (n[0] + n[1]),
	}
}

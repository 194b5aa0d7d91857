package metrics

import "math"

// MOVER, the method of variance estimates recovery, makes the interval of a sum or
// a difference from those of its terms. With estimates x and y that vary together
// with correlation r, a the distance of x from the lower end of its interval and b
// that of y,
//
//	low of x + y = x + y - sqrt(a² + b² + 2rab),
//
// high likewise from the upper ends. The interval of -y is y's, turned round.
// Source: Zou and Donner 2008; Zou 2008 for estimates that depend.

// moverMean is the mean of two estimates. Recalls vary together where groups hold
// images of both classes.
func moverMean(of [2]Estimate, correlation float64) Estimate {
	x, y := of[0], of[1]
	sum := x.Value + y.Value
	low := reach(x.Value-x.Interval[0], y.Value-y.Interval[0], correlation)
	high := reach(x.Interval[1]-x.Value, y.Interval[1]-y.Value, correlation)
	return Estimate{Value: sum / 2, Interval: Interval{max(0, (sum-low)/2), min(1, (sum+high)/2)}}
}

// trusted is the share of the correlation of two arms that an interval of their
// difference counts on: that of few groups is itself uncertain, and arms that
// agree on all images of these may differ on the next one.
const trusted = 0.9

// moverDifference is x - y.
func moverDifference(x, y Estimate, correlation float64) Estimate {
	r := -trusted * correlation
	d := x.Value - y.Value
	low := reach(x.Value-x.Interval[0], y.Interval[1]-y.Value, r)
	high := reach(x.Interval[1]-x.Value, y.Value-y.Interval[0], r)
	return Estimate{Value: d, Interval: Interval{max(-1, d-low), min(1, d+high)}}
}

func reach(a, b Number, r float64) Number {
	x, y := float64(a), float64(b)
	square := float64(x*x) + float64(y*y) + float64(2*r*x*y)
	return Number(math.Sqrt(max(0, square)))
}

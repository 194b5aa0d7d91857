package distribution

import "math"

// Student returns the probability that a variable of Student's t distribution
// with df > 0 degrees of freedom is at most t.
func Student(t, df float64) float64 {
	if math.IsNaN(t) || !(df > 0) {
		return math.NaN()
	}
	square := float64(t * t)
	tail := Beta(df/(df+square), df/2, 0.5) / 2
	if square < df { // the same, without losing the small part of 1
		tail = (1 - Beta(square/(df+square), 0.5, df/2)) / 2
	}
	if math.IsInf(t, 0) {
		tail = 0
	}
	if t > 0 {
		return 1 - tail
	}
	return tail
}

// StudentQuantile returns the t with Student(t, df) = p.
func StudentQuantile(p, df float64) float64 {
	switch {
	case !(p >= 0 && p <= 1 && df > 0):
		return math.NaN()
	case p < 0.5:
		return -StudentQuantile(1-p, df)
	case p == 1:
		return math.Inf(1)
	case math.IsInf(df, 1):
		return NormalQuantile(p)
	}
	x := BetaQuantile(float64(2*p)-1, 0.5, df/2) // t²/(df+t²)
	return math.Sqrt(df * x / (1 - x))
}

// TwoSided is the probability of a t at least as far from zero.
func TwoSided(t, df float64) float64 { return 2 * Student(-math.Abs(t), df) }

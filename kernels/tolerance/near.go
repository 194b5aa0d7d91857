package tolerance

import "math"

// Excess is the distance of got from want in units of the tolerance: over 1
// fails. A NaN is near a NaN and nothing else; where want is not a number, or is
// infinite, the tolerance does not matter.
func Excess(got, want, tolerance float64) float64 {
	switch {
	case got == want || (math.IsNaN(got) && math.IsNaN(want)):
		return 0
	case math.IsNaN(got) || math.IsNaN(want) || math.IsInf(got, 0) || math.IsInf(want, 0):
		return math.Inf(1)
	case !(tolerance > 0):
		return math.Inf(1)
	}
	return math.Abs(got-want) / tolerance
}

// Near reports whether got lies within the tolerance of want. NaN fails unless
// both are.
func Near(got, want, tolerance float64) bool { return Excess(got, want, tolerance) <= 1 }

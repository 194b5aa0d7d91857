package metrics

import (
	"math"

	"g2c/internal/philox"
)

const (
	maxEnumerated = 20   // groups whose exchanges are all looked at: 2^19 of them
	flips         = 9999 // random exchanges otherwise
)

// signFlip is the two-sided test of a sum of one contribution a group against its
// distribution when each contribution could as well have had the other sign: the
// share of all choices of signs whose sum is at least as far from zero. Groups
// that contribute nothing change nothing. Of more than maxEnumerated groups the
// choices are random: word g/32 mod 4 of the block (flip, g/128), purpose
// SignFlip, seed 0, has the sign of group g in bit g mod 32, and
// p = (as far + 1) / (flips + 1).
// Source: Fisher 1935; Phipson and Smyth 2010 for the random choices.
func signFlip(contributions []int) float64 {
	var d []int
	sum := 0
	for _, v := range contributions {
		if v != 0 {
			d = append(d, v)
			sum += v
		}
	}
	if len(d) <= maxEnumerated {
		return allFlips(d, magnitude(sum))
	}
	return someFlips(d, magnitude(sum))
}

// allFlips walks all choices in Gray's order, so that one sign changes at a time.
// A choice and its opposite are as far: the last sign stays.
func allFlips(d []int, observed int) float64 {
	if len(d) == 0 {
		return 1
	}
	sum, far := 0, 0
	for _, v := range d {
		sum += v
	}
	sign := make([]int, len(d))
	for i := range sign {
		sign[i] = 1
	}
	choices := 1 << (len(d) - 1)
	for i := 1; ; i++ {
		if magnitude(sum) >= observed {
			far++
		}
		if i == choices {
			return float64(far) / float64(choices)
		}
		k := 0
		for i>>k&1 == 0 {
			k++
		}
		sum -= 2 * sign[k] * d[k]
		sign[k] = -sign[k]
	}
}

func someFlips(d []int, observed int) float64 {
	far := 0
	for f := range flips {
		sum := 0
		var w [4]uint32
		for g, v := range d {
			if g%128 == 0 {
				w = philox.Words(0, philox.SignFlip, [4]uint32{uint32(f), uint32(g / 128), 0, 0})
			}
			if w[g/32%4]>>(g%32)&1 == 1 {
				v = -v
			}
			sum += v
		}
		if magnitude(sum) >= observed {
			far++
		}
	}
	return float64(far+1) / (flips + 1)
}

func magnitude(v int) int { return max(v, -v) }

// SmallestP is the smallest two-sided p that a sign-flip test of so many groups
// can give, 2/2^groups: of all choices of signs the one that happened and its
// opposite are as far at least. With 7 groups it is 1/64. Where exchanges are drawn, for
// more groups than are enumerated, it is one in all that were made.
func SmallestP(groups int) float64 {
	if groups > maxEnumerated {
		return 1 / (flips + 1.0)
	}
	return math.Ldexp(1, 1-max(1, groups))
}

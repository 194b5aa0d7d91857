// Package drawn is the numbers that tests and the programs of bench/peers both draw, so that
// goldens need not hold them.
package drawn

// Numbers is draw() of bench/peers/goldens.py: n numbers in [-1,1).
func Numbers(seed, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		x := uint32(i)*2654435761 + uint32(seed)*0x9E3779B9
		x = (x ^ x>>16) * 0x85EBCA6B
		x = (x ^ x>>13) * 0xC2B2AE35
		x ^= x >> 16
		v[i] = float64(x>>8)/(1<<23) - 1
	}
	return v
}

package metrics

import "sort"

// Holm adjusts the p values of a family of tests: a test whose adjusted p is at
// most 0.05 may be claimed, and the chance of any false claim in the family is at
// most 0.05. In ascending order the adjusted value of the i-th of m, from 0, is
//
//	max over k <= i of min(1, (m-k) p_k).
//
// An undefined p is no test: it stays undefined and is not counted.
// Source: Holm 1979.
func Holm(p []Number) []Number {
	var order []int
	out := make([]Number, len(p))
	for i, v := range p {
		out[i] = Undefined()
		if v.Defined() {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return p[order[i]] < p[order[j]] })
	least := Number(0)
	for k, i := range order {
		least = max(least, min(1, Number(len(order)-k)*p[i]))
		out[i] = least
	}
	return out
}

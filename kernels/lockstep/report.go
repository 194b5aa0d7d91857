package lockstep

import (
	"fmt"
	"slices"
	"strings"

	"g2c/kernels/tolerance"
)

// Report is what a run found.
type Report struct {
	Program string
	Instrs  []Result
}

// Result is the comparison of one instruction.
type Result struct {
	Index int
	Line  string // the instruction, as the program's dump prints it
	// Worst is the largest error of any element in units of its tolerance: over 1
	// fails. It is infinite where a NaN or infinity stands against a number.
	Worst float64
	// The element of that error: which result, its place, and both values.
	Result, Element int
	Got, Want       float64
	Bad             int // elements over their tolerance
}

func (r *Report) add(line string, index int, scale float64, got, want []tolerance.Tensor, tol [][]float64) {
	res := Result{Index: index, Line: line}
	for k := range want {
		for i, w := range want[k].V {
			e := tolerance.Excess(got[k].V[i], w, scale*tol[k][i])
			if !(e <= 1) {
				res.Bad++
			}
			if !(e <= res.Worst) {
				res.Worst, res.Result, res.Element, res.Got, res.Want = e, k, i, got[k].V[i], w
			}
		}
	}
	r.Instrs = append(r.Instrs, res)
}

// Failures are the instructions with an element over its tolerance, in order.
func (r *Report) Failures() []Result {
	var bad []Result
	for _, i := range r.Instrs {
		if i.Bad > 0 {
			bad = append(bad, i)
		}
	}
	return bad
}

// Worst are the n results nearest to, or farthest over, their tolerance, worst
// first.
func (r *Report) Worst(n int) []Result {
	sorted := slices.Clone(r.Instrs)
	slices.SortStableFunc(sorted, func(a, b Result) int {
		switch {
		case a.Worst > b.Worst:
			return -1
		case a.Worst < b.Worst:
			return 1
		}
		return 0
	})
	return sorted[:min(n, len(sorted))]
}

// String is a summary for people: the failures, or the worst result.
func (r *Report) String() string {
	var b strings.Builder
	bad := r.Failures()
	fmt.Fprintf(&b, "%s: %d of %d instructions agree with ref\n", r.Program, len(r.Instrs)-len(bad), len(r.Instrs))
	show := bad
	if len(bad) == 0 {
		show = r.Worst(1)
	}
	for _, f := range show {
		fmt.Fprintf(&b, "%s\n       result %d, element %d: %g, ref has %g; %.3g times the tolerance; %d elements over it\n",
			f.Line, f.Result, f.Element, f.Got, f.Want, f.Worst, f.Bad)
	}
	return b.String()
}

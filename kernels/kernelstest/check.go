package kernelstest

import (
	"errors"
	"fmt"
	"math"

	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/kernels/tolerance"
)

// check runs the case on ref and on every device, the first of which is under
// test.
func (c testCase) check(devices []kernels.Device, scale float64) error {
	want, err := c.want()
	if err != nil {
		return fmt.Errorf("ref: %w", err)
	}
	tol, err := tolerance.Of(c.op, c.in, want)
	if err != nil {
		return err
	}
	var first [][]float64
	for i, d := range devices {
		got, err := c.results(d)
		if err != nil {
			return fmt.Errorf("device %d: %w", i, err)
		}
		if i == 0 {
			first = got
			if err := near(got, want, tol, scale); err != nil {
				return err
			}
		}
		if err := sameBits(first, got); err != nil {
			return fmt.Errorf("device %d beside device 0: %w", i, err)
		}
	}
	return nil
}

// want is ref's results.
func (c testCase) want() ([]tolerance.Tensor, error) {
	r, err := newRig(ref.New(), c, c.stands)
	if err != nil {
		return nil, err
	}
	got, err := r.run()
	if err != nil {
		return nil, err
	}
	out := make([]tolerance.Tensor, len(got))
	for k := range got {
		out[k] = tolerance.Tensor{Type: r.outTypes[k], V: got[k]}
	}
	return out, r.close()
}

// results runs the case on a device twice, then in place where that is allowed,
// and demands one answer.
func (c testCase) results(d kernels.Device) (got [][]float64, err error) {
	modes := []bool{c.stands}
	if _, ok := c.op.(kernels.InPlace); ok && !c.stands && !c.same {
		modes = []bool{false, true}
	}
	for _, inPlace := range modes {
		r, err := newRig(d, c, inPlace)
		if err != nil {
			return nil, err
		}
		for run := range 2 {
			again, err := r.run()
			if err != nil {
				return nil, err
			}
			if got == nil {
				got = again
			}
			if err := sameBits(got, again); err != nil {
				return nil, fmt.Errorf("run %d, in place %v: %w", run, inPlace, err)
			}
		}
		if err := r.close(); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// near holds results to ref's.
func near(got [][]float64, want []tolerance.Tensor, tol [][]float64, scale float64) error {
	for k := range want {
		worst, at, bad := 0.0, -1, 0
		for i, w := range want[k].V {
			e := tolerance.Excess(got[k][i], w, scale*tol[k][i])
			if !(e <= 1) {
				bad++
			}
			if !(e <= worst) {
				worst, at = e, i
			}
		}
		if bad > 0 {
			return fmt.Errorf("result %d, %v: %d elements are off; element %d is %g, want %g ± %g (%.3g times the tolerance)",
				k, want[k].Type, bad, at, got[k][at], want[k].V[at], scale*tol[k][at], worst)
		}
	}
	return nil
}

var errBits = errors.New("other bits")

// sameBits compares results bit by bit; a NaN has one bit pattern.
func sameBits(a, b [][]float64) error {
	for k := range a {
		for i := range a[k] {
			x, y := a[k][i], b[k][i]
			if math.Float64bits(x) != math.Float64bits(y) && !(math.IsNaN(x) && math.IsNaN(y)) {
				return fmt.Errorf("result %d, element %d: %v and %v: %w", k, i, x, y, errBits)
			}
		}
	}
	return nil
}

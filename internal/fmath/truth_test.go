package fmath

import (
	"math"
	"math/big"
)

// The truth: the same functions from their series in big floats.

const prec = 1300 // enough for the remainder of the largest double

func newFloat(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }

// series sums first * prod(step(1..k)) until the terms vanish at 300 bits.
func series(first *big.Float, step func(term *big.Float, k int)) *big.Float {
	sum := new(big.Float).SetPrec(prec).Set(first)
	term := new(big.Float).SetPrec(prec).Set(first)
	for k := 1; term.Sign() != 0 && term.MantExp(nil) > sum.MantExp(nil)-300; k++ {
		step(term, k)
		sum.Add(sum, term)
	}
	return sum
}

func arctanInverse(n float64) *big.Float {
	sum, power := newFloat(0), newFloat(1/n)
	power.Quo(newFloat(1), newFloat(n))
	square := newFloat(n * n)
	for k := 0; power.MantExp(nil) > -prec; k++ {
		term := newFloat(0).Quo(power, newFloat(float64(2*k+1)))
		if k%2 == 1 {
			term.Neg(term)
		}
		sum.Add(sum, term)
		power.Quo(power, square)
	}
	return sum
}

// bigPi is Machin's 16 arctan(1/5) - 4 arctan(1/239).
var bigPi = func() *big.Float {
	a := newFloat(0).Mul(newFloat(16), arctanInverse(5))
	return a.Sub(a, newFloat(0).Mul(newFloat(4), arctanInverse(239)))
}()

// bigExp halves its argument 12 times and squares the series back up.
func bigExp(x *big.Float) *big.Float {
	const halvings = 12
	r := newFloat(0).SetMantExp(x, -halvings)
	e := series(newFloat(1), func(t *big.Float, k int) { t.Mul(t, r).Quo(t, newFloat(float64(k))) })
	for range halvings {
		e.Mul(e, e)
	}
	return e
}

// bigLog improves a double by two steps of Newton's method on exp.
func bigLog(x *big.Float) *big.Float {
	m := newFloat(0)
	e := x.MantExp(m)
	f, _ := m.Float64()
	y := newFloat(math.Log(f) + float64(e)*math.Ln2)
	for range 3 {
		q := newFloat(0).Quo(x, bigExp(y))
		y.Add(y, q.Sub(q, newFloat(1)))
	}
	return y
}

func bigSinCos(x float64, cosine bool) *big.Float {
	r := newFloat(x)
	half := newFloat(0).Quo(bigPi, newFloat(2))
	n, _ := newFloat(0).Add(newFloat(0).Quo(r, half), newFloat(math.Copysign(0.5, x))).Int(nil)
	r.Sub(r, half.Mul(half, newFloat(0).SetInt(n)))
	q := int(new(big.Int).Mod(n, big.NewInt(4)).Int64())
	if cosine {
		q++
	}
	square := newFloat(0).Mul(r, r)
	square.Neg(square)
	first, shift := r, 0.0
	if q%2 == 1 {
		first, shift = newFloat(1), -1
	}
	s := series(first, func(t *big.Float, k int) {
		n := 2*float64(k) + shift
		t.Mul(t, square).Quo(t, newFloat(n*(n+1)))
	})
	if q%4 >= 2 {
		s.Neg(s)
	}
	return s
}

func bigTanh(x float64) *big.Float {
	e := bigExp(newFloat(2 * x))
	return newFloat(0).Quo(newFloat(0).Sub(e, newFloat(1)), newFloat(0).Add(e, newFloat(1)))
}

func bigSigmoid(x float64) *big.Float {
	e := bigExp(newFloat(-x))
	return newFloat(0).Quo(newFloat(1), e.Add(e, newFloat(1)))
}

// bigAtan halves the angle a few times and sums the series: atan(x) = 2 atan(x/(1+sqrt(1+x²))).
func bigAtan(x float64) *big.Float {
	const halvings = 10
	r := newFloat(x)
	for range halvings {
		root := newFloat(0).Mul(r, r)
		root.Add(root, newFloat(1)).Sqrt(root)
		r.Quo(r, root.Add(root, newFloat(1)))
	}
	square := newFloat(0).Mul(r, r)
	square.Neg(square)
	power := newFloat(0).Set(r)
	sum := newFloat(0).Set(r)
	for k := 1; power.Sign() != 0 && power.MantExp(nil) > sum.MantExp(nil)-300; k++ {
		power.Mul(power, square)
		sum.Add(sum, newFloat(0).Quo(power, newFloat(float64(2*k+1))))
	}
	return sum.SetMantExp(sum, halvings)
}

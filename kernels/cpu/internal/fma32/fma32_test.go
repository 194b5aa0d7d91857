package fma32

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exact is x*y + z in unlimited precision, rounded once.
func exact(x, y, z float32) float32 {
	f := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	p := f(x)
	p.Mul(p, f(y))
	r, _ := p.Add(p, f(z)).Float32()
	return r
}

// TestFMA draws operands whose sum lies near halves of the last place, where
// rounding twice goes wrong, and subnormal results.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	twice := 0
	for range 200000 {
		x := float32(math.Ldexp(1+r.Float64(), r.IntN(40)-20))
		y := float32(math.Ldexp(r.Float64()-0.5, r.IntN(160)-140))
		z := float32(math.Ldexp(float64(x)*float64(y), r.IntN(60)-30))
		if r.IntN(4) == 0 { // a hair below or above a half of z's last place
			x, y = 0x1p-24*(1+0x1p-20), 1-0x1p-20
			z = 1 + 0x1p-23*float32(r.IntN(1<<20))
			y = float32(math.Copysign(float64(y), r.Float64()-0.5))
		}
		got, want := FMA(x, y, z), exact(x, y, z)
		if got != want {
			t.Fatalf("FMA(%g,%g,%g) = %g, want %g", x, y, z, got, want)
		}
		if float32(float64(x)*float64(y)+float64(z)) != want {
			twice++
		}
	}
	if twice == 0 {
		t.Fatal("no operands were drawn where rounding twice is wrong")
	}
}

func TestSpecial(t *testing.T) {
	inf := float32(math.Inf(1))
	if got := FMA(inf, 1, 1); got != inf {
		t.Errorf("inf*1+1 = %g", got)
	}
	if got := FMA(inf, 1, -inf); got == got {
		t.Errorf("inf-inf = %g", got)
	}
	if got := FMA(1, -1, 1); math.Signbit(float64(got)) || got != 0 {
		t.Errorf("1*-1+1 = %g", got)
	}
}

package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Reference values of these pairs: numpy and scipy 1.17, from the matrices of
// components.
var worked = []Pair{
	{0.4, 0.3, 0, "a"}, {0.3, 0.6, 0, "a"}, {0.6, 0.4, 0, "b"}, {0.7, 0.5, 0, "b"}, {0.8, 0.6, 0, "c"}, {0.6, 0.5, 0, "c"}, {0.5, 0.8, 0, "d"}, {0.4, 0.6, 0, "d"},
	{0.5, 0.2, 1, "d"}, {0.7, 0.4, 1, "e"}, {0.5, 0.5, 1, "e"}, {0.2, 0, 1, "f"}, {0.2, 0.3, 1, "f"}, {0.7, 0.2, 1, "a"}, {0.4, 0.3, 1, "g"},
}

func TestDifferenceOfAreas(t *testing.T) {
	d := Obuchowski(Arms(worked))
	if !near(d.Value, 0.2946428571428572, 1e-14) || !near(d.Variance, 0.043251835172844644, 1e-14) {
		t.Errorf("Obuchowski's difference %.17g, variance %.17g", d.Value, d.Variance)
	}
	c := Compare(worked, Level)
	if !near(float64(c.AUC.P), 0.25154485427868617, 1e-10) {
		t.Errorf("Obuchowski's p %.17g", c.AUC.P)
	}
	if !near(float64(c.DeLong), 0.06407501336650165, 1e-12) {
		t.Errorf("DeLong's p %.17g", c.DeLong)
	}
	if c.Groups != [2]int{4, 5} || c.N != len(worked) || !c.Few() || c.SmallestP != 1.0/64 {
		t.Errorf("%+v", c)
	}
}

// slowObuchowski sums over pairs of images, group by group.
func slowObuchowski(pairs []Pair) (difference, variance float64) {
	wins := func(p, q Pair) float64 { // B less A
		w := func(x, y float64) float64 {
			switch {
			case x > y:
				return 1
			case x == y:
				return 0.5
			}
			return 0
		}
		return w(p.B, q.B) - w(p.A, q.A)
	}
	var positives, negatives []Pair
	groups := map[string]bool{}
	for _, p := range pairs {
		groups[p.Group] = true
		if p.Class == 0 {
			positives = append(positives, p)
		} else {
			negatives = append(negatives, p)
		}
	}
	m, n := float64(len(positives)), float64(len(negatives))
	for _, p := range positives {
		for _, q := range negatives {
			difference += wins(p, q) / m / n
		}
	}
	var s10, s01, s11, k10, k01 float64
	for g := range groups {
		var v, w, mg, ng float64
		for _, p := range positives {
			for _, q := range negatives {
				if p.Group == g {
					v += (wins(p, q) - difference) / n
				}
				if q.Group == g {
					w += (wins(p, q) - difference) / m
				}
			}
			if p.Group == g {
				mg = 1
			}
		}
		for _, q := range negatives {
			if q.Group == g {
				ng = 1
			}
		}
		s10, s01, s11, k10, k01 = s10+v*v, s01+w*w, s11+v*w, k10+mg, k01+ng
	}
	k := float64(len(groups))
	return difference, k10/(k10-1)*s10/m/m + k01/(k01-1)*s01/n/n + 2*k/(k-1)*s11/m/n
}

func clusteredPairs(r *rand.Rand, n, groups int) []Pair {
	var p []Pair
	for _, s := range clustered(r, n, groups) {
		p = append(p, Pair{A: s.P, B: float64(r.IntN(9)) / 8, Class: s.Class, Group: s.Group})
	}
	return p
}

func TestObuchowskiCountsPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		pairs := clusteredPairs(r, 20+r.IntN(30), 2+r.IntN(9))
		d := Obuchowski(Arms(pairs))
		if want, variance := slowObuchowski(pairs); !near(d.Value, want, 1e-12) || !near(d.Variance, variance, 1e-12) {
			t.Fatalf("%+v, want %g and %g", d, want, variance)
		}
	}
}

func TestCompareIsAntisymmetric(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 30 {
		pairs := clusteredPairs(r, 60, 8)
		c := Compare(pairs, Level)
		for i, p := range pairs {
			pairs[i].A, pairs[i].B = p.B, p.A
		}
		o := Compare(pairs, Level)
		for _, x := range [][2]Difference{{c.BalancedAccuracy, o.BalancedAccuracy}, {c.AUC, o.AUC}} {
			a, b := x[0], x[1]
			if !near(float64(a.Value), -float64(b.Value), 1e-12) || !near(float64(a.P), float64(b.P), 1e-12) || !nearInterval(a.Interval, -float64(b.Interval[1]), -float64(b.Interval[0]), 1e-9) {
				t.Fatalf("%+v, exchanged %+v", a, b)
			}
			if !(a.Interval[0] <= a.Value && a.Value <= a.Interval[1]) {
				t.Fatalf("%+v", a)
			}
		}
		if c.McNemar != o.McNemar || c.OnlyA != o.OnlyB || !near(float64(c.DeLong), float64(o.DeLong), 1e-12) {
			t.Fatalf("%+v, exchanged %+v", c, o)
		}
	}
}

// Arms that say the same differ by nothing that is known, not by nothing.
func TestArmsThatAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	pairs := clusteredPairs(r, 60, 8)
	for i := range pairs {
		pairs[i].B = pairs[i].A
	}
	c := Compare(pairs, Level)
	for _, d := range []Difference{c.BalancedAccuracy, c.AUC} {
		if d.Value != 0 || d.P != 1 || !(d.Interval[0] < 0 && d.Interval[1] > 0) {
			t.Errorf("%+v", d)
		}
	}
	if c.McNemar != 1 || c.DeLong != 1 {
		t.Errorf("%+v", c)
	}
}

func TestCompareWithoutAClass(t *testing.T) {
	for name, pairs := range map[string][]Pair{"nothing": nil, "positives alone": {{0.1, 0.9, 0, "a"}, {0.2, 0.8, 0, "b"}}} {
		c := Compare(pairs, Level)
		for _, n := range []Number{c.BalancedAccuracy.Value, c.BalancedAccuracy.P, c.BalancedAccuracy.Interval[0], c.AUC.Value, c.AUC.P, c.AUC.Interval[1], c.DeLong} {
			if n.Defined() {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

// A difference that nothing is known to vary is not certain.
// One image of a class shows no variance: neither test of areas has a p then.
func TestAreasOfOneImageOfAClass(t *testing.T) {
	for n := 2; n < 40; n++ {
		var pairs []Pair
		for i := range n {
			p := Pair{A: float64(i*7%n) / float64(n), B: float64(i*5%n) / float64(n), Class: 1, Group: string(rune('A' + i))}
			if i == 0 {
				p.Class = 0
			}
			pairs = append(pairs, p)
		}
		if c := Compare(pairs, Level); c.DeLong.Defined() || c.AUC.P.Defined() {
			t.Errorf("of one positive and %d negatives DeLong's p is %v, the clustered %v", n-1, c.DeLong, c.AUC.P)
		}
	}
}

func TestDifferenceWithoutVariance(t *testing.T) {
	if p := Compare([]Pair{{0.1, 0.9, 0, "a"}, {0.1, 0.9, 0, "b"}, {0.5, 0.5, 1, "c"}, {0.5, 0.5, 1, "d"}}, Level); p.AUC.Value != 1 || p.AUC.P.Defined() || p.DeLong.Defined() {
		t.Errorf("%+v", p)
	}
}

// slowSignFlip tries all signs in floating point.
func slowSignFlip(d []float64) float64 {
	observed, far := 0.0, 0
	for _, v := range d {
		observed += v
	}
	for bits := range 1 << len(d) {
		sum := 0.0
		for i, v := range d {
			if bits>>i&1 == 1 {
				v = -v
			}
			sum += v
		}
		if math.Abs(sum) >= math.Abs(observed)-1e-9 {
			far++
		}
	}
	return float64(far) / float64(int(1)<<len(d))
}

func TestSignFlips(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 100 {
		pairs := clusteredPairs(r, 30+r.IntN(40), 2+r.IntN(10))
		a, b := Arms(pairs)
		var n [2]float64
		for _, p := range pairs {
			n[p.Class]++
		}
		by := map[string]float64{}
		for _, p := range pairs {
			for sign, arm := range map[float64]float64{1: p.B, -1: p.A} {
				if (Sample{P: arm, Class: p.Class}).Right() {
					by[p.Group] += sign / n[p.Class] / 2
				}
			}
		}
		var d []float64
		sum := 0.0
		for _, v := range by {
			d, sum = append(d, v), sum+v
		}
		c := Compare(pairs, Level)
		if !near(float64(c.BalancedAccuracy.Value), sum, 1e-12) {
			t.Fatalf("contributions sum to %g, the difference is %g", sum, c.BalancedAccuracy.Value)
		}
		if got, want := signFlip(contributions(a, b)), slowSignFlip(d); !near(got, want, 1e-12) || got != float64(c.BalancedAccuracy.P) {
			t.Fatalf("p %g, want %g, of %v", got, want, d)
		}
	}
	for _, c := range []struct {
		d    []int
		want float64
	}{{nil, 1}, {[]int{0, 0}, 1}, {[]int{5}, 1}, {[]int{1, 1}, 0.5}, {[]int{3, 3, 3, 3, 3, 3, 3}, 1.0 / 64}, {[]int{1, -1, 0}, 1}, {[]int{4, 1, -1}, 0.75}} {
		if got := signFlip(c.d); got != c.want {
			t.Errorf("signFlip(%v) = %g, want %g", c.d, got, c.want)
		}
	}
	for groups, want := range map[int]float64{0: 1, 1: 1, 2: 0.5, 7: 1.0 / 64, 10: 1.0 / 512} {
		if got := SmallestP(groups); got != want {
			t.Errorf("SmallestP(%d) = %g, want %g", groups, got, want)
		}
	}
}

// Random exchanges come near to all of them.
func TestRandomSignFlips(t *testing.T) {
	d := []int{5, 3, -2, 7, 1, 4, -6, 2, 3, 3, -1, 8, 5, -2, 4, 1}
	exact, random := allFlips(d, magnitude(35)), someFlips(d, 35)
	if !near(random, exact, 4*math.Sqrt(exact*(1-exact)/flips)) {
		t.Errorf("random exchanges give %g, all %g", random, exact)
	}
	var many []int
	for i := range 200 {
		many = append(many, 1+i%3)
	}
	if got := signFlip(many); got != 1.0/(flips+1) {
		t.Errorf("200 groups on one side give p %g", got)
	}
}

func TestHolm(t *testing.T) {
	nan := Undefined()
	got := Holm([]Number{0.01, 0.04, nan, 0.03, 0.005, 0.9})
	for i, want := range []Number{0.04, 0.09, nan, 0.09, 0.025, 0.9} {
		if !same(got[i], want) {
			t.Errorf("adjusted %v: number %d is not %g", fmt.Sprint(got), i, want)
		}
	}
	if all := Holm([]Number{0.6, 0.7}); all[0] != 1 || all[1] != 1 {
		t.Errorf("%v", all)
	}
}

// Reference values: scipy.stats.ttest_1samp.
func TestPairedT(t *testing.T) {
	d := PairedT([]Number{0.02, -0.01, Undefined(), 0.05, 0.03, 0.04}, Level)
	if !near(float64(d.Value), 0.026, 1e-15) || !nearInterval(d.Interval, -0.0025852519098702245, 0.05458525190987023, 1e-12) || !near(float64(d.P), 0.06498591034212063, 1e-12) {
		t.Errorf("%+v", d)
	}
	if one := PairedT([]Number{0.1}, Level); one.Value != 0.1 || one.P.Defined() || one.Interval[0].Defined() {
		t.Errorf("of one seed: %+v", one)
	}
	if equal := PairedT([]Number{0.25, 0.25}, Level); equal.P.Defined() || equal.Value != 0.25 {
		t.Errorf("of equal seeds: %+v", equal)
	}
	if none := PairedT(nil, Level); none.Value.Defined() {
		t.Errorf("of none: %+v", none)
	}
}

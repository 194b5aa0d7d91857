package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// clustered draws samples with ties, in groups of one class or of both.
func clustered(r *rand.Rand, n, groups int) []Sample {
	var s []Sample
	for range n {
		s = append(s, Sample{P: float64(r.IntN(9)) / 8, Class: r.IntN(2), Group: fmt.Sprint("g", r.IntN(groups))})
	}
	return s
}

func without(samples []Sample, group string) []Sample {
	var out []Sample
	for _, s := range samples {
		if s.Group != group {
			out = append(out, s)
		}
	}
	return out
}

// same takes two undefined numbers for equal.
func same(a, b Number) bool {
	if !a.Defined() || !b.Defined() {
		return a.Defined() == b.Defined()
	}
	return near(float64(a), float64(b), 1e-12)
}

// precision counts the images called positive, one by one.
func precision(samples []Sample) Number {
	right, called := 0, 0
	for _, s := range samples {
		if s.Called() == 0 {
			called++
			right += 1 - s.Class
		}
	}
	return ratio(right, called)
}

// Every metric, of all groups and without any one, is what Judge makes of the
// samples that are left.
func TestClustersAgreeWithJudge(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		samples := clustered(r, 2+r.IntN(30), 1+r.IntN(6))
		c := Cluster(samples)
		check := func(counts Counts, of []Sample) {
			t.Helper()
			b := Judge(of)
			for name, x := range map[string][2]Number{
				"AUC": {Area(counts), b.AUC}, "balanced accuracy": {BalancedAccuracy(counts), b.BalancedAccuracy},
				"accuracy": {Accuracy(counts), b.Accuracy}, "F1": {F1(counts), b.F1},
				"recall 0": {Recall(0)(counts), b.Recall[0]}, "recall 1": {Recall(1)(counts), b.Recall[1]},
				"precision": {Precision(counts), precision(of)},
			} {
				if !same(x[0], x[1]) {
					t.Fatalf("%s is %g, want %g, of %v", name, x[0], x[1], of)
				}
			}
		}
		check(c.Whole, samples)
		seen := map[string]bool{}
		for _, s := range samples {
			seen[s.Group] = true
		}
		i := 0
		for g := range 6 {
			if name := fmt.Sprint("g", g); seen[name] {
				check(c.Without(i), without(samples, name))
				i++
			}
		}
	}
}

func TestScoresThatAreNaNHaveNoArea(t *testing.T) {
	c := Cluster([]Sample{{math.NaN(), 0, "a"}, {0.2, 1, "b"}})
	if Area(c.Whole).Defined() || !Accuracy(c.Whole).Defined() {
		t.Errorf("area %g, accuracy %g", Area(c.Whole), Accuracy(c.Whole))
	}
}

// Of equal groups the jackknife of a mean is its standard error, squared.
func TestJackknifeOfAMean(t *testing.T) {
	var s []Sample
	right := []int{4, 2, 3, 1, 4, 0}
	sum, squares := 0.0, 0.0
	for g, n := range right {
		for i := range 4 {
			p := 0.1
			if i < n {
				p = 0.9
			}
			s = append(s, Sample{p, 0, fmt.Sprint(g)})
		}
		sum += float64(n) / 4
		squares += float64(n*n) / 16
	}
	k := float64(len(right))
	want := (squares - sum*sum/k) / (k - 1) / k
	if got := Cluster(s).Jackknife(Recall(0)).Variance(); !near(got, want, 1e-15) {
		t.Errorf("variance %g, want %g", got, want)
	}
}

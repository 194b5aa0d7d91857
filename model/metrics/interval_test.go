package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// of makes samples of a class: for each group so many judged rightly of so many.
func of(class int, groups ...[2]int) []Sample {
	var s []Sample
	for g, n := range groups {
		for i := range n[1] {
			called := class
			if i >= n[0] {
				called = 1 - class
			}
			s = append(s, Sample{P: 0.9 - 0.8*float64(called) + 0.001*float64(i), Class: class, Group: fmt.Sprint(class, g)})
		}
	}
	return s
}

func nearInterval(i Interval, low, high, tolerance float64) bool {
	return near(float64(i[0]), low, tolerance) && near(float64(i[1]), high, tolerance)
}

// Reference values: the formula in Python, quantiles of scipy 1.17.
func TestRecallIntervals(t *testing.T) {
	uneven := of(0, [2]int{10, 10}, [2]int{7, 10}, [2]int{15, 20}, [2]int{4, 5}, [2]int{9, 12})
	perfect := of(0, [2]int{10, 10}, [2]int{10, 10}, [2]int{20, 20}, [2]int{5, 5}, [2]int{12, 12})
	for _, c := range []struct {
		name             string
		samples          []Sample
		level, low, high float64
	}{
		{"95 %", uneven, 0.95, 0.5210582243406029, 0.9474424584916473},
		{"99 %", uneven, 0.99, 0.44456507426111336, 0.9691518740158958},
		{"perfect", perfect, 0.95, 0.797401787002403, 1},
	} {
		e := Intervals(c.samples, c.level)
		if !nearInterval(e.Recall[0].Interval, c.low, c.high, 1e-9) {
			t.Errorf("%s: %v, want [%g %g]", c.name, e.Recall[0].Interval, c.low, c.high)
		}
		if e.Recall[1].Interval[0].Defined() || e.BalancedAccuracy.Interval[1].Defined() || e.AUC.Interval[0].Defined() {
			t.Errorf("%s: intervals without negatives: %+v", c.name, e)
		}
	}
}

func TestIntervalsHoldTheirMetrics(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		s := clustered(r, 40+r.IntN(60), 4+r.IntN(12))
		e, b := Intervals(s, Level), Judge(s)
		wider := Intervals(s, FamilyLevel(10))
		for name, x := range map[string][3]any{
			"balanced accuracy": {e.BalancedAccuracy, b.BalancedAccuracy, wider.BalancedAccuracy}, "AUC": {e.AUC, b.AUC, wider.AUC},
			"F1": {e.F1, b.F1, wider.F1}, "accuracy": {e.Accuracy, b.Accuracy, wider.Accuracy},
			"recall": {e.Recall[1], b.Recall[1], wider.Recall[1]}, "precision": {e.Precision, precision(s), wider.Precision},
		} {
			got, want, wide := x[0].(Estimate), x[1].(Number), x[2].(Estimate)
			if !same(got.Value, want) {
				t.Fatalf("%s is %g, want %g", name, got.Value, want)
			}
			if !got.Interval[0].Defined() {
				continue // one group alone has what the metric rests on
			}
			if !(0 <= got.Interval[0] && got.Interval[0] <= want && want <= got.Interval[1] && got.Interval[1] <= 1) {
				t.Fatalf("%s: %v does not hold %g", name, got.Interval, want)
			}
			if !(wide.Interval[0] <= got.Interval[0] && got.Interval[1] <= wide.Interval[1]) {
				t.Fatalf("%s: %v of a family is not wider than %v", name, wide.Interval, got.Interval)
			}
		}
		slices.Reverse(s)
		if again := Intervals(s, Level); again.AUC != e.AUC || again.F1 != e.F1 || again.BalancedAccuracy != e.BalancedAccuracy {
			t.Fatal("the order of samples changes an interval")
		}
	}
}

// Nothing is certain because it went well.
func TestPerfectScoresAreNotCertain(t *testing.T) {
	ten := [2]int{10, 10}
	few := append(of(0, ten, ten, ten), of(1, ten, ten, ten)...)
	many := append(of(0, slices.Repeat([][2]int{ten}, 12)...), of(1, slices.Repeat([][2]int{ten}, 12)...)...)
	a, b := Intervals(few, Level), Intervals(many, Level)
	for name, x := range map[string][2]Estimate{
		"recall": {a.Recall[0], b.Recall[0]}, "balanced accuracy": {a.BalancedAccuracy, b.BalancedAccuracy}, "AUC": {a.AUC, b.AUC},
		"F1": {a.F1, b.F1}, "precision": {a.Precision, b.Precision}, "accuracy": {a.Accuracy, b.Accuracy},
	} {
		if !(x[0].Value == 1 && x[0].Interval[1] == 1 && x[0].Interval[0] < x[1].Interval[0] && x[1].Interval[0] < 1) {
			t.Errorf("%s: of 3 groups %v, of 12 %v", name, x[0], x[1])
		}
	}
	if !a.Few() || b.Few() || a.Groups != [2]int{3, 3} {
		t.Errorf("few: %v of %v groups, %v of %v", a.Few(), a.Groups, b.Few(), b.Groups)
	}
}

func TestIntervalsNeedTwoGroupsOfAClass(t *testing.T) {
	e := Intervals(append(of(0, [2]int{3, 5}), of(1, [2]int{3, 5}, [2]int{2, 5})...), Level)
	for name, x := range map[string]Estimate{"recall": e.Recall[0], "balanced accuracy": e.BalancedAccuracy, "AUC": e.AUC, "F1": e.F1, "accuracy": e.Accuracy, "precision": e.Precision} {
		if !x.Value.Defined() || x.Interval[0].Defined() || x.Interval[1].Defined() {
			t.Errorf("%s of one group of positives is %v", name, x)
		}
	}
	if !e.Recall[1].Interval[0].Defined() {
		t.Error("the recall of two groups has no interval")
	}
	if none := Intervals(nil, Level); none.AUC.Interval[0].Defined() || none.Recall[0].Value.Defined() {
		t.Errorf("of nothing: %+v", none)
	}
}

// Groups that hold both classes and are right or wrong in both together tell less
// of the mean of the recalls than groups apart; groups right in one and wrong in
// the other tell more.
func TestMoverCountsWhatGroupsShare(t *testing.T) {
	build := func(second [6]int) Estimate {
		var s []Sample
		for g, right := range [6]int{10, 4, 9, 5, 8, 6} {
			for class, n := range [2]int{right, second[g]} {
				for _, x := range of(class, [2]int{n, 10}) {
					x.Group = fmt.Sprint(g)
					s = append(s, x)
				}
			}
		}
		return Intervals(s, Level).BalancedAccuracy
	}
	together, apart := build([6]int{10, 4, 9, 5, 8, 6}), build([6]int{4, 10, 5, 9, 6, 8})
	if together.Value != apart.Value || !(together.Interval[0] < apart.Interval[0]-0.05 && together.Interval[1] > apart.Interval[1]+0.05) {
		t.Errorf("together %v, in turn %v", together, apart)
	}
}

// Seeds that judge the same images add nothing to what is known of images: as often as
// all are repeated, the interval is that of one seed.
func TestSeedsAddNoImages(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		once := clustered(r, 20+r.IntN(30), 3+r.IntN(8))
		var often []Sample
		for range 5 {
			often = append(often, once...)
		}
		want, got := Intervals(once, Level), IntervalsOver(often, len(once), Level)
		for class := range want.Recall {
			if !alike(got.Recall[class], want.Recall[class]) {
				t.Errorf("recall %+v of five seeds, %+v of one", got.Recall[class], want.Recall[class])
			}
		}
		if !alike(got.BalancedAccuracy, want.BalancedAccuracy) || !alike(got.Accuracy, want.Accuracy) || got.N != len(once) {
			t.Errorf("balanced accuracy %+v of %d images, want %+v", got.BalancedAccuracy, got.N, want.BalancedAccuracy)
		}
	}
}

// alike compares two estimates to rounding; what is undefined is so in both.
func alike(a, b Estimate) bool {
	near := func(x, y Number) bool {
		return x.Defined() == y.Defined() && (!x.Defined() || math.Abs(float64(x-y)) < 1e-9)
	}
	return near(a.Value, b.Value) && near(a.Interval[0], b.Interval[0]) && near(a.Interval[1], b.Interval[1])
}

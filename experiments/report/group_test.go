package report

import (
	"math"
	"slices"
	"testing"

	"g2c/model/metrics"
	"g2c/model/results"
)

// row is an arm with test predictions; right says which images it gets right, of
// which the first half are positive.
func row(arm string, seed uint32, stains []string, right ...bool) Arm {
	a := Arm{Task: "t", Arm: arm, Stains: stains, Width: 8, Blocks: 3, Seed: seed, positive: "p", negative: "n"}
	var samples []metrics.Sample
	for i, ok := range right {
		class := 0
		if i >= len(right)/2 {
			class = 1
		}
		p := results.Prediction{Name: string(rune('a' + i)), Split: "test", Group: string(rune('A' + i/2)), Class: class, P: 0.9}
		if ok == (class == 1) {
			p.P = 0.2
		}
		a.predictions = append(a.predictions, p)
		samples = append(samples, p.Sample())
	}
	b := metrics.Judge(samples)
	a.Metrics.Test = Split{N: b.N, BalancedAccuracy: b.BalancedAccuracy, Confusion: b.Confusion}
	return a
}

func compared(arms ...Arm) *Data {
	d := &Data{Arms: arms}
	d.group()
	d.compare()
	return d
}

func TestComparisonsAreWithTheArmWithoutStains(t *testing.T) {
	d := compared(
		row("stained", 1, []string{"HE"}, true, true, true, false),
		row("alone", 1, nil, true, false, false, true),
		row("stained", 2, []string{"HE"}, true, true, true, true),
		row("alone", 2, nil, true, true, true, false),
		row("stained", 3, []string{"HE"}, true, true, true, true), // without its counterpart
	)
	if d.baseline != "alone" {
		t.Fatalf("baseline %s", d.baseline)
	}
	type short struct {
		seed            uint32
		onlyA, onlyB, n int
	}
	var got []short
	for _, c := range d.Comparisons {
		s := short{onlyA: c.OnlyA, onlyB: c.OnlyB, n: c.N}
		if c.Seed != nil {
			s.seed = *c.Seed
		}
		if c.A != "alone" || c.B != "stained" || float64(c.P) != metrics.McNemar(c.OnlyA, c.OnlyB) {
			t.Errorf("comparison %+v", c)
		}
		got = append(got, s)
	}
	if want := []short{{0, 0, 1, 4}, {1, 1, 2, 4}, {2, 0, 1, 4}}; !slices.Equal(got, want) {
		t.Errorf("comparisons %v, want %v", got, want)
	}
}

// TestBaselineOfASweep finds the counterpart of the same depth, and of options
// that the baseline shares.
func TestBaselineOfASweep(t *testing.T) {
	at := func(a Arm, blocks int, options string) Arm {
		a.Blocks, a.Options = blocks, options
		return a
	}
	he := []string{"HE"}
	d := compared(
		at(row("sweep", 1, nil, true, true), 3, "finetune.lr=0.1"), at(row("sweep", 1, nil, true, true), 3, "finetune.lr=0.2"),
		at(row("sweep", 1, nil, true, true), 6, "finetune.lr=0.1"),
		at(row("sweep", 1, he, true, true), 3, "finetune.lr=0.2 pretrain.pool=0"), at(row("sweep", 1, he, true, true), 6, "finetune.lr=0.3"),
	)
	if d.baseline != "sweep[no stain]" || d.groups[3].label != "sweep[HE]" {
		t.Errorf("labels %q and %q", d.baseline, d.groups[3].label)
	}
	if d.groups[3].base != d.groups[1] {
		t.Errorf("counterpart %+v", d.groups[3].base)
	}
	if d.groups[4].base != nil || d.groups[0].base != nil {
		t.Error("a group without a counterpart, or the baseline itself, is compared")
	}
}

func TestSpread(t *testing.T) {
	g := &group{rows: []*Arm{{Seed: 1}, {Seed: 2}, {Seed: 4}}}
	s := g.spread(func(a *Arm) metrics.Number { return metrics.Number(a.Seed) })
	if !(math.Abs(float64(s.Mean)-7.0/3) < 1e-12 && math.Abs(float64(s.SD)-math.Sqrt(7.0/3)) < 1e-12) {
		t.Errorf("mean %v, standard deviation %v", s.Mean, s.SD)
	}
	if s = g.spread(func(*Arm) metrics.Number { return metrics.Undefined() }); s.Mean.Defined() || s.N != 0 {
		t.Errorf("spread of nothing is %+v", s)
	}
	g.rows = g.rows[:1]
	if s = g.spread(balanced); s.SD.Defined() {
		t.Error("one seed has a standard deviation")
	}
}

// TestIntervalOfOneSeedIsTheSamplesOwn compares with the interval that an
// evaluation would store. Seeds that agree say no more than one.
func TestIntervalOfOneSeedIsTheSamplesOwn(t *testing.T) {
	right := make([]bool, 20)
	for i := range right {
		right[i] = i%3 != 0
	}
	a := row("x", 1, nil, right...)
	for i := range a.predictions { // groups with both classes
		a.predictions[i].Group = string(rune('A' + i%7))
	}
	b := a
	b.Seed = 2
	got := (&group{rows: []*Arm{&a}}).interval()
	want := metrics.Intervals(a.samples(), metrics.Level).BalancedAccuracy.Interval
	twice := (&group{rows: []*Arm{&a, &b}}).interval()
	if got != want || twice != want {
		t.Errorf("intervals %v and, of two equal seeds, %v; want %v", got, twice, want)
	}
	if !(got[0] < balanced(&a) && balanced(&a) < got[1]) {
		t.Errorf("interval %v does not hold %v", got, balanced(&a))
	}
}

func TestExamplesAreWhatTheyClaim(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	if len(d.examples) != 1 {
		t.Fatalf("%d groups with examples, want 1", len(d.examples))
	}
	e := d.examples[0]
	var pooled Comparison
	for _, c := range d.Comparisons {
		if c.Seed == nil {
			pooled = c
		}
	}
	if e.nRescued != pooled.OnlyB || e.nLost != pooled.OnlyA || len(e.rescued) == 0 || len(e.lost) == 0 {
		t.Errorf("%d rescued and %d lost, %d and %d shown; the test counts %d and %d",
			e.nRescued, e.nLost, len(e.rescued), len(e.lost), pooled.OnlyB, pooled.OnlyA)
	}
	before, after := d.Arms[0].byName(), d.Arms[1].byName()
	for _, x := range e.rescued {
		if before[x.Name].Sample().Right() || !after[x.Name].Sample().Right() || x.PArm != after[x.Name].P {
			t.Errorf("%s is not rescued", x.Name)
		}
	}
	for _, x := range e.lost {
		var i int
		for k, p := range testOnly(d.Arms[1].predictions) {
			if p.Name == x.Name {
				i = k
			}
		}
		if !slices.Equal(x.source, drawn("PAS", i)) || len(x.generated) != 1 || !slices.Equal(x.generated[0], drawn("HE", i)) {
			t.Errorf("%s is shown with another patch's pixels", x.Name)
		}
	}
}

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/model/results"
)

// row is an arm with test predictions; right says which images it gets right, of
// which the first half are positive.
func row(arm string, seed uint32, stains []string, right ...bool) Arm {
	a := Arm{Task: "t", Arm: arm, Stains: stains, Width: 8, Blocks: 3, Seed: seed, positive: "p", negative: "n"}
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
	}
	a.judge()
	return a
}

var rows int // made so far: each is an evaluation of its own

// judge fills in what an evaluation of the predictions says.
func (a *Arm) judge() {
	var samples []metrics.Sample
	for _, p := range a.predictions {
		samples = append(samples, p.Sample())
	}
	b := metrics.Judge(samples)
	a.Metrics.Test = Split{N: b.N, BalancedAccuracy: b.BalancedAccuracy, Confusion: b.Confusion}
	rows++
	a.Evaluation = api.Key{byte(rows), byte(rows >> 8)}
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
	if len(d.Comparisons) != 1 {
		t.Fatalf("%d comparisons, want one: seeds have none of their own", len(d.Comparisons))
	}
	// By the mean of seeds 1 and 2: alone calls b and c with P 0.55 and d with 0.55, of
	// which c and d are negative; stained calls d with 0.55.
	c := d.Comparisons[0]
	if c.A != "alone" || c.B != "stained" || c.McNemar.OnlyA != 0 || c.McNemar.OnlyB != 1 || c.N != 4 || !slices.Equal(c.Seeds, []uint32{1, 2}) {
		t.Errorf("comparison %+v", c)
	}
	if float64(c.McNemar.P) != metrics.McNemar(0, 1) || c.Difference != 0.25 || c.Family != 1 || c.PHolm != c.P {
		t.Errorf("comparison %+v", c)
	}
	if c.Claim || !strings.Contains(c.Why, "1 group") {
		t.Errorf("one group a class makes a claim, or says %q", c.Why)
	}
}

// TestBaselineOfASweep finds the counterpart of the same depth, and of options
// that the baseline shares.
func TestBaselineOfASweep(t *testing.T) {
	at := func(a Arm, blocks int, options string) Arm {
		a.Blocks, a.Options = blocks, options
		for _, o := range strings.Fields(options) {
			path, value, _ := strings.Cut(o, "=")
			a.use.Options = append(a.use.Options, sweep.Option{Path: path, Value: value})
		}
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

// The interval of one seed, and of two that judge alike, is that of the samples: seeds add
// no images.
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
	if got != want || !(math.Abs(float64(twice[0]-want[0])) < 1e-9) || !(math.Abs(float64(twice[1]-want[1])) < 1e-9) {
		t.Errorf("interval %v and, of two equal seeds, %v; want %v", got, twice, want)
	}
	if !(got[0] < balanced(&a) && balanced(&a) < got[1]) {
		t.Errorf("interval %v does not hold %v", got, balanced(&a))
	}
}

// The folds of a seed are one row: its predictions are those of all folds together.
func TestFoldsAreOneRow(t *testing.T) {
	fold := func(seed uint32, n int, names string, right ...bool) Arm {
		a := row("x", seed, nil, right...)
		a.Fold, a.folds = n, 2
		for i := range a.predictions {
			a.predictions[i].Name = names + a.predictions[i].Name
		}
		return a
	}
	d := compared(fold(1, 1, "1", true, true, true, false), fold(1, 2, "2", false, true, true, true), fold(2, 1, "1", true, true, true, true))
	if len(d.groups) != 1 || len(d.groups[0].rows) != 2 {
		t.Fatalf("%d groups", len(d.groups))
	}
	g := d.groups[0]
	if s := g.rows[0].Metrics.Test; s.N != 8 || s.Confusion != [2][2]int{{3, 1}, {1, 3}} || s.BalancedAccuracy != 0.75 {
		t.Errorf("two folds together are %+v", s)
	}
	s := g.summary()
	if s.Folds != 2 || s.Tested != 2 || s.N != 8 || len(s.Seeds) != 2 || s.Together.N != 8 {
		t.Errorf("summary %+v", s)
	}
	if len(d.Arms) != 3 || d.Arms[1].Fold != 2 {
		t.Errorf("each fold keeps its own row in results.json: %+v", d.Arms)
	}
}

// The largest changes of all test images are shown, with the pixels of those images.
func TestExamplesAreWhatTheyClaim(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	if len(d.examples) != 1 {
		t.Fatalf("%d groups with examples, want 1", len(d.examples))
	}
	e, c := d.examples[0], d.Comparisons[0]
	if e.nRescued != c.McNemar.OnlyB || e.nLost != c.McNemar.OnlyA || len(e.rescued) == 0 || len(e.lost) == 0 {
		t.Errorf("%d rescued and %d lost, %d and %d shown; the test counts %d and %d",
			e.nRescued, e.nLost, len(e.rescued), len(e.lost), c.McNemar.OnlyB, c.McNemar.OnlyA)
	}
	before, after := d.groups[0].byImage(), d.groups[1].byImage()
	least := math.Inf(1)
	for _, x := range e.rescued {
		if before[x.Name].Sample().Right() || !after[x.Name].Sample().Right() || x.PArm != after[x.Name].P {
			t.Errorf("%s is not rescued", x.Name)
		}
		least = min(least, math.Abs(x.PArm-x.PBaseline))
	}
	for name, b := range after {
		a := before[name]
		shown := slices.ContainsFunc(e.rescued, func(x example) bool { return x.Name == name })
		if !a.Sample().Right() && b.Sample().Right() && !shown && math.Abs(b.P-a.P) > least {
			t.Errorf("%s changes more than a patch that is shown", name)
		}
	}
	for _, x := range append(slices.Clone(e.rescued), e.lost...) {
		var i int
		if _, err := fmt.Sscanf(x.Name[len(x.Name)-7:], "%03d.png", &i); err != nil {
			t.Fatal(err)
		}
		source, generated := d.gallery.images(x.by.Evaluation, x.Name)
		if !slices.Equal(source, drawn("PAS", i)) || len(generated) != 1 || !slices.Equal(generated[0], drawn("HE", i)) {
			t.Errorf("%s is shown with another patch's pixels", x.Name)
		}
	}
}

// What is asked for comes back from its file, and a damaged file is refused.
func TestExamplesComeBack(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	wanted := w.collect().Requests()
	all := w.patches(wanted)
	body, err := EncodeExamples(all)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := body.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeExamples(file.Bytes())
	slices.SortFunc(all, func(a, b Patches) int { return a.Evaluation.Compare(b.Evaluation) })
	if err != nil || !reflect.DeepEqual(got, all) || !Have(got, wanted) {
		t.Errorf("they changed, %v", err)
	}
	if len(got) != 2 || Have(got[:1], wanted) || Have(nil, wanted) {
		t.Errorf("a part of %d evaluations is taken for all", len(got))
	}
	for i := 0; i < file.Len(); i += 97 {
		if _, err := DecodeExamples(file.Bytes()[:i]); !errors.Is(err, fault.ErrData) {
			t.Errorf("its first %d bytes: %v", i, err)
		}
	}
}

func FuzzDecodeExamples(f *testing.F) {
	body, err := EncodeExamples([]Patches{{Request: Request{Evaluation: [32]byte{1}, Names: []string{"a"}}, Size: 1, Stains: 2, Source: make([]uint8, 3), Generated: make([]uint8, 6)}})
	if err != nil {
		f.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := body.WriteTo(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := DecodeExamples(data)
		if err != nil {
			if !errors.Is(err, fault.ErrData) {
				t.Fatalf("%v is no data error", err)
			}
			return
		}
		g := hang(all)
		for _, p := range all {
			for _, name := range p.Names {
				g.images(p.Evaluation, name)
			}
		}
	})
}

// Comparisons are those that the spec names, at every point of the sweep, also of
// different depths; a family is those of one task.
func TestComparisonsThatAreAskedFor(t *testing.T) {
	arms := `arms=[{name: PAS_ONLY, stains: []}, {name: "PAS_H&E", stains: [HE]}, {name: BOTH, stains: [HE, MASSON]}]`
	for _, c := range []struct{ asked, want string }{
		{"", "PAS_ONLY-PAS_H&E b3, PAS_ONLY-BOTH b3, PAS_ONLY-PAS_H&E b6, PAS_ONLY-BOTH b6"},
		{`comparisons=[["PAS_H&E", BOTH]]`, "PAS_H&E-BOTH b3, PAS_H&E-BOTH b6"},
		{`comparisons=[[{arm: BOTH, blocks: 3}, {arm: BOTH, blocks: 6}]]`, "BOTH b3-BOTH b6"},
		{`comparisons=[[PAS_ONLY, {arm: BOTH, blocks: 6}]]`, "PAS_ONLY-BOTH b6"},
	} {
		sets := []string{arms, "sweep={blocks: [3, 6], seeds: [1]}"}
		if c.asked != "" {
			sets = append(sets, c.asked)
		}
		w := newWorld(t, plan(t, sets...))
		w.all()
		d := w.collect()
		var got []string
		for _, x := range d.Comparisons {
			a := x.A
			if x.ABlocks != 0 && x.A == x.B {
				a = fmt.Sprintf("%s b%d", x.A, x.ABlocks)
			}
			got = append(got, fmt.Sprintf("%s-%s b%d", a, x.B, x.Blocks))
			if x.Family != len(d.Comparisons) || x.Level != metrics.FamilyLevel(x.Family) || x.PHolm < x.P {
				t.Errorf("%s: family of %d at %v, p %v adjusted to %v", c.asked, x.Family, x.Level, x.P, x.PHolm)
			}
		}
		slices.Sort(got)
		want := strings.Split(c.want, ", ")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s compares %q, want %q", c.asked, got, want)
		}
		if _, err := d.HTML(); err != nil {
			t.Error(err)
		}
	}
}

// A cell of a heat map is one arm at one depth: arms of as many stains are not averaged.
func TestHeatMapsAverageNoArms(t *testing.T) {
	w := newWorld(t, plan(t, `arms=[{name: WITH, stains: [HE]}, {name: WITHOUT, stains: [HE], model.classifier.attention: false}, {name: OTHER, stains: [MASSON]}]`,
		"sweep={blocks: [3, 6], seeds: [1]}"))
	w.all()
	d := w.collect()
	rows, depths := d.heatRows(d.tasks()[0])
	if len(rows) != 3 || !slices.Equal(depths, []int{3, 6}) {
		t.Fatalf("%d rows at depths %v, want a row for each arm", len(rows), depths)
	}
	for _, r := range rows {
		for depth, g := range r.cells {
			if len(g.rows) != 1 || g.blocks != depth || !strings.HasPrefix(r.name, g.arm) {
				t.Errorf("the cell of %s at %d holds %d rows of %s at %d", r.name, depth, len(g.rows), g.arm, g.blocks)
			}
		}
	}
}

// Seeds of one arm judge the same images: an image counts once, by its mean probability.
func TestSeedsTogetherCountAnImageOnce(t *testing.T) {
	w := newWorld(t, plan(t, "sweep.seeds=[1,2]", small[1]))
	w.all()
	d := w.collect()
	c := d.Comparisons[0]
	if c.N != 183 || len(c.Seeds) != 2 || len(d.Comparisons) != 1 {
		t.Errorf("%d images over seeds %v", c.N, c.Seeds)
	}
	var of [2]metrics.Number // sums over seeds
	for i := range d.Arms {
		if d.Arms[i].Arm == c.A {
			of[0] += balanced(&d.Arms[i])
		} else {
			of[1] += balanced(&d.Arms[i])
		}
	}
	mean := (of[1] - of[0]) / 2
	if !(math.Abs(float64(c.OverSeeds.Difference-mean)) < 1e-12) {
		t.Errorf("over seeds %v, want %v", c.OverSeeds.Difference, mean)
	}
}

// Arms that are tested on other images are not compared, whatever these are called.
func TestOtherTestImagesAreNotCompared(t *testing.T) {
	w := newWorld(t, plan(t, "sweep={seeds: [1]}", `arms=[{name: PAS_ONLY, stains: []}, {name: ELSEWHERE, stains: [HE], data.labelled.test: other}, {name: LARGER, stains: [HE], data.size: 128}]`))
	w.all()
	d := w.collect()
	if len(d.Comparisons) != 2 {
		t.Fatalf("comparisons %+v", d.Comparisons)
	}
	for _, c := range d.Comparisons {
		if c.B == "ELSEWHERE" && (c.N != 0 || c.Claim || c.P.Defined() || c.OverSeeds.Difference.Defined() || !strings.Contains(c.Why, "different images")) {
			t.Errorf("other images are compared: %+v", c)
		}
		if c.B == "LARGER" && c.N != 183 {
			t.Errorf("the same images in another size are not compared: %+v", c)
		}
	}
	for _, e := range d.examples {
		if e.group.arm == "ELSEWHERE" {
			t.Error("patches of other images are shown as examples")
		}
	}
	page, err := d.HTML() // draws a board of images of two sizes
	if err != nil || !bytes.Contains(page, []byte("tested on different images")) {
		t.Errorf("the page does not say why: %v", err)
	}
	if len(d.boardFigures()) != 1 {
		t.Errorf("%d boards", len(d.boardFigures()))
	}
}

// judges is a row that judges some images of a task rightly or not.
func judges(arm string, seed uint32, stains []string, right map[string]bool) Arm {
	a := Arm{Task: "t", Arm: arm, Stains: stains, Width: 8, Blocks: 3, Seed: seed, positive: "p", negative: "n", use: sweep.Use{Arm: arm}}
	for _, name := range slices.Sorted(maps.Keys(right)) {
		p := results.Prediction{Name: name, Split: "test", Group: name, Class: int(name[0]) % 2, P: 0.9}
		if right[name] == (p.Class == 1) {
			p.P = 0.2
		}
		a.predictions = append(a.predictions, p)
	}
	a.judge()
	return a
}

// Of a given task arms judge different images: everything that compares them does so on
// those that both judge, seed by seed.
func TestEqualPopulations(t *testing.T) {
	easy := map[string]bool{"a": true, "b": true, "c": true, "d": true}
	hard := maps.Clone(easy)
	hard["e"], hard["f"] = false, false
	d := compared(judges("alone", 1, nil, hard), judges("stained", 1, []string{"HE"}, easy))
	c := d.Comparisons[0]
	if c.N != 4 || c.Difference != 0 || c.OverSeeds.Difference != 0 || d.delta(d.groups[1]).Mean != 0 {
		t.Errorf("arms that agree on what both judge differ by %v, over seeds %v, in the table %v", c.Difference, c.OverSeeds.Difference, d.delta(d.groups[1]).Mean)
	}
	other := map[string]bool{"e": true, "f": true, "g": true, "h": true}
	d = compared(judges("alone", 1, nil, easy), judges("alone", 2, nil, other), judges("stained", 1, []string{"HE"}, other), judges("stained", 2, []string{"HE"}, easy))
	if c := d.Comparisons[0]; c.N != 0 || c.Claim || !strings.Contains(c.Why, "no image that both judge") {
		t.Errorf("no seed has an image that both judge, and %d are compared: %s", c.N, c.Why)
	}
}

// A baseline without stains has no depth: an arm of another depth is compared with it.
func TestTheBaselineWithoutStainsHasNoDepth(t *testing.T) {
	w := newWorld(t, plan(t, "sweep={seeds: [1]}", `arms=[{name: PAS_ONLY, stains: []}, {name: DEEP, stains: [HE], model.generator.blocks: 6}]`))
	w.all()
	if d := w.collect(); len(d.Comparisons) != 1 || d.Comparisons[0].B != "DEEP" || len(d.examples) != 1 {
		t.Errorf("comparisons %+v", d.Comparisons)
	}
}

// What an older release stored is judged anew: its numbers had another meaning.
func TestOldEvaluationsAreJudgedAnew(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	for _, item := range w.plan.Items {
		if e := item.Task.Evaluate; e != nil {
			e.Metrics = 0
			item.Key = item.Task.Key()
		}
	}
	text, err := json.Marshal(w.plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, w.plan); err != nil { // under the new keys
		t.Fatal(err)
	}
	for _, item := range w.plan.Items {
		if e := item.Task.Evaluate; e != nil {
			r := w.evaluate(e, w.random(item))
			for name, split := range r.Splits {
				split.Precision, split.Groups, split.CI95 = 0, [2]int{}, map[string]metrics.Interval{results.BalancedAccuracy: {1, 1}}
				r.Splits[name] = split
			}
			w.save(item, 0, r, nil, "")
			continue
		}
		w.finish(item)
	}
	for _, a := range w.collect().Arms {
		s := a.Metrics.Test
		if s.Groups != [2]int{12, 12} || !(s.Precision > 0.5) || !(s.CI95.BalancedAccuracy[0] < s.BalancedAccuracy) || !s.CI95.F1[0].Defined() {
			t.Errorf("%s: groups %v, precision %v, intervals %+v", a.Arm, s.Groups, s.Precision, s.CI95)
		}
	}
}

package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/model/metrics"
	"g2c/model/results"
)

// Comparison is of two arms on the test images that both judge, over the seeds that both
// have: an image counts once, with the mean of its probabilities. A family is the
// comparisons of one task: P values are adjusted and intervals widened for all of them
// together. docs/statistics.md says how everything is computed.
type Comparison struct {
	A    string         `json:"a"` // label of an arm; by default the baseline
	B    string         `json:"b"`
	Test string         `json:"test"` // of P
	P    metrics.Number `json:"p"`    // of the difference of balanced accuracy, alone
	Task string         `json:"task"`

	// Of B; those of A where they differ.
	Width    int    `json:"width"`
	Blocks   int    `json:"blocks"`
	Options  string `json:"options,omitempty"`
	AWidth   int    `json:"aWidth,omitempty"`
	ABlocks  int    `json:"aBlocks,omitempty"`
	AOptions string `json:"aOptions,omitempty"`

	Seeds  []uint32 `json:"seeds"`  // that both have
	N      int      `json:"n"`      // images that both judge
	Groups [2]int   `json:"groups"` // patients, slides or images with images of each class
	Family int      `json:"family"` // comparisons of the task
	Level  float64  `json:"level"`  // of each interval: 1 - 0.05/family

	Difference metrics.Number   `json:"difference"` // balanced accuracy of B less that of A
	CI         metrics.Interval `json:"ci"`
	PHolm      metrics.Number   `json:"pHolm"` // adjusted for the family
	AUC        AreaComparison   `json:"auc"`

	// Claim says whether there are groups enough to say anything; if not, Why says so.
	Claim bool   `json:"claim"`
	Why   string `json:"why,omitempty"`

	// OverSeeds is the mean over seeds of the difference of balanced accuracy, with
	// Student's interval: what another training changes on these images, and no evidence
	// about other patients.
	OverSeeds SeedDifference `json:"overSeeds"`

	// What takes images for independent is no evidence where a patient has several.
	McNemar McNemar        `json:"mcnemar"`
	DeLong  metrics.Number `json:"delongP"`
}

// AreaComparison is the difference of areas under the ROC curve.
type AreaComparison struct {
	Difference metrics.Number   `json:"difference"`
	CI         metrics.Interval `json:"ci"`
	P          metrics.Number   `json:"p"` // by Obuchowski's clustered variance
	PHolm      metrics.Number   `json:"pHolm"`
}

// SeedDifference is a difference over seeds.
type SeedDifference struct {
	Difference metrics.Number   `json:"difference"`
	CI95       metrics.Interval `json:"ci95"`
}

// McNemar is the exact test on images.
type McNemar struct {
	OnlyA int            `json:"onlyA"` // images that only A judged right
	OnlyB int            `json:"onlyB"`
	P     metrics.Number `json:"p"`
}

// signFlips is the test behind Comparison.P.
const signFlips = "sign-flip of groups"

// pair is two groups to compare.
type pair struct{ a, b *group }

// compare makes the comparisons of every task.
func (d *Data) compare() {
	for _, task := range d.tasks() {
		family := d.family(task)
		from := len(d.Comparisons)
		for _, p := range family {
			d.Comparisons = append(d.Comparisons, comparison(p, len(family)))
		}
		adjust(d.Comparisons[from:])
		d.Comparisons = append(d.Comparisons, d.missing(task)...)
	}
}

// family is the pairs of groups that a task's report compares, each pair of results once.
// A group that is another under a second name is compared with it only if the spec asks.
func (d *Data) family(task string) []pair {
	var out []pair
	for _, p := range d.pairs(task) {
		same := func(o pair) bool { return p.a.sameResults(o.a) && p.b.sameResults(o.b) }
		one := p.a.sameResults(p.b) && len(d.asked) == 0
		if len(p.shared()) > 0 && !one && !slices.ContainsFunc(out, same) {
			out = append(out, p)
		}
	}
	return out
}

// pairs are those that the spec names, or else the baseline and each other group of a
// task.
func (d *Data) pairs(task string) []pair {
	groups := d.of(func(g *group) bool { return g.task == task })
	var out []pair
	for _, c := range d.asked {
		out = append(out, asked(c, groups)...)
	}
	if len(d.asked) > 0 {
		return out
	}
	for _, g := range groups {
		if g.base != nil {
			out = append(out, pair{g.base, g})
		}
	}
	return out
}

// asked are the pairs of a comparison: all points of the sweep that its sides pick and
// that differ in nothing but what the selectors name.
func asked(c spec.Comparison, groups []*group) []pair {
	named := func(path string) bool {
		_, a := c.A.At[path]
		_, b := c.B.At[path]
		return a || b
	}
	var out []pair
	for _, b := range groups {
		for _, a := range groups {
			if a != b && sweep.Picks(c.A, a.use()) && sweep.Picks(c.B, b.use()) && comparable(a, b, named) {
				out = append(out, pair{a, b})
			}
		}
	}
	return out
}

// comparable says whether two groups lie at one point of the sweep, but for what is
// named. What decides nothing for one of them, as the generators' depth without stains,
// keeps none apart.
func comparable(a, b *group, named func(path string) bool) bool {
	if len(a.stains) > 0 && len(b.stains) > 0 &&
		(a.width != b.width && !named("model.generator.width") || a.blocks != b.blocks && !named("model.generator.blocks")) {
		return false
	}
	for _, x := range a.options() {
		for _, y := range b.options() {
			if x.Path == y.Path && x.Value != y.Value && !named(x.Path) {
				return false
			}
		}
	}
	return true
}

// missing are the comparisons that the spec asks for and that a task has no finished
// points of.
func (d *Data) missing(task string) []Comparison {
	groups := d.of(func(g *group) bool { return g.task == task })
	var out []Comparison
	for _, c := range d.asked {
		if !slices.ContainsFunc(asked(c, groups), func(p pair) bool { return len(p.shared()) > 0 }) {
			none := noComparison(c.A.Arm, c.B.Arm, task)
			none.Why = "No two finished points of the sweep are these and differ in nothing else."
			out = append(out, none)
		}
	}
	return out
}

// noComparison is one in which nothing is known.
func noComparison(a, b, task string) Comparison {
	none := metrics.Undefined()
	unknown := metrics.Interval{none, none}
	return Comparison{
		A: a, B: b, Test: signFlips, Task: task, P: none, PHolm: none, Difference: none, CI: unknown, Seeds: []uint32{},
		AUC:       AreaComparison{none, unknown, none, none},
		OverSeeds: SeedDifference{none, unknown}, McNemar: McNemar{P: none}, DeLong: none,
	}
}

// use is what the names of a group's tasks have in common.
func (g *group) use() sweep.Use { return g.rows[0].use }

// shared are the seeds that both have.
func (p pair) shared() []uint32 {
	var out []uint32
	for _, row := range p.b.rows {
		if p.a.seed(row.Seed) != nil {
			out = append(out, row.Seed)
		}
	}
	return out
}

// sameImages says whether both are tested on the same images: names alone do not say so
// where arms read other data.
func (p pair) sameImages() bool {
	seed := p.shared()[0]
	return p.a.seed(seed).source == p.b.seed(seed).source
}

// matched are test images that two rows of one seed both judge, sorted by name.
func (p pair) matched(seed uint32) (a, b []results.Prediction) {
	before := map[string]results.Prediction{}
	for _, x := range testOnly(p.a.seed(seed).predictions) {
		before[x.Name] = x
	}
	for _, x := range testOnly(p.b.seed(seed).predictions) {
		if was, ok := before[x.Name]; ok {
			a, b = append(a, was), append(b, x)
		}
	}
	return a, b
}

// judged are the images that both groups judge with one seed or more, sorted by name,
// with the mean probabilities over those seeds.
func (p pair) judged() (a, b []*averaged) {
	if len(p.shared()) == 0 || !p.sameImages() {
		return nil, nil
	}
	sums := map[string][2]*averaged{}
	for _, seed := range p.shared() {
		x, y := p.matched(seed)
		for i := range x {
			at, ok := sums[x[i].Name]
			if !ok {
				at = [2]*averaged{{Prediction: x[i]}, {Prediction: y[i]}}
				at[0].P, at[1].P = 0, 0
				at[0].by, at[1].by = p.a.seed(seed).tested(x[i].Name), p.b.seed(seed).tested(x[i].Name)
				sums[x[i].Name] = at
			}
			at[0].add(x[i].P)
			at[1].add(y[i].P)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		a, b = append(a, sums[name][0]), append(b, sums[name][1])
	}
	return a, b
}

// differences are the differences of balanced accuracy of single seeds, on the images
// that both judge.
func (p pair) differences() []metrics.Number {
	var out []metrics.Number
	if len(p.shared()) == 0 || !p.sameImages() {
		return nil
	}
	for _, seed := range p.shared() {
		a, b := p.matched(seed)
		of := func(all []results.Prediction) metrics.Number {
			var samples []metrics.Sample
			for _, x := range all {
				samples = append(samples, x.Sample())
			}
			return metrics.Judge(samples).BalancedAccuracy
		}
		out = append(out, of(b)-of(a))
	}
	return out
}

func comparison(p pair, family int) Comparison {
	c := Comparison{
		A: p.a.label, B: p.b.label, Test: signFlips, Task: p.b.task, Width: p.b.width, Blocks: p.b.blocks, Options: p.b.optionText,
		Seeds: p.shared(), Family: family, Level: metrics.FamilyLevel(family),
	}
	if p.a.width != p.b.width || p.a.blocks != p.b.blocks || p.a.optionText != p.b.optionText {
		c.AWidth, c.ABlocks, c.AOptions = p.a.width, p.a.blocks, p.a.optionText
	}
	a, b := p.judged()
	over := metrics.PairedT(p.differences(), metrics.Level)
	c.OverSeeds = SeedDifference{over.Value, over.Interval}
	c.of(p, a, b)
	if !p.sameImages() {
		c.Why = "They are tested on different images, so that nothing can be compared."
	}
	return c
}

// of compares the two of a pair on images that both judge, in the same order.
func (c *Comparison) of(p pair, a, b []*averaged) {
	pairs := make([]metrics.Pair, len(a))
	for i := range a {
		pairs[i] = metrics.Pair{A: a[i].P, B: b[i].P, Class: b[i].Class, Group: b[i].Group}
	}
	r := metrics.Compare(pairs, c.Level)
	c.N, c.Groups = r.N, r.Groups
	c.Difference, c.CI, c.P = r.BalancedAccuracy.Value, r.BalancedAccuracy.Interval, r.BalancedAccuracy.P
	c.AUC = AreaComparison{Difference: r.AUC.Value, CI: r.AUC.Interval, P: r.AUC.P}
	c.McNemar, c.DeLong = McNemar{r.OnlyA, r.OnlyB, r.McNemar}, r.DeLong
	alone := ungrouped(b)
	c.Claim = !r.Few() && !alone && !p.a.sameResults(p.b)
	switch {
	case c.N == 0:
		c.Why = "There is no image that both judge."
	case p.a.sameResults(p.b):
		c.Why = "Both are the same tasks under two names."
	case alone:
		c.Why = "Neither patients nor slides are known, so that images count as independent: if some are of one patient, p is too small."
	case !c.Claim:
		class := p.b.rows[0].positive
		if c.Groups[1] < c.Groups[0] {
			class = p.b.rows[0].negative
		}
		c.Why = fmt.Sprintf("Only %s of test images (patients, slides) with images of %s: under %d the intervals rest on assumptions more than on data.",
			plural(min(c.Groups[0], c.Groups[1]), "group"), class, metrics.SureGroups)
		if all := groupsOf(pairs); all < metrics.SureGroups {
			c.Why += fmt.Sprintf(" With %s in all no p below %s exists.", plural(all, "group"), pText(metrics.Number(r.SmallestP)))
		}
	}
}

// ungrouped says whether every image is its own group, since nobody knows better.
func ungrouped(images []*averaged) bool {
	grouped := func(at *averaged) bool { return at.Group != at.Name }
	return len(images) > 0 && !slices.ContainsFunc(images, grouped)
}

// groupsOf is the number of different groups.
func groupsOf(pairs []metrics.Pair) int {
	seen := map[string]bool{}
	for _, p := range pairs {
		seen[p.Group] = true
	}
	return len(seen)
}

// adjust writes the adjusted p values of a family.
func adjust(family []Comparison) {
	of := func(get func(*Comparison) metrics.Number) []metrics.Number {
		p := make([]metrics.Number, len(family))
		for i := range family {
			p[i] = get(&family[i])
		}
		return metrics.Holm(p)
	}
	balanced := of(func(c *Comparison) metrics.Number { return c.P })
	area := of(func(c *Comparison) metrics.Number { return c.AUC.P })
	for i := range family {
		family[i].PHolm, family[i].AUC.PHolm = balanced[i], area[i]
	}
}

// sameResults says whether two groups stand for the same evaluations.
func (g *group) sameResults(o *group) bool {
	return g == o || slices.Equal(g.evaluations(), o.evaluations())
}

// evaluations are the keys of a group's evaluations, sorted.
func (g *group) evaluations() []string {
	var out []string
	for _, row := range g.rows {
		for _, part := range row.evaluated() {
			out = append(out, part.Evaluation.String())
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

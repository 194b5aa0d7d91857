package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"g2c/experiments/sweep"
	"g2c/model/metrics"
)

// group is the rows that differ in the seed and the fold alone.
type group struct {
	task, arm, optionText string // options as a line of text
	stains                []string
	methods               []string // how each is made; none where trained generators make all
	width, blocks         int
	rows                  []*Arm // a seed each: of folds the folds together
	folds                 int    // 0 for none
	label                 string // arm, with what tells it from others of the name
	base                  *group // the baseline's group to compare with, nil for itself or none

	// Made once, when asked for:
	estimates *metrics.Estimates // of all rows together; see intervals
	images    []*averaged        // see tested
	summed    *Summary           // see summary
}

// group sorts the rows into groups and finds the baseline.
func (d *Data) group() {
	at := map[string]*group{}
	for i := range d.Arms {
		a := &d.Arms[i]
		id := fmt.Sprintf("%q %q %q %q %q %d %d", a.Task, a.Arm, a.Options, a.Stains, a.Methods, a.Width, a.Blocks)
		g := at[id]
		if g == nil {
			g = &group{task: a.Task, arm: a.Arm, optionText: a.Options, stains: a.Stains, methods: a.Methods, width: a.Width, blocks: a.Blocks}
			at[id] = g
			d.groups = append(d.groups, g)
		}
		g.add(a)
	}
	for _, g := range d.groups {
		for i := range g.rows {
			g.rows[i].pool()
		}
	}
	for _, g := range d.groups {
		g.label = g.arm
		if d.stainsVary(g.arm) {
			g.label = fmt.Sprintf("%s[%s]", g.arm, orText(strings.Join(g.stains, "+"), "no stain"))
		}
	}
	d.findBase()
}

// add takes an evaluation into the row of its seed.
func (g *group) add(a *Arm) {
	if a.Fold == 0 {
		g.rows = append(g.rows, a)
		return
	}
	g.folds = max(g.folds, a.folds)
	if row := g.seed(a.Seed); row != nil {
		row.parts = append(row.parts, a)
		return
	}
	whole := *a
	whole.Fold, whole.parts = 0, []*Arm{a}
	g.rows = append(g.rows, &whole)
}

// stainsVary says whether the sweep gives an arm more than one set of stains.
func (d *Data) stainsVary(arm string) bool {
	var first []string
	for i, g := range d.of(func(g *group) bool { return g.arm == arm }) {
		if i == 0 {
			first = g.stains
		}
		if !slices.Equal(first, g.stains) {
			return true
		}
	}
	return false
}

func (d *Data) of(want func(*group) bool) []*group {
	var out []*group
	for _, g := range d.groups {
		if want(g) {
			out = append(out, g)
		}
	}
	return out
}

// tasks are the names of the tasks of the spec, in the order of the plan.
func (d *Data) tasks() []string {
	var out []string
	for _, g := range d.groups {
		if !slices.Contains(out, g.task) {
			out = append(out, g.task)
		}
	}
	return out
}

// findBase chooses the baseline arm and gives every other group its counterpart.
func (d *Data) findBase() {
	if len(d.groups) == 0 {
		return
	}
	base := d.groups[0]
	if i := slices.IndexFunc(d.groups, func(g *group) bool { return len(g.stains) == 0 }); i >= 0 {
		base = d.groups[i]
	}
	d.baseline = base.label
	for _, g := range d.groups {
		if g.label != d.baseline {
			g.base = d.counterpart(g)
		}
	}
}

// distinct leaves out groups that are another's under a second name: without
// stains the depth of generators decides nothing.
func distinct(groups []*group) []*group {
	var out []*group
	for _, g := range groups {
		if !slices.ContainsFunc(out, func(o *group) bool { return g.sameTasks(o) }) {
			out = append(out, g)
		}
	}
	return out
}

func (g *group) sameTasks(o *group) bool { return g.label == o.label && g.sameResults(o) }

// title names a group in a figure or a table: its label, with the shape and the
// options that vary.
func (d *Data) title(g *group) string {
	out := g.label
	if len(g.stains) > 0 {
		if d.varies(func(g *group) any { return g.blocks }) {
			out += fmt.Sprintf(" b%d", g.blocks)
		}
		if d.varies(func(g *group) any { return g.width }) {
			out += fmt.Sprintf(" w%d", g.width)
		}
	}
	return strings.TrimSpace(out + " " + g.optionText)
}

// varies says whether groups with stains differ in something.
func (d *Data) varies(of func(*group) any) bool {
	stained := d.of(func(g *group) bool { return len(g.stains) > 0 })
	return slices.ContainsFunc(stained, func(g *group) bool { return of(g) != of(stained[0]) })
}

// counterpart is the baseline's group of the same task and options, and of the same shape
// if it has generators at all; of options that decide nothing without stains the baseline
// has none.
func (d *Data) counterpart(g *group) *group {
	var best *group
	for _, b := range d.groups {
		fits := b.label == d.baseline && b.task == g.task
		if len(b.stains) > 0 {
			fits = fits && b.width == g.width && b.blocks == g.blocks
		}
		for _, o := range b.options() {
			fits = fits && slices.Contains(g.options(), o)
		}
		better := best == nil || len(b.options()) > len(best.options()) ||
			len(b.options()) == len(best.options()) && best.blocks != g.blocks && b.blocks == g.blocks
		if fits && better {
			best = b
		}
	}
	return best
}

// options are what tells a group from others of its name, but stains and folds.
func (g *group) options() []sweep.Option {
	return slices.DeleteFunc(slices.Clone(g.use().Options), func(o sweep.Option) bool { return o.Path == "stains" || o.Path == "fold" })
}

// seed is the row of a seed, nil if there is none.
func (g *group) seed(seed uint32) *Arm {
	for _, a := range g.rows {
		if a.Seed == seed {
			return a
		}
	}
	return nil
}

// spread is the mean of a metric over seeds and its sample standard deviation;
// seeds without the metric are left out.
type spread struct {
	Mean, SD metrics.Number
	N        int
}

func (g *group) spread(of func(*Arm) metrics.Number) spread {
	return spreadOf(each(g.rows, of))
}

// each is a metric of rows.
func each(rows []*Arm, of func(*Arm) metrics.Number) []metrics.Number {
	var all []metrics.Number
	for _, a := range rows {
		all = append(all, of(a))
	}
	return all
}

func spreadOf(all []metrics.Number) spread {
	var v []float64
	for _, x := range all {
		if x.Defined() {
			v = append(v, float64(x))
		}
	}
	s := spread{Mean: metrics.Undefined(), SD: metrics.Undefined(), N: len(v)}
	if len(v) == 0 {
		return s
	}
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += x
	}
	mean := sum / float64(len(v))
	for _, x := range v {
		squares += float64((x - mean) * (x - mean))
	}
	s.Mean = metrics.Number(mean)
	if len(v) > 1 {
		s.SD = metrics.Number(math.Sqrt(squares / float64(len(v)-1)))
	}
	return s
}

func balanced(a *Arm) metrics.Number { return a.Metrics.Test.BalancedAccuracy }

// gapGiven is the gap of equal populations.
func gapGiven(a *Arm) metrics.Number {
	if a.Metrics.GapGiven == nil {
		return metrics.Undefined()
	}
	return *a.Metrics.GapGiven
}

// intervals are the metrics of the test predictions of all seeds, by groups of images
// (patients, slides). As every seed judges the same images, recalls and balanced accuracy
// are the means over seeds, with intervals that cover the choice of images. What ranks
// scores is not to be taken from here: scores of two models have no order.
func (g *group) intervals() *metrics.Estimates {
	if g.estimates == nil {
		var all []metrics.Sample
		for _, a := range g.rows {
			all = append(all, a.samples()...)
		}
		e := metrics.IntervalsOver(all, len(g.tested()), metrics.Level)
		g.estimates = &e
	}
	return g.estimates
}

// interval is that of the mean test balanced accuracy over seeds.
func (g *group) interval() metrics.Interval { return g.intervals().BalancedAccuracy.Interval }

// confusion is the test confusion summed over seeds.
func (g *group) confusion() (sum [2][2]int) {
	for _, a := range g.rows {
		for i := range 4 {
			sum[i/2][i%2] += a.Metrics.Test.Confusion[i/2][i%2]
		}
	}
	return sum
}

// samples are the test predictions of a row, as metrics judges them.
func (a *Arm) samples() []metrics.Sample {
	var out []metrics.Sample
	for _, p := range testOnly(a.predictions) {
		out = append(out, p.Sample())
	}
	return out
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

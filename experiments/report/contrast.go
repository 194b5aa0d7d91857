package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"g2c/experiments/spec"
	"g2c/model/metrics"
	"g2c/model/results"
)

// Contrast is two runs side by side, B against A. Its JSON is `g2c compare --json`.
type Contrast struct {
	A          ContrastRun         `json:"a"`
	B          ContrastRun         `json:"b"`
	Spec       []spec.Difference   `json:"spec"`
	Arms       []ArmContrast       `json:"arms"`       // groups of arms that both have, in the order of A
	Generators []GeneratorContrast `json:"generators"` // pretrainings that both have
	OnlyA      []string            `json:"onlyA"`      // groups that the other has not
	OnlyB      []string            `json:"onlyB"`

	figures []Figure
}

// ContrastRun is one of the two.
type ContrastRun struct {
	ID      string `json:"id"`
	RunHash string `json:"runHash"`
	Done    int    `json:"done"` // tasks
	Tasks   int    `json:"tasks"`
}

// ArmContrast is an arm of a task in both runs, over the seeds and folds that both have; of
// runs without a common seed each over its own, and Comparison has no seeds then.
type ArmContrast struct {
	Task    string           `json:"task"`
	Arm     string           `json:"arm"`
	Same    bool             `json:"same"` // the evaluations are the same tasks: nothing can differ
	Metrics []MetricContrast `json:"metrics"`
	// Comparison is of the images that both judge; its family is the arms of the task.
	Comparison Comparison `json:"comparison"`
}

// MetricContrast is a metric of the test images that both judge, an image with the mean
// probability over the seeds; where they are not the same images, each on its own.
type MetricContrast struct {
	Metric     string           `json:"metric"`
	A          metrics.Number   `json:"a"`
	ACI95      metrics.Interval `json:"aCI95"`
	B          metrics.Number   `json:"b"`
	BCI95      metrics.Interval `json:"bCI95"`
	Difference metrics.Number   `json:"difference"` // B less A; null where images differ
	// CI is the interval of the difference at the level of the comparison. Accuracy and F1
	// have none.
	CI metrics.Interval `json:"ci"`
}

// GeneratorContrast is a pretraining in both runs.
type GeneratorContrast struct {
	Stain   string           `json:"stain"`
	Options string           `json:"options,omitempty"` // what tells it from others of its stain and seed
	Seed    uint32           `json:"seed"`
	Same    bool             `json:"same"` // it is the same task
	A       GeneratorMetrics `json:"a"`
	B       GeneratorMetrics `json:"b"`
	// Of generators that were trained on pairs, and judged on them.
	PairsA *results.Pairs `json:"pairsA,omitempty"`
	PairsB *results.Pairs `json:"pairsB,omitempty"`
}

// Contrasted puts two runs side by side: what was collected of each under its id, and how
// their specs differ.
func Contrasted(a, b *Data, idA, idB string, fields []spec.Difference) *Contrast {
	c := &Contrast{
		A: a.contrastRun(idA), B: b.contrastRun(idB), Spec: fields,
		Arms: []ArmContrast{}, Generators: []GeneratorContrast{}, OnlyA: []string{}, OnlyB: []string{},
	}
	var pairs []pair
	taken := map[*group]bool{}
	of, with := distinct(a.groups), distinct(b.groups)
	for _, g := range of {
		if o := partner(g, of, with); o != nil && !taken[o] {
			taken[o] = true
			pairs = append(pairs, pair{g, o})
			continue
		}
		c.OnlyA = append(c.OnlyA, g.task+"/"+a.title(g))
	}
	for _, o := range with {
		if !taken[o] {
			c.OnlyB = append(c.OnlyB, o.task+"/"+b.title(o))
		}
	}
	for _, task := range a.tasks() {
		c.family(a, slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.a.task != task }))
	}
	for _, p := range pairs {
		if f, ok := contrastCurves(a.title(p.a), a.tuningsOf(p.a), b.tuningsOf(p.b), idA, idB); ok {
			c.figures = append(c.figures, f)
		}
	}
	c.contrastGenerators(a, b)
	return c
}

func (d *Data) contrastRun(id string) ContrastRun {
	return ContrastRun{ID: id, RunHash: d.RunHash, Done: d.items - len(d.Unfinished), Tasks: d.items}
}

// partner is what a group is compared with: the one of the same task, arm, shape and
// options, or else the only one of the task and arm, if it is the only one here too.
func partner(g *group, own, others []*group) *group {
	alike := func(all []*group) []*group {
		return slices.DeleteFunc(slices.Clone(all), func(o *group) bool { return o.task != g.task || o.label != g.label })
	}
	near := alike(others)
	for _, o := range near {
		if o.optionText == g.optionText && (len(g.stains) == 0 || o.width == g.width && o.blocks == g.blocks) {
			return o
		}
	}
	if len(near) == 1 && len(alike(own)) == 1 {
		return near[0]
	}
	return nil
}

// family compares the pairs of a task, which are one family.
func (c *Contrast) family(d *Data, pairs []pair) {
	all := make([]Comparison, len(pairs))
	for i, p := range pairs {
		all[i] = contrastOf(p, len(pairs))
	}
	adjust(all)
	for i, p := range pairs {
		c.Arms = append(c.Arms, ArmContrast{
			Task: p.a.task, Arm: d.title(p.a), Same: p.a.sameResults(p.b), Metrics: p.metrics(all[i]), Comparison: all[i],
		})
	}
}

// contrastOf compares the two of a pair. Where an image has another class in the other run
// nothing is compared.
func contrastOf(p pair, family int) Comparison {
	x, y := p.onBoth()
	if relabelled(x, y) {
		c := noComparison(p.a.label, p.b.label, p.b.task)
		c.Why = "Some test images have another class in the other run: the data changed."
		return c
	}
	if len(p.shared()) > 0 {
		return comparison(p, family)
	}
	c := noComparison(p.a.label, p.b.label, p.b.task)
	c.Width, c.Blocks, c.Options, c.Family, c.Level = p.b.width, p.b.blocks, p.b.optionText, family, metrics.FamilyLevel(family)
	c.of(p, x, y)
	return c
}

// relabelled says whether an image has two classes.
func relabelled(a, b []*averaged) bool {
	for i := range a {
		if a[i].Class != b[i].Class {
			return true
		}
	}
	return false
}

// onBoth are the test images that both judge, in the same order: over the seeds that both
// have, or else each over its own, since images pair all the same.
func (p pair) onBoth() (a, b []*averaged) {
	if len(p.shared()) > 0 {
		return p.judged()
	}
	if p.a.rows[0].source != p.b.rows[0].source {
		return nil, nil
	}
	before := map[string]*averaged{}
	for _, x := range p.a.tested() {
		before[x.Name] = x
	}
	for _, y := range p.b.tested() {
		if x := before[y.Name]; x != nil {
			a, b = append(a, x), append(b, y)
		}
	}
	return a, b
}

// metrics are the metrics of a pair, on the images of its comparison.
func (p pair) metrics(c Comparison) []MetricContrast {
	a, b := p.a.summary().Together, p.b.summary().Together
	paired := c.N > 0
	if paired {
		x, y := p.onBoth()
		a, b = p.a.judgedOn(x), p.b.judgedOn(y)
	}
	none := metrics.Interval{metrics.Undefined(), metrics.Undefined()}
	out := []MetricContrast{
		{"balancedAccuracy", a.BalancedAccuracy, a.CI95.BalancedAccuracy, b.BalancedAccuracy, b.CI95.BalancedAccuracy, c.Difference, c.CI},
		{"auc", a.AUC, a.CI95.AUC, b.AUC, b.CI95.AUC, c.AUC.Difference, c.AUC.CI},
		{"accuracy", a.Accuracy, a.CI95.Accuracy, b.Accuracy, b.CI95.Accuracy, b.Accuracy - a.Accuracy, none},
		{"f1", a.F1, a.CI95.F1, b.F1, b.CI95.F1, b.F1 - a.F1, none},
	}
	for i := range out {
		if !paired {
			out[i].Difference, out[i].CI = metrics.Undefined(), none
		}
	}
	return out
}

// judgedOn is the metrics of some images as a group judges them.
func (g *group) judgedOn(images []*averaged) Split {
	samples := make([]metrics.Sample, len(images))
	for i, x := range images {
		samples[i] = x.Sample()
	}
	return judge(samples, g.rows[0].positive, g.rows[0].negative)
}

// contrastGenerators pairs the generators' trainings by stain and seed, and by options and
// shape where there are several.
func (c *Contrast) contrastGenerators(a, b *Data) {
	for i := range a.Generators {
		g := &a.Generators[i]
		var near []*Generator
		for k := range b.Generators {
			if o := &b.Generators[k]; o.Stain == g.Stain && o.Seed == g.Seed && (o.Pairs == nil) == (g.Pairs == nil) {
				near = append(near, o)
			}
		}
		at := slices.IndexFunc(near, func(o *Generator) bool { return o.shape() == g.shape() && o.options == g.options })
		if at < 0 {
			at = slices.IndexFunc(near, func(o *Generator) bool { return o.shape() == g.shape() })
		}
		if at < 0 && len(near) == 1 {
			at = 0
		}
		if at < 0 {
			continue
		}
		o := near[at]
		c.Generators = append(c.Generators, GeneratorContrast{PairsA: g.Pairs, PairsB: o.Pairs, Stain: g.Stain, Options: g.options, Seed: g.Seed, Same: g.Key == o.Key, A: g.Metrics, B: o.Metrics})
		if f, ok := contrastLosses(g, o, c.A.ID, c.B.ID); ok {
			c.figures = append(c.figures, f)
		}
	}
}

// tuningsOf are the fine-tunings behind a group.
func (d *Data) tuningsOf(g *group) []tuning {
	var out []tuning
	for _, t := range d.tuned {
		if t.task == g.task && t.arm == g.arm && t.options == g.optionText && t.width == g.width && t.blocks == g.blocks && slices.Equal(t.stains, g.stains) {
			out = append(out, t)
		}
	}
	return out
}

// JSON is the contrast for programs, indented, with a newline at the end.
func (c *Contrast) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the contrast: %w", err)
	}
	return append(text, '\n'), nil
}

// lossesOf are the losses of a pretraining whose names fit, a curve each.
func lossesOf(names []string, epochs []results.PretrainEpoch, fits func(name string) bool) (x []float64, y [][]float64) {
	for _, e := range epochs {
		x = append(x, float64(e.Epoch+1))
	}
	for k, name := range names {
		if !fits(name) {
			continue
		}
		var of []float64
		for _, e := range epochs {
			of = append(of, e.Losses[k])
		}
		y = append(y, of)
	}
	return x, y
}

package report

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"g2c/model/metrics"
)

// scene is the groups that one figure compares: of one task and one shape.
type scene struct {
	task          string
	width, blocks int
	groups        []*group
}

// scenes are the figures' groups, in the order of the plan. A shape that only
// groups without stains have is no scene of its own.
func (d *Data) scenes() []scene {
	var out []scene
	for _, g := range d.groups {
		i := slices.IndexFunc(out, func(s scene) bool { return s.task == g.task && s.width == g.width && s.blocks == g.blocks })
		if i < 0 {
			i = len(out)
			out = append(out, scene{task: g.task, width: g.width, blocks: g.blocks})
		}
		out[i].groups = append(out[i].groups, g)
	}
	return out
}

func (d *Data) sceneTitle(s scene) string {
	out := s.task
	if d.varies(func(g *group) any { return g.blocks }) {
		out += fmt.Sprintf(", %d blocks", s.blocks)
	}
	if d.varies(func(g *group) any { return g.width }) {
		out += fmt.Sprintf(", width %d", s.width)
	}
	return out
}

// colour is a group's place in the palette, in the order of the plan; -1, grey,
// is the baseline's.
func (d *Data) colour(g *group) int {
	at := -1
	for _, o := range d.sameScene(g) {
		if o.label != d.baseline {
			at++
		}
		if o == g {
			break
		}
	}
	if g.label == d.baseline {
		return -1
	}
	return at
}

func (d *Data) sameScene(g *group) []*group {
	return d.of(func(o *group) bool { return o.task == g.task && o.width == g.width && o.blocks == g.blocks })
}

// thinLines is how many groups may show each seed beside the mean.
const thinLines = 4

// rocFigures are the receiver operating characteristics, precision against recall, and the
// reliability of each scene: ROC curves are means over seeds, with each seed as a thin line
// where there is room; precision and recall are of the seeds' mean probabilities.
func (d *Data) rocFigures() []Figure {
	var out []Figure
	for _, s := range d.scenes() {
		out = append(out, d.rocFigure(s))
	}
	return out
}

func (d *Data) rocFigure(s scene) Figure {
	whole, corner := newPanel("ROC, test", "false positive rate", "true positive rate"), newPanel("its corner", "false positive rate", "")
	pr := newPanel("precision and recall, test", "recall", "precision")
	trust := newPanel("reliability, test", "predicted probability", "observed frequency")
	trust.Add(line([]float64{0, 1}, []float64{0, 1}, faint, 1, nil))
	whole.Add(line([]float64{0, 1}, []float64{0, 1}, faint, 1, nil))
	var keys []key
	var alt []string
	for _, g := range s.groups {
		c := d.groupColour(g)
		dash := dashes(max(d.colour(g), 0))
		if len(s.groups) <= thinLines && len(g.rows) > 1 {
			pale := color.NRGBA{c.R, c.G, c.B, 90}
			for _, a := range g.rows {
				x, y := stairs(metrics.ROC(a.samples()))
				whole.Add(line(x, y, pale, 0.5, nil))
				corner.Add(line(x, y, pale, 0.5, nil))
				px, py := metrics.PrecisionRecall(a.samples())
				pr.Add(line(px, py, pale, 0.5, nil))
			}
		}
		px, py := metrics.PrecisionRecall(g.meanSamples())
		pr.Add(line(px, py, c, 1.3, dash))
		x, y := meanROC(g.rows)
		l := line(x, y, c, 1.3, dash)
		whole.Add(l)
		corner.Add(l)
		rx, ry := reliability(g.rows)
		trust.Add(line(rx, ry, c, 1.1, dash), dots{points(rx, ry), c, 1.6})
		auc := g.spread(func(a *Arm) metrics.Number { return a.Metrics.Test.AUC })
		keys = append(keys, key{strings.TrimSpace(g.label + " " + g.optionText), l}, key{"  AUC " + fixed(auc.Mean), nothing{}})
		alt = append(alt, fmt.Sprintf("%s %s", g.label, fixed(auc.Mean)))
	}
	for _, p := range []*plot.Plot{whole, corner, pr, trust} {
		unit(&p.X)
		unit(&p.Y)
	}
	zoom(corner)
	return Figure{
		Path:  "figures/roc-" + fileName(s.task, fmt.Sprintf("w%d-b%d", s.width, s.blocks)) + ".svg",
		Title: "ROC, precision and recall, and reliability of " + d.sceneTitle(s),
		Alt:   "Receiver operating characteristic on the test images, mean area under the curve: " + strings.Join(alt, ", ") + ". Beside it precision against recall, and observed frequency against predicted probability.",
		Bytes: sideBySide([]*plot.Plot{whole, corner, pr, trust}, keys),
	}
}

// zoom shows the corner in which good classifiers differ.
func zoom(p *plot.Plot) {
	p.X.Max, p.Y.Min = 0.25, 0.75
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 0.05, Label: "0.05"}, {Value: 0.1, Label: "0.1"}, {Value: 0.15, Label: "0.15"}, {Value: 0.2, Label: "0.2"}, {Value: 0.25, Label: "0.25"}}
	p.Y.Tick.Marker = plot.ConstantTicks{{Value: 0.75, Label: "0.75"}, {Value: 0.8, Label: "0.8"}, {Value: 0.85, Label: "0.85"}, {Value: 0.9, Label: "0.9"}, {Value: 0.95, Label: "0.95"}, {Value: 1, Label: "1"}}
}

// stairs draws each step of a curve first up, then right.
func stairs(fpr, tpr []float64) (x, y []float64) {
	for i := range fpr {
		if i > 0 {
			x, y = append(x, fpr[i-1]), append(y, tpr[i])
		}
		x, y = append(x, fpr[i]), append(y, tpr[i])
	}
	return x, y
}

// meanROC is the mean true positive rate over seeds at each false positive rate.
func meanROC(rows []*Arm) (x, y []float64) {
	const steps = 400
	sum := make([]float64, steps+1)
	for _, a := range rows {
		fpr, tpr := metrics.ROC(a.samples())
		at := 0
		for i := range sum {
			for at+1 < len(fpr) && fpr[at+1] <= float64(i)/steps {
				at++
			}
			sum[i] += tpr[at]
		}
	}
	x, y = []float64{0}, []float64{0}
	for i, s := range sum {
		x, y = append(x, float64(i)/steps), append(y, s/float64(len(rows)))
	}
	return x, y
}

// Reliability is shown in bins of a tenth; a bin of few predictions says nothing.
const (
	reliabilityBins = 10
	fewPredictions  = 5
)

// reliability is the observed frequency of the positive class against the mean
// prediction, by bins of the prediction, over all seeds.
func reliability(rows []*Arm) (x, y []float64) {
	var n, positive [reliabilityBins]int
	var sum [reliabilityBins]float64
	for _, a := range rows {
		for _, s := range a.samples() {
			b := min(max(int(s.P*reliabilityBins), 0), reliabilityBins-1)
			n[b]++
			sum[b] += s.P
			if s.Class == 0 {
				positive[b]++
			}
		}
	}
	for b := range n {
		if n[b] >= fewPredictions {
			x, y = append(x, sum[b]/float64(n[b])), append(y, float64(positive[b])/float64(n[b]))
		}
	}
	return x, y
}

func points(x, y []float64) []plotter.XY {
	var out []plotter.XY
	for i := range x {
		out = append(out, plotter.XY{X: x[i], Y: y[i]})
	}
	return out
}

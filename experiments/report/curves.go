package report

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"g2c/api"
)

// lossFigures are the loss curves of every generator, one figure each: the
// adversarial losses on the left, cycle and identity on the right. Those of the
// first seed of each stain and shape come first.
func (d *Data) lossFigures() (first, later []Figure) {
	drawn := map[api.Key]bool{}
	seen := map[string]bool{}
	for i := range d.Generators {
		g := &d.Generators[i]
		if len(g.epochs) == 0 || drawn[g.Key] {
			continue
		}
		drawn[g.Key] = true
		if seen[g.shape()] {
			later = append(later, g.lossFigure())
			continue
		}
		seen[g.shape()] = true
		first = append(first, g.lossFigure())
	}
	return first, later
}

func (g *Generator) lossFigure() Figure {
	back := "cycle and identity (weighted)"
	if g.Pairs != nil {
		back = "L1 (weighted)"
	}
	left, right := newPanel("adversarial", "epoch", "mean loss"), newPanel(back, "epoch", "mean loss")
	var keys []key
	for k, name := range g.losses {
		x, y := make([]float64, len(g.epochs)), make([]float64, len(g.epochs))
		for e, epoch := range g.epochs {
			x[e], y[e] = float64(epoch.Epoch+1), epoch.Losses[k]
		}
		panel := left
		if returns(name) {
			panel = right
		}
		keys = append(keys, key{name, curve(panel, x, y, k)})
	}
	for _, p := range []*plot.Plot{left, right} {
		epochTicks(&p.X)
		p.Y.Min = 0
	}
	last := g.epochs[len(g.epochs)-1]
	var ends []string
	for k, name := range g.losses {
		ends = append(ends, fmt.Sprintf("%s %.3g", name, last.Losses[k]))
	}
	return Figure{
		Path:  "figures/loss-" + fileName(strings.TrimPrefix(g.Name, "pretrain/")) + ".svg",
		Title: "Losses of " + g.Name,
		Alt:   fmt.Sprintf("Loss curves over %d epochs; at the end %s.", len(g.epochs), strings.Join(ends, ", ")),
		Bytes: sideBySide([]*plot.Plot{left, right}, keys),
	}
}

// tuningFigures are the curves of the fine-tunings of each group: one line a seed,
// the loss on the left, validation on the right, frozen epochs shaded.
func (d *Data) tuningFigures() []Figure {
	var out []Figure
	done := map[string]bool{}
	for i, t := range d.tuned {
		var same []tuning
		for _, o := range d.tuned[i:] {
			if o.groupName() == t.groupName() {
				same = append(same, o)
			}
		}
		id := t.curvesID(same)
		if !done[t.groupName()] && !done[id] {
			out = append(out, tuningFigure(same))
		}
		done[t.groupName()], done[id] = true, true
	}
	return out
}

func (t *tuning) groupName() string {
	return fileName(t.task, t.arm, strings.Join(t.stains, "+"), fmt.Sprintf("w%d-b%d", t.width, t.blocks), t.options)
}

// curvesID names the tasks behind a figure, so that one shared by several groups
// is drawn once.
func (t *tuning) curvesID(same []tuning) string {
	var id strings.Builder
	for _, o := range same {
		id.WriteString(o.key.String())
	}
	return id.String()
}

// tuningPair is the panels of fine-tunings: the loss on the left, validation on the right.
type tuningPair struct {
	loss, val *plot.Plot
	validated bool // one of them was
}

func newTuningPair() *tuningPair {
	return &tuningPair{loss: newPanel("focal loss, training", "epoch", "mean loss"), val: newPanel("balanced accuracy, validation", "epoch", "")}
}

// add draws a fine-tuning, and gives its line of the left panel.
func (p *tuningPair) add(t *tuning, s style) *plotter.Line {
	var x, y, vx, vy []float64
	for _, e := range t.epochs {
		x, y = append(x, float64(e.Epoch+1)), append(y, e.Loss)
		if e.Validation != nil {
			vx, vy = append(vx, float64(e.Epoch+1)), append(vy, float64(e.Validation.BalancedAccuracy))
		}
	}
	l := s.draw(p.loss, x, y)
	s.draw(p.val, vx, vy)
	p.validated = p.validated || len(vx) > 0
	markSelected(p.val, vx, vy, t.selected, s.colour)
	return l
}

// panels are those that have something to show.
func (p *tuningPair) panels() []*plot.Plot {
	panels := []*plot.Plot{p.loss}
	if p.validated {
		panels = append(panels, p.val)
	}
	p.loss.Y.Min = 0
	for _, one := range panels {
		epochTicks(&one.X)
		one.X.Min = min(one.X.Min, 0.5)
	}
	return panels
}

func tuningFigure(same []tuning) Figure {
	t := same[0]
	pair := newTuningPair()
	var keys []key
	for k, o := range same {
		name := fmt.Sprintf("seed %d", o.seed)
		if o.fold > 0 {
			name += fmt.Sprintf(", fold %d", o.fold)
		}
		keys = append(keys, key{name, pair.add(&o, styleOf(k))})
	}
	panels := pair.panels()
	if t.frozen > 0 {
		for _, p := range panels {
			p.Add(frozenBand{float64(t.frozen) + 0.5})
		}
		keys = append(keys, key{fmt.Sprintf("%d frozen epochs", t.frozen), frozenBand{}})
	}
	return Figure{
		Path:  "figures/finetune-" + t.groupName() + ".svg",
		Title: "Fine-tuning of " + t.task + ", " + t.title(),
		Alt: fmt.Sprintf("Training loss and validation balanced accuracy of %d trainings over %d epochs; the generators are frozen for %d.",
			len(same), len(t.epochs), t.frozen),
		Bytes: sideBySide(panels, keys),
	}
}

func (t *tuning) title() string {
	if len(t.stains) == 0 {
		return strings.TrimSpace(t.arm + " " + t.options)
	}
	return strings.TrimSpace(fmt.Sprintf("%s b%d %s", t.arm, t.blocks, t.options))
}

// markSelected puts a dot at the epoch whose weights were selected.
func markSelected(p *plot.Plot, x, y []float64, epoch int, c color.Color) {
	i := slices.Index(x, float64(epoch+1))
	if i < 0 || !finite(y[i]) {
		return
	}
	p.Add(dots{[]plotter.XY{{X: x[i], Y: y[i]}}, c, 2.2})
}

// style is how a line looks.
type style struct {
	colour color.Color
	dashes []vg.Length
}

// styleOf is that of line k of a panel.
func styleOf(k int) style { return style{shade(k), dashes(k)} }

// draw adds a line to a panel; one of a single epoch is a dot.
func (s style) draw(p *plot.Plot, x, y []float64) *plotter.Line {
	l := line(x, y, s.colour, 1.1, s.dashes)
	p.Add(l)
	if len(l.XYs) == 1 {
		p.Add(dots{l.XYs, s.colour, 1.6})
	}
	return l
}

// curve adds line k to a panel.
func curve(p *plot.Plot, x, y []float64, k int) *plotter.Line { return styleOf(k).draw(p, x, y) }

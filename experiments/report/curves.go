package report

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

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
	left, right := newPanel("adversarial", "epoch", "mean loss"), newPanel("cycle and identity (weighted)", "epoch", "mean loss")
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

func tuningFigure(same []tuning) Figure {
	t := same[0]
	loss, val := newPanel("focal loss, training", "epoch", "mean loss"), newPanel("balanced accuracy, validation", "epoch", "")
	var keys []key
	validated := false
	for k, o := range same {
		var x, y, vx, vy []float64
		for _, e := range o.epochs {
			x, y = append(x, float64(e.Epoch+1)), append(y, e.Loss)
			if e.Validation != nil {
				vx, vy = append(vx, float64(e.Epoch+1)), append(vy, float64(e.Validation.BalancedAccuracy))
			}
		}
		name := fmt.Sprintf("seed %d", o.seed)
		if o.fold > 0 {
			name += fmt.Sprintf(", fold %d", o.fold)
		}
		keys = append(keys, key{name, curve(loss, x, y, k)})
		curve(val, vx, vy, k)
		validated = validated || len(vx) > 0
		markSelected(val, vx, vy, o.selected, shade(k))
	}
	panels := []*plot.Plot{loss}
	if validated {
		panels = append(panels, val)
	}
	loss.Y.Min = 0
	for _, p := range panels {
		epochTicks(&p.X)
		p.X.Min = min(p.X.Min, 0.5)
		if t.frozen > 0 {
			p.Add(frozenBand{float64(t.frozen) + 0.5})
		}
	}
	if t.frozen > 0 {
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

// curve adds line k to a panel; one of a single epoch is a dot.
func curve(p *plot.Plot, x, y []float64, k int) *plotter.Line {
	l := line(x, y, shade(k), 1.1, dashes(k))
	p.Add(l)
	if len(l.XYs) == 1 {
		p.Add(dots{l.XYs, shade(k), 1.6})
	}
	return l
}

package report

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// The lines of a run have its colour, first A's, then B's; of seeds and losses they differ
// in their dashes.

// contrastCurves are the fine-tunings of an arm in both runs in one figure: the loss on the
// left, validation on the right.
func contrastCurves(title string, a, b []tuning, idA, idB string) (Figure, bool) {
	if len(a) == 0 || len(b) == 0 {
		return Figure{}, false
	}
	loss, val := newPanel("focal loss, training", "epoch", "mean loss"), newPanel("balanced accuracy, validation", "epoch", "")
	var keys []key
	validated := false
	for side, of := range [][]tuning{a, b} {
		for k, t := range of {
			var x, y, vx, vy []float64
			for _, e := range t.epochs {
				x, y = append(x, float64(e.Epoch+1)), append(y, e.Loss)
				if e.Validation != nil {
					vx, vy = append(vx, float64(e.Epoch+1)), append(vy, float64(e.Validation.BalancedAccuracy))
				}
			}
			thumb := sideLine(loss, x, y, side, k)
			sideLine(val, vx, vy, side, k)
			markSelected(val, vx, vy, t.selected, shade(side))
			validated = validated || len(vx) > 0
			if k == 0 {
				keys = append(keys, key{sideName(side), thumb})
			}
		}
	}
	panels := []*plot.Plot{loss}
	if validated {
		panels = append(panels, val)
	}
	loss.Y.Min = 0
	for _, p := range panels {
		epochTicks(&p.X)
		p.X.Min = min(p.X.Min, 0.5)
	}
	return Figure{
		Path:  "contrast.svg",
		Title: "Fine-tuning of " + a[0].task + ", " + title + ", in both runs",
		Alt:   fmt.Sprintf("Training loss and validation balanced accuracy of %s of %s and %s of %s.", plural(len(a), "training"), idA, plural(len(b), "training"), idB),
		Bytes: sideBySide(panels, keys),
	}, true
}

// contrastLosses are the losses of a pretraining in both runs in one figure.
func contrastLosses(a, b *Generator, idA, idB string) (Figure, bool) {
	if len(a.epochs) == 0 || len(b.epochs) == 0 {
		return Figure{}, false
	}
	left, right := newPanel("adversarial", "epoch", "mean loss"), newPanel("cycle and identity (weighted)", "epoch", "mean loss")
	var keys []key
	for side, g := range []*Generator{a, b} {
		for i, panel := range []*plot.Plot{left, right} {
			x, all := lossesOf(g.losses, g.epochs, func(name string) bool { return returns(name) == (i == 1) })
			for k, y := range all {
				thumb := sideLine(panel, x, y, side, k)
				if i == 0 && k == 0 {
					keys = append(keys, key{sideName(side), thumb})
				}
			}
		}
	}
	for _, p := range []*plot.Plot{left, right} {
		epochTicks(&p.X)
		p.Y.Min = 0
	}
	return Figure{
		Path:  "contrast.svg",
		Title: "Losses of " + a.Name + " in both runs",
		Alt:   fmt.Sprintf("Loss curves over %d epochs of %s and %d of %s.", len(a.epochs), idA, len(b.epochs), idB),
		Bytes: sideBySide([]*plot.Plot{left, right}, keys),
	}, true
}

// returns says whether a loss is of an image that comes back: cycle and identity.
func returns(loss string) bool {
	return strings.Contains(loss, "cycle") || strings.Contains(loss, "identity")
}

// sideLine adds line k of a run to a panel.
func sideLine(p *plot.Plot, x, y []float64, side, k int) *plotter.Line {
	l := line(x, y, shade(side), 1.1, dashes(len(palette)*k))
	p.Add(l)
	if len(l.XYs) == 1 {
		p.Add(dots{l.XYs, shade(side), 1.6})
	}
	return l
}

// sideName is what the key of a figure calls a run.
func sideName(side int) string { return []string{"A", "B"}[side] }

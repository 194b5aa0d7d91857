package report

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"
)

// The lines of a run have its colour, first A's, then B's; of seeds and losses they differ
// in their dashes.

// contrastCurves are the fine-tunings of an arm in both runs in one figure: the loss on the
// left, validation on the right.
func contrastCurves(title string, a, b []tuning, idA, idB string) (Figure, bool) {
	if len(a) == 0 || len(b) == 0 {
		return Figure{}, false
	}
	pair := newTuningPair()
	var keys []key
	for side, of := range [][]tuning{a, b} {
		for k, t := range of {
			thumb := pair.add(&t, sideStyle(side, k))
			if k == 0 {
				keys = append(keys, key{sideName(side), thumb})
			}
		}
	}
	return Figure{
		Path:  "contrast.svg",
		Title: "Fine-tuning of " + a[0].task + ", " + title + ", in both runs",
		Alt:   fmt.Sprintf("Training loss and validation balanced accuracy of %s of %s and %s of %s.", plural(len(a), "training"), idA, plural(len(b), "training"), idB),
		Bytes: sideBySide(pair.panels(), keys),
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
				thumb := sideStyle(side, k).draw(panel, x, y)
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
	return strings.Contains(loss, "cycle") || strings.Contains(loss, "identity") || loss == "l1"
}

// sideStyle is that of line k of a run.
func sideStyle(side, k int) style { return style{shade(side), dashes(len(palette) * k)} }

// sideName is what the key of a figure calls a run.
func sideName(side int) string { return []string{"A", "B"}[side] }

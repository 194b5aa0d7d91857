package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"g2c/model/metrics"
	"g2c/model/results"
)

// Verdict is what became of a stain in joint training.
type Verdict string

// The verdicts, from the best to the worst.
const (
	Kept    Verdict = "kept"    // whoever sees both images side by side takes them for one
	Changed Verdict = "changed" // they differ, and by what is measured it is still the stain
	Harmed  Verdict = "harmed"  // it is further from the stain than the pretrained one was
)

// rank is how bad a verdict is.
func (v Verdict) rank() int { return slices.Index([]Verdict{Kept, Changed, Harmed}, v) }

// The limits of the verdicts, from what was measured; docs/report.md has the figures. Where
// joint training spoils synthetic tissue so that people see it at once, it passes most of
// the limits of harm, and where they cannot tell the images apart it comes near none.
const (
	// maxColourLoss is how much further from the stain's mean colour, on [0,1], a generator
	// may go: 20 levels of 255. Pretrained ones lie within 0.04 of their stain, spoilt ones
	// 0.1 to 0.4 further.
	maxColourLoss = 0.08
	// maxCheckerGrowth and minChecker are how many times the pretrained generator's
	// checkering is too much, and by how much it has to grow, so that nothing is made of a
	// multiple of what nobody sees: 0.01 is 2.5 levels of 255. Spoilt: 2.5 to 12 times.
	maxCheckerGrowth = 2
	minChecker       = 0.01
	// maxTruthLoss is how much less like the truth, in SSIM, images may be where it is
	// known: a third of what 12 epochs of pretraining in place of 4 gain in the quick
	// start. Spoilt: 0.1 to 0.3 less.
	maxTruthLoss = 0.05
	// maxCycleLoss is how much of the cycle's SSIM may be lost. The backward generator has
	// not learnt with the forward one, so that some of it goes wherever images change.
	maxCycleLoss = 0.1

	// minDifference and maxSameSSIM are what makes two images differ: 5 levels of 255 in
	// the mean, or a structural similarity between that of arms whose images cannot be told
	// apart (0.98 and more) and of those that begin to change (0.96).
	minDifference = 0.02
	maxSameSSIM   = 0.97
)

// stoodStill is why a stain is kept that nothing has touched.
const stoodStill = "the generators stood still"

// judgeStain judges one generator, and says why.
func judgeStain(g *results.Authentic) (Verdict, string) {
	if g.Drift.Still() {
		return Kept, stoodStill
	}
	if why := harms(g); len(why) > 0 {
		return Harmed, strings.Join(why, ", ")
	}
	d := g.Drift
	why := fmt.Sprintf("images differ by %s in the mean, SSIM %s", fixed(d.Images), fixed(d.SSIM))
	if d.Images >= minDifference || d.SSIM < maxSameSSIM {
		return Changed, why
	}
	return Kept, why
}

// harms are the ways in which a stain was harmed, in words.
func harms(g *results.Authentic) []string {
	var why []string
	from := func(what string, before, after metrics.Number) {
		why = append(why, fmt.Sprintf("%s %s → %s", what, fixed(before), fixed(after)))
	}
	b, a := &g.Before, &g.After
	if a.ColourDistance-b.ColourDistance > maxColourLoss {
		from("colour distance", b.ColourDistance, a.ColourDistance)
	}
	if a.Checkering > maxCheckerGrowth*b.Checkering && a.Checkering-b.Checkering > minChecker {
		from("checkering", b.Checkering, a.Checkering)
	}
	for _, x := range []struct {
		what          string
		before, after *metrics.Number
		limit         metrics.Number
	}{{"SSIM with the truth", b.SSIM, a.SSIM, maxTruthLoss}, {"cycle SSIM", b.CycleSSIM, a.CycleSSIM, maxCycleLoss}} {
		if x.before != nil && x.after != nil && *x.before-*x.after > x.limit {
			from(x.what, *x.before, *x.after)
		}
	}
	return why
}

// judge makes the line of each arm: its worst generator, and how many are like it.
func (a *Authenticity) judge() {
	for first, g := range a.Generators {
		if a.arm(g) != first {
			continue
		}
		var of []JointlyTuned
		for _, x := range a.Generators {
			if x.Task == g.Task && x.Title == g.Title {
				of = append(of, x)
			}
		}
		v, line := armLine(of)
		a.Arms = append(a.Arms, ArmVerdict{g.Task, g.Arm, g.Options, v, g.Title + ": " + line})
	}
}

// armLine is the verdict on the generators of an arm.
func armLine(of []JointlyTuned) (Verdict, string) {
	worst := slices.MaxFunc(of, func(x, y JointlyTuned) int {
		return cmp.Or(x.Verdict.rank()-y.Verdict.rank(), cmp.Compare(x.Drift.Images, y.Drift.Images))
	})
	if !slices.ContainsFunc(of, func(g JointlyTuned) bool { return !g.Drift.Still() }) {
		return Kept, fmt.Sprintf("%s (%s)", Kept, stoodStill)
	}
	alike := 0
	for _, g := range of {
		if g.Verdict == worst.Verdict {
			alike++
		}
	}
	where := fmt.Sprintf("%s, seed %d", worst.Stain, worst.Seed)
	if worst.Fold > 0 {
		where += fmt.Sprintf(", fold %d", worst.Fold)
	}
	line := fmt.Sprintf("%s (%d of %d generators); worst is %s: %s", worst.Verdict, alike, len(of), where, worst.Why)
	if len(of) == 1 {
		line = fmt.Sprintf("%s (%s): %s", worst.Verdict, where, worst.Why)
	}
	return worst.Verdict, line
}

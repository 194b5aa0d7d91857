package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"g2c/model/metrics"
	"g2c/model/results"
)

// looked is a number of a generator before and after joint training.
type looked struct {
	Name          string
	Before, After metrics.Number
	format        func(metrics.Number) string
}

// Text is the number before and after, once where both look alike.
func (l looked) Text() string {
	before, after := l.format(l.Before), l.format(l.After)
	if before == after {
		return before
	}
	return before + " → " + after
}

// Looks are the numbers of a generator, in the order of the tables.
func (g JointlyTuned) Looks() []looked {
	b, a := &g.Before, &g.After
	return []looked{
		{"colour distance", b.ColourDistance, a.ColourDistance, fixed},
		{"checkering", b.Checkering, a.Checkering, fixed},
		{"cycle L1", value(b.CycleL1), value(a.CycleL1), fixed},
		{"cycle SSIM", value(b.CycleSSIM), value(a.CycleSSIM), fixed},
		{"SSIM", value(b.SSIM), value(a.SSIM), fixed},
		{"PSNR", value(b.PSNR), value(a.PSNR), func(n metrics.Number) string { return decibelsText(&n) }},
		{"KID", value(b.KID), value(a.KID), fixed},
	}
}

// value is a number that may not have been measured.
func value(n *metrics.Number) metrics.Number {
	if n == nil {
		return metrics.Undefined()
	}
	return *n
}

// Heads are the names of the numbers that some generator has.
func (a *Authenticity) Heads() []string {
	var out []string
	for _, g := range a.Generators {
		for _, l := range g.Looks() {
			if (l.Before.Defined() || l.After.Defined()) && !slices.Contains(out, l.Name) {
				out = append(out, l.Name)
			}
		}
	}
	if len(a.Generators) > 0 { // in the order of the tables
		order := a.Generators[0].Looks()
		slices.SortFunc(out, func(x, y string) int {
			at := func(name string) int {
				return slices.IndexFunc(order, func(l looked) bool { return l.Name == name })
			}
			return at(x) - at(y)
		})
	}
	return out
}

// Cells are the numbers of a generator under these heads, and its drift.
func (a *Authenticity) Cells(g JointlyTuned) []string {
	var out []string
	for _, l := range g.Looks() {
		if slices.Contains(a.Heads(), l.Name) {
			out = append(out, l.Text())
		}
	}
	return out
}

// HasFolds says whether some fine-tuning is of a fold.
func (a *Authenticity) HasFolds() bool {
	return slices.ContainsFunc(a.Generators, func(g JointlyTuned) bool { return g.Fold > 0 })
}

// SeedText is the seed, with the fold of one.
func (g JointlyTuned) SeedText() string {
	if g.Fold > 0 {
		return fmt.Sprintf("%d, fold %d", g.Seed, g.Fold)
	}
	return fmt.Sprint(g.Seed)
}

// OfText says what the generators were judged on.
func (a *Authenticity) OfText() string {
	var out []string
	for _, g := range a.Generators {
		text := plural(g.Images, "test image")
		if g.Of == results.OfUnlabelled {
			text = plural(g.Images, "unlabelled image")
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, " or ")
}

// Lines are the verdicts, a line an arm.
func (a *Authenticity) Lines() []string {
	var out []string
	for _, v := range a.Arms {
		out = append(out, v.Line)
	}
	return out
}

// Text writes the verdicts, and below them the numbers before and after joint training.
func (a *Authenticity) Text(w io.Writer) error {
	var out bytes.Buffer
	for _, line := range a.Lines() {
		fmt.Fprintln(&out, line)
	}
	fmt.Fprintf(&out, "\nas pretrained → after joint training, on %s\n", a.OfText())
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "arm\tstain\tseed\t%s\tdrift of weights\tof images\tverdict\n", strings.Join(a.Heads(), "\t"))
	for _, g := range a.Generators {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.Title, g.Stain, g.SeedText(), strings.Join(a.Cells(g), "\t"), fixed(g.Drift.Weights), fixed(g.Drift.Images), g.Verdict)
	}
	t.Flush()
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

// authenticRows are the rows of a generator in results.csv: before and after.
func authenticRows(g *JointlyTuned) [][]string {
	var rows [][]string
	for _, side := range []struct {
		name string
		*results.Looks
	}{{"before", &g.Before}, {"after", &g.After}} {
		cells := map[string]string{
			"kind": "authenticity", "task": g.Task, "arm": g.Arm, "stains": g.Stain, "width": strconv.Itoa(g.Width), "blocks": strconv.Itoa(g.Blocks),
			"options": g.Options, "seed": seedText(g.Seed), "fold": foldText(g.Fold), "split": side.name, "name": g.Name, "key": g.Key.String(), "inputs": g.Pretrained,
			"n": strconv.Itoa(g.Images), "cycleL1": number(value(side.CycleL1)), "cycleSSIM": number(value(side.CycleSSIM)),
			"colourDistance": number(side.ColourDistance), "ssim": number(value(side.SSIM)), "psnr": number(value(side.PSNR)),
			"checkering": number(side.Checkering), "realCheckering": number(g.RealCheckering), "kid": number(value(side.KID)), "kidSE": number(value(side.KIDSE)),
		}
		if side.name == "after" {
			cells["driftWeights"], cells["driftImages"], cells["driftSSIM"] = number(g.Drift.Weights), number(g.Drift.Images), number(g.Drift.SSIM)
			cells["verdict"] = string(g.Verdict)
		}
		rows = append(rows, flat(cells))
	}
	return rows
}

// authenticFigures are a sheet an arm: the images of its first seed.
func (d *Data) authenticFigures() []Figure {
	if d.Authenticity == nil {
		return nil
	}
	var out []Figure
	for _, p := range d.Authenticity.sheets {
		out = append(out, p.figure())
	}
	return out
}

// figure has rows of images, and columns of each stain as pretrained, after joint training,
// and truly.
func (p *authenticPart) figure() Figure {
	image := 3 * p.shown.Size * p.shown.Size
	s := sheet{size: p.shown.Size}
	stains := map[string]bool{}
	for _, g := range p.shown.Stains {
		stains[g.Stain] = true
		for i := range p.shown.Names {
			row := [][]uint8{p.shown.Source[i*image:][:image], g.Before[i*image:][:image], g.After[i*image:][:image]}
			if g.Truth != nil {
				row = append(row, g.Truth[i*image:][:image])
			}
			s.tiles, s.sides = append(s.tiles, row), append(s.sides, "")
		}
		s.sides[len(s.sides)-len(p.shown.Names)] = g.Stain
	}
	s.heads = []string{p.source, "as pretrained", "jointly trained"}
	if slices.ContainsFunc(p.shown.Stains, func(g results.ShownStain) bool { return g.Truth != nil }) {
		s.heads = append(s.heads, "truth")
	}
	return Figure{
		Path: "figures/authenticity-" + p.name + ".png", Title: p.title + " of its first seed: the source, what the generators made of it as pretrained and after joint training" + map[bool]string{true: ", and the real stain"}[len(s.heads) > 3],
		Alt:   fmt.Sprintf("For each of %s, %s of %s, as the pretrained generator and the jointly trained one show them.", plural(len(stains), "stain"), plural(len(p.shown.Names), "image"), p.source),
		Bytes: s.png(),
	}
}

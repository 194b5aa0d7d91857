package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"g2c/model/metrics"
)

// textWidth is the width of a terminal that text is made for, in cells.
const textWidth = 80

// valueWidth is how much of a field's value is shown; the JSON has it whole.
const valueWidth = 24

// metricNames are the metrics of a contrast for people.
var metricNames = map[string]string{"balancedAccuracy": "bal. acc.", "auc": "AUC", "accuracy": "accuracy", "f1": "F1"}

// Text writes the contrast for people: how the specs differ, then what the runs found.
func (c *Contrast) Text(w io.Writer) error {
	var out bytes.Buffer
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for i, r := range []ContrastRun{c.A, c.B} {
		fmt.Fprintf(t, "%s\t%s\t%d of %d tasks done\n", sideName(i), r.ID, r.Done, r.Tasks)
	}
	t.Flush()
	c.specText(&out)
	for i := range c.Arms {
		c.Arms[i].text(&out)
	}
	c.generatorsText(&out)
	for i, only := range [][]string{c.OnlyA, c.OnlyB} {
		if len(only) > 0 {
			fmt.Fprintf(&out, "\n%s\n", wrapped(fmt.Sprintf("only in %s: %s", sideName(i), strings.Join(only, ", "))))
		}
	}
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

func (c *Contrast) specText(out io.Writer) {
	if len(c.Spec) == 0 {
		fmt.Fprintln(out, "\nThe specs say the same.")
		return
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SPEC\tA\tB")
	for _, d := range c.Spec {
		fmt.Fprintf(t, "%s\t%s\t%s\n", d.Path, cutText(d.A), cutText(d.B))
	}
	t.Flush()
}

// cutText is the beginning of a value, a dash for none.
func cutText(value string) string {
	r := []rune(value)
	if len(r) > valueWidth {
		return string(r[:valueWidth-1]) + "…"
	}
	return orText(value, "–")
}

func (a *ArmContrast) text(out io.Writer) {
	head := fmt.Sprintf("%s, %s", a.Task, a.Arm)
	if a.Same {
		fmt.Fprintf(out, "\n%s: the same tasks in both runs\n", head)
	} else {
		fmt.Fprintf(out, "\n%s\n", wrapped(head+a.images()))
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tA\tB\tB - A")
	for _, m := range a.Metrics {
		difference := "–"
		if m.Difference.Defined() {
			difference = fmt.Sprintf("%+.3f", float64(m.Difference)) + bracketed(m.CI)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", metricNames[m.Metric], fixed(m.A)+bracketed(m.ACI95), fixed(m.B)+bracketed(m.BCI95), difference)
	}
	t.Flush()
	if a.Same {
		return
	}
	c := a.Comparison
	if c.P.Defined() {
		line := fmt.Sprintf("balanced accuracy: p %s by sign flips of groups", pText(c.P))
		if c.Family > 1 {
			line += fmt.Sprintf(", %s of the family of %d, intervals of differences at %.4g %%", pText(c.PHolm), c.Family, 100*c.Level)
		}
		if c.OverSeeds.CI95[0].Defined() {
			line += fmt.Sprintf("; over seeds %+.3f%s", float64(c.OverSeeds.Difference), bracketed(c.OverSeeds.CI95))
		}
		fmt.Fprintln(out, wrapped(line))
	}
	if c.Why != "" {
		fmt.Fprintln(out, wrapped("no claim: "+c.Why))
	}
}

// images says which images a comparison is of.
func (a *ArmContrast) images() string {
	c := a.Comparison
	if c.N == 0 {
		return ""
	}
	text := fmt.Sprintf(": %d test images of %d / %d groups, ", c.N, c.Groups[0], c.Groups[1])
	if len(c.Seeds) == 0 {
		return text + "each over its own seeds"
	}
	seeds := make([]string, len(c.Seeds))
	for i, s := range c.Seeds {
		seeds[i] = fmt.Sprint(s)
	}
	return text + "seed " + strings.Join(seeds, " ")
}

func (c *Contrast) generatorsText(out io.Writer) {
	cyclic, paired := c.Cyclic(), c.Paired()
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(cyclic) > 0 {
		fmt.Fprintln(t, "\nGENERATOR\tCYCLE L1 A\tB\tSSIM A\tB\tCOLOUR A\tB")
	}
	for _, g := range cyclic {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.label(), fixed(g.A.CycleL1), fixed(g.B.CycleL1),
			fixed(g.A.CycleSSIM), fixed(g.B.CycleSSIM), fixed(g.A.ColourDistance), fixed(g.B.ColourDistance))
	}
	t.Flush()
	if len(paired) > 0 {
		fmt.Fprintln(t, "\nGENERATOR ON PAIRS\tSSIM A\tB\tPSNR A\tB\tIMAGES A\tB")
	}
	for _, g := range paired {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", g.label(), fixed(g.PairsA.Model.SSIM), fixed(g.PairsB.Model.SSIM),
			decibelsText(&g.PairsA.Model.PSNR), decibelsText(&g.PairsB.Model.PSNR), g.PairsA.Images, g.PairsB.Images)
	}
	t.Flush()
}

// label is a generator for a line of text.
func (g *GeneratorContrast) label() string {
	name := fmt.Sprintf("%s s%d", g.Stain, g.Seed)
	if g.Options != "" {
		name += " " + g.Options
	}
	if g.Same {
		name += " (same)"
	}
	return name
}

// Cyclic are the generators that were trained without pairs.
func (c *Contrast) Cyclic() []GeneratorContrast { return c.generators(false) }

// Paired are those that were trained on pairs, and judged on them.
func (c *Contrast) Paired() []GeneratorContrast { return c.generators(true) }

func (c *Contrast) generators(paired bool) (out []GeneratorContrast) {
	for _, g := range c.Generators {
		if (g.PairsA != nil && g.PairsB != nil) == paired {
			out = append(out, g)
		}
	}
	return out
}

// bracketed is an interval behind its value; nothing where it is not defined.
func bracketed(i metrics.Interval) string {
	if !i[0].Defined() || !i[1].Defined() {
		return ""
	}
	return fmt.Sprintf(" [%.3f, %.3f]", float64(i[0]), float64(i[1]))
}

// wrapped breaks a line between words, so that a terminal shows all of it; what follows is
// indented.
func wrapped(text string) string {
	var out strings.Builder
	cells := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case cells+1+n > textWidth:
			out.WriteString("\n  ")
			cells = 2
		default:
			out.WriteByte(' ')
			cells++
		}
		out.WriteString(word)
		cells += n
	}
	return out.String()
}

// trimLines removes the spaces that fill a table's last column.
func trimLines(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i := range lines {
		lines[i] = bytes.TrimRight(lines[i], " ")
	}
	return bytes.Join(lines, []byte("\n"))
}

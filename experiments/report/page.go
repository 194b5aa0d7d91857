package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"g2c/model/metrics"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"fixed": fixed, "spread": spreadText, "interval": intervalText, "p": pText, "short": short, "seconds": secondsText,
	"percent": func(v float64) string { return fmt.Sprintf("%.2f", v) }, "join": strings.Join, "number": shownNumber,
	"signed": signedText, "decibels": decibelsText, "epoch": func(e int) int { return e + 1 },
	"plus": func(n metrics.Number) string { return signedText(spread{Mean: n, SD: metrics.Undefined()}) },
}).Parse(pageText))

// page is what the template shows.
type page struct {
	*Data
	Done, All   int
	Shared      int
	Command     string
	Baseline    string
	Ready       []string
	Tasks       []taskView
	Generators  []Generator
	Truth       bool // some generator was judged against the truth
	Losses      []pageFigure
	MoreLosses  []pageFigure
	Sheets      []pageFigure
	LeftSheets  int // sheets that are files only
	Tuning      []pageFigure
	WidthShown  bool
	BlocksShown bool
}

// taskView is the results of one task of the spec.
type taskView struct {
	Name, Positive, Negative string
	Given                    string
	Rows                     []rowView
	Bars, Confusion          pageFigure
	ROC, Heat                []pageFigure
	Tests                    []testView
	Examples                 []examplesView
}

// rowView is one group in the main table.
type rowView struct {
	Label, Stains, Blocks, Seeds, Images    string
	Width                                   int
	BA, AUC, Accuracy, F1, RecallP, RecallN spread
	Gap                                     spread
	CI                                      metrics.Interval
	Delta                                   spread // balanced accuracy less the baseline's, seed by seed
	Base                                    bool
}

// testView is the paired tests of one group.
type testView struct {
	Label  string
	Pooled Comparison
	Seeds  []Comparison
}

// examplesView is the examples of one group.
type examplesView struct {
	Label, Positive string
	Heads           []string
	Rescued, Lost   exampleList
}

type exampleList struct {
	Title string
	Count int // shown and not
	Shown []exampleView
}

type exampleView struct {
	example
	Image template.URL
	Alt   string
}

// pageFigure is a figure as it stands in the page.
type pageFigure struct {
	Title, Alt, Path string
	SVG              template.HTML
	Image            template.URL
}

// onPage embeds a figure: SVG as it is, anything else as a data URI.
func onPage(f Figure) pageFigure {
	out := pageFigure{Title: f.Title, Alt: f.Alt, Path: f.Path}
	if strings.HasSuffix(f.Path, ".svg") {
		out.SVG = template.HTML(f.Bytes) // written by vgsvg, which escapes text
	} else {
		out.Image = dataURI(f.Bytes)
	}
	return out
}

func onPages(figures []Figure) []pageFigure {
	var out []pageFigure
	for _, f := range figures {
		out = append(out, onPage(f))
	}
	return out
}

func dataURI(png []byte) template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
}

// HTML is index.html: one page with all figures in it, which asks for no other
// file and runs no script.
func (d *Data) HTML() ([]byte, error) { return d.html(d.draw()) }

func (d *Data) html(f *figures) ([]byte, error) {
	v := page{
		Data: d, Done: d.items - len(d.Unfinished), All: d.items, Shared: d.shared, Command: orText(d.Notes.Command, "g2c run SPEC"),
		Baseline: d.baseline, Ready: d.ready, Generators: byStain(d.Generators),
		Losses: onPages(f.losses), MoreLosses: onPages(f.moreLosses), Tuning: onPages(f.tuning), Sheets: onPages(f.sheets[:f.sheetsShown]), LeftSheets: len(f.sheets) - f.sheetsShown,
		WidthShown:  d.varies(func(g *group) any { return g.width }),
		BlocksShown: d.varies(func(g *group) any { return g.blocks }),
	}
	for _, g := range d.Generators {
		v.Truth = v.Truth || g.Metrics.SSIM != nil || g.Metrics.PSNR != nil
	}
	for i, task := range d.tasks() {
		v.Tasks = append(v.Tasks, d.taskView(task, f, i))
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("write index.html: %w", err)
	}
	return out.Bytes(), nil
}

// byStain is generators by stain, shape and seed.
func byStain(generators []Generator) []Generator {
	out := slices.Clone(generators)
	slices.SortStableFunc(out, func(a, b Generator) int {
		return cmp.Or(cmp.Compare(a.Stain, b.Stain), a.Width-b.Width, a.Blocks-b.Blocks, cmp.Compare(a.Seed, b.Seed))
	})
	return out
}

func (d *Data) taskView(task string, f *figures, i int) taskView {
	groups := d.of(func(g *group) bool { return g.task == task })
	first := groups[0].rows[0]
	v := taskView{Name: task, Positive: first.positive, Negative: first.negative, Given: first.Given, Bars: onPage(f.bars[i]), Confusion: onPage(f.confusion[i])}
	for k, s := range d.scenes() {
		if s.task == task {
			v.ROC = append(v.ROC, onPage(f.roc[k]))
		}
	}
	if len(f.heat) > i {
		v.Heat = append(v.Heat, onPage(f.heat[i]))
	}
	for _, g := range distinct(groups) {
		v.Rows = append(v.Rows, d.rowView(g))
		v.Tests = append(v.Tests, d.testViews(g)...)
	}
	for _, e := range d.examples {
		if e.group.task == task && e.nRescued+e.nLost > 0 {
			v.Examples = append(v.Examples, d.examplesView(e))
		}
	}
	return v
}

func (d *Data) rowView(g *group) rowView {
	test := func(of func(*Split) metrics.Number) spread {
		return g.spread(func(a *Arm) metrics.Number { return of(&a.Metrics.Test) })
	}
	first := g.rows[0]
	v := rowView{
		Label: strings.TrimSpace(g.label + " " + g.options), Stains: orText(strings.Join(g.stains, " "), "–"), Blocks: "–", Width: g.width, Base: g.label == d.baseline,
		BA: g.spread(balanced), CI: g.interval(), Delta: d.delta(g),
		AUC: test(func(s *Split) metrics.Number { return s.AUC }), Accuracy: test(func(s *Split) metrics.Number { return s.Accuracy }),
		F1:      test(func(s *Split) metrics.Number { return s.F1 }),
		RecallP: test(func(s *Split) metrics.Number { return recall(s, first.positive) }),
		RecallN: test(func(s *Split) metrics.Number { return recall(s, first.negative) }),
		Gap:     g.spread(func(a *Arm) metrics.Number { return a.Metrics.Gap }),
		Images:  fmt.Sprintf("%d / %d", first.Metrics.Test.N, len(g.countsByPatient())),
	}
	if len(g.stains) > 0 {
		v.Blocks = fmt.Sprint(g.blocks)
	}
	v.Seeds = fmt.Sprint(len(g.rows))
	return v
}

// delta is the balanced accuracy less the baseline's of the same seed.
func (d *Data) delta(g *group) spread {
	if g.base == nil {
		return spread{Mean: metrics.Undefined(), SD: metrics.Undefined()}
	}
	return g.spread(func(a *Arm) metrics.Number {
		if b := g.base.seed(a.Seed); b != nil {
			return balanced(a) - balanced(b)
		}
		return metrics.Undefined()
	})
}

func (d *Data) testViews(g *group) []testView {
	var out []testView
	for _, c := range d.Comparisons {
		if c.Task != g.task || c.B != g.label || c.Width != g.width || c.Blocks != g.blocks || c.Options != g.options {
			continue
		}
		if c.Seed == nil {
			out = append(out, testView{Label: d.title(g), Pooled: c})
			continue
		}
		out[len(out)-1].Seeds = append(out[len(out)-1].Seeds, c)
	}
	return out
}

func (d *Data) examplesView(e exampleOf) examplesView {
	list := func(title string, count int, in []example) exampleList {
		out := exampleList{Title: title, Count: count}
		for _, x := range in {
			out.Shown = append(out.Shown, exampleView{
				example: x, Image: dataURI(x.strip()),
				Alt: fmt.Sprintf("Patch %s, then its generated stains %s", x.Name, strings.Join(e.group.stains, ", ")),
			})
		}
		return out
	}
	return examplesView{
		Label: d.title(e.group), Positive: e.group.rows[0].positive, Heads: append([]string{"source"}, e.group.stains...),
		Rescued: list("Rescued", e.nRescued, e.rescued), Lost: list("Lost", e.nLost, e.lost),
	}
}

// spreadText is mean ± standard deviation; of one seed the mean alone.
func spreadText(s spread) string {
	if !s.SD.Defined() {
		return fixed(s.Mean)
	}
	return fmt.Sprintf("%.3f ± %.3f", float64(s.Mean), float64(s.SD))
}

// signedText is a difference with its sign.
func signedText(s spread) string {
	switch {
	case !s.Mean.Defined():
		return "–"
	case !s.SD.Defined():
		return minus(fmt.Sprintf("%+.3f", float64(s.Mean)))
	}
	return minus(fmt.Sprintf("%+.3f ± %.3f", float64(s.Mean), float64(s.SD)))
}

// minus is a number with a typographic minus.
func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func decibelsText(n *metrics.Number) string {
	if n == nil || !n.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.1f", float64(*n))
}

func intervalText(i metrics.Interval) string {
	if !i[0].Defined() || !i[1].Defined() {
		return "–"
	}
	return fmt.Sprintf("%.3f – %.3f", float64(i[0]), float64(i[1]))
}

// pText is a p value with two figures; small ones are bounded.
func pText(p metrics.Number) string {
	switch {
	case !p.Defined():
		return "–"
	case p < 0.0001:
		return "< 0.0001"
	case p < 0.01:
		return fmt.Sprintf("%.4f", float64(p))
	}
	return fmt.Sprintf("%.2f", float64(p))
}

func shownNumber(n *metrics.Number) string {
	if n == nil {
		return "–"
	}
	return fixed(*n)
}

func secondsText(s *float64) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", *s)
}

// short is the first digits of a hash; results.json has them all.
func short(v any) string {
	text := fmt.Sprint(v)
	return text[:min(len(text), 12)]
}

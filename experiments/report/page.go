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

	"g2c/api"
	"g2c/experiments/planned"
	"g2c/experiments/record"
	"g2c/model/metrics"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

// words are what the templates of pages call.
var words = template.FuncMap{
	"style": func() template.CSS { return template.CSS("\n" + styleText) },
	"fixed": fixed, "spread": spreadText, "interval": intervalText, "p": pText, "short": short, "seconds": secondsText,
	"percent": func(v float64) string { return fmt.Sprintf("%.2f", v) }, "join": strings.Join, "number": shownNumber,
	"signed": signedText, "decibels": decibelsText, "decibel": func(n metrics.Number) string { return decibelsText(&n) }, "epoch": func(e int) int { return e + 1 },
	"plus": func(n metrics.Number) string { return signedText(spread{Mean: n, SD: metrics.Undefined()}) },
	"pair": func(n [2]int) string { return fmt.Sprintf("%d / %d", n[0], n[1]) }, "share": shareText,
	"level": func(v float64) string {
		return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", 100*v), "0"), ".") + " %"
	},
}

var pageTemplate = template.Must(template.New("page").Funcs(words).Parse(pageText))

// page is what the template shows.
type page struct {
	*Data
	Done, All   int
	Shared      int
	Baseline    string
	Ready       []string
	Tasks       []taskView
	Generators  []Generator // trained without pairs
	Paired      []Generator
	Truth       bool // some generator was judged against the truth
	Losses      []pageFigure
	MoreLosses  []pageFigure
	Sheets      []pageFigure
	SheetsNote  string // where these images come from
	LeftSheets  int    // sheets that are files only
	Tuning      []pageFigure
	Authentic   []pageFigure // what joint training made of the stains
	Networks    []networkView
	WidthShown  bool
	BlocksShown bool
}

// taskView is the results of one task of the spec.
type taskView struct {
	Name, Positive, Negative string
	Given                    string
	Rows                     []rowView
	Few, Patients, GapGiven  bool // some row has few groups, patients, a gap of equal populations
	Ungrouped                bool // neither patients nor slides are known
	Bars, Confusion          pageFigure
	ROC, Heat, Boards        []pageFigure
	Tests                    []testView
	Level                    float64 // of the intervals of the tests
	Examples                 []examplesView
	NoImages                 bool // the examples' images are not at hand
}

// rowView is one group in the main table.
type rowView struct {
	Summary
	Label, StainsText, BlocksText, SeedsText string
	RecallP, RecallN                         Mean
	Delta                                    spread // balanced accuracy less the baseline's, seed by seed
	Base                                     bool
}

// testView is a comparison with the titles of its groups.
type testView struct {
	A, B string
	Comparison
}

// networkView is the parameters of a group's model.
type networkView struct {
	Label string
	Parameters
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
	Image template.URL // empty where it is not at hand
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
		Data: d, Done: d.items - len(d.Unfinished), All: d.items, Shared: d.shared,
		Baseline: d.baseline, Ready: d.ready,
		Losses: onPages(f.losses), MoreLosses: onPages(f.moreLosses), Tuning: onPages(f.tuning), Authentic: onPages(f.authentic), Sheets: onPages(f.sheets[:f.sheetsShown]), LeftSheets: len(f.sheets) - f.sheetsShown,
		WidthShown:  d.varies(func(g *group) any { return g.width }),
		BlocksShown: d.varies(func(g *group) any { return g.blocks }),
	}
	v.Paired, v.Generators = paired(byStain(d.Generators))
	for _, g := range d.Generators {
		v.Truth = v.Truth || g.Metrics.SSIM != nil || g.Metrics.PSNR != nil
	}
	v.SheetsNote = "Shown on images of the training sets: what a generator does with tissue that it has not seen may be worse."
	if v.Truth {
		v.SheetsNote = "Shown on synthetic tissue of the test patients, on which no generator was trained."
	}
	v.Networks = d.networks()
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

// HasGapGiven says whether a task's table has a column for gaps of equal populations.
func (p page) HasGapGiven(task string) bool {
	return slices.ContainsFunc(p.Tasks, func(t taskView) bool { return t.Name == task && t.GapGiven })
}

// HasPatients says whether a task's table has a column for patients.
func (p page) HasPatients(task string) bool {
	return slices.ContainsFunc(p.Tasks, func(t taskView) bool { return t.Name == task && t.Patients })
}

// TrainingTime is what all trainings took, as far as it was recorded.
func (p page) TrainingTime() string {
	total, unknown := 0.0, 0
	seen := map[api.Key]bool{}
	add := func(key api.Key, seconds *float64) {
		switch {
		case seen[key]:
		case seconds == nil:
			unknown++
		default:
			total += *seconds
		}
		seen[key] = true
	}
	for _, g := range p.Data.Generators {
		add(g.Key, g.Seconds)
	}
	for _, a := range p.Arms {
		add(a.Key, a.Seconds)
	}
	text := planned.Duration(total)
	if unknown > 0 {
		text += fmt.Sprintf(", without %s of which it is not known", plural(unknown, "task"))
	}
	return text
}

// Findings are the verdict on the data.
func (p page) Findings() []record.Found { return record.Findings(p.Run.Data) }

// Labels are those that the spec gives the experiment.
func (p page) Labels() map[string]string { return p.Run.Plan.Labels }

// networks are the parameters of each arm's model, once.
func (d *Data) networks() []networkView {
	var out []networkView
	for _, g := range d.groups {
		v := networkView{d.title(g), g.rows[0].Parameters}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
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
	for _, b := range f.boards {
		if b.Path == "figures/board-"+fileName(task)+".png" {
			v.Boards = append(v.Boards, onPage(b))
		}
	}
	for _, g := range distinct(groups) {
		row := d.rowView(g)
		v.Few, v.Patients, v.GapGiven = v.Few || row.Few, v.Patients || row.ByPatient != nil, v.GapGiven || row.Summary.GapGiven != nil
		v.Ungrouped = v.Ungrouped || row.Summary.Ungrouped
		v.Rows = append(v.Rows, row)
	}
	for _, c := range d.Comparisons {
		if c.Task == task {
			v.Tests, v.Level = append(v.Tests, d.testView(c)), max(v.Level, c.Level)
		}
	}
	for _, e := range d.examples {
		if e.group.task == task {
			view := d.examplesView(e)
			v.Examples = append(v.Examples, view)
			for _, x := range append(view.Rescued.Shown, view.Lost.Shown...) {
				v.NoImages = v.NoImages || x.Image == ""
			}
		}
	}
	return v
}

func (d *Data) rowView(g *group) rowView {
	s := g.summary()
	v := rowView{
		Summary: s, Label: strings.TrimSpace(g.label + " " + g.optionText), StainsText: orText(g.stainWords(), "–"), BlocksText: "–", Base: g.label == d.baseline,
		Delta: d.delta(g), RecallP: s.Recall[g.rows[0].positive], RecallN: s.Recall[g.rows[0].negative],
		SeedsText: fmt.Sprint(len(g.rows)),
	}
	if len(g.stains) > 0 {
		v.BlocksText = fmt.Sprint(g.blocks)
	}
	if g.folds > 0 {
		v.SeedsText += fmt.Sprintf(" × %d folds", g.folds)
		if s.Tested < g.folds {
			v.SeedsText += fmt.Sprintf(" (%d done)", s.Tested)
		}
	}
	return v
}

// delta is the balanced accuracy less the baseline's of the same seed, on the images that
// both judge.
func (d *Data) delta(g *group) spread {
	if g.base == nil {
		return spread{Mean: metrics.Undefined(), SD: metrics.Undefined()}
	}
	return spreadOf(pair{g.base, g}.differences())
}

// testView names the groups of a comparison as tables do.
func (d *Data) testView(c Comparison) testView {
	a := c
	if c.AWidth > 0 || c.ABlocks > 0 {
		a.Width, a.Blocks, a.Options = c.AWidth, c.ABlocks, c.AOptions
	}
	name := func(label string, width, blocks int, options string) string {
		for _, g := range d.groups {
			if g.task == c.Task && g.label == label && g.width == width && g.blocks == blocks && g.optionText == options {
				return d.title(g)
			}
		}
		return label
	}
	return testView{A: name(c.A, a.Width, a.Blocks, a.Options), B: name(c.B, c.Width, c.Blocks, c.Options), Comparison: c}
}

func (d *Data) examplesView(e exampleOf) examplesView {
	list := func(title string, count int, in []example) exampleList {
		out := exampleList{Title: title, Count: count}
		for _, x := range in {
			v := exampleView{example: x, Alt: fmt.Sprintf("Patch %s, then its generated stains %s", x.Name, strings.Join(e.group.stains, ", "))}
			if strip := d.strip(x); strip != nil {
				v.Image = dataURI(strip)
			}
			out.Shown = append(out.Shown, v)
		}
		return out
	}
	return examplesView{
		Label: d.title(e.group), Positive: e.group.rows[0].positive, Heads: append([]string{"source"}, e.group.stains...),
		Rescued: list("Rescued", e.nRescued, e.rescued), Lost: list("Lost", e.nLost, e.lost),
	}
}

// spreadText is mean ± standard deviation; of one seed the mean alone.
func spreadText(s Mean) string {
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

// shareText is a percentage, a dash for none.
func shareText(n metrics.Number) string {
	if !n.Defined() || n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", float64(n))
}

// minus is a number with a typographic minus.
func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func decibelsText(n *metrics.Number) string {
	if n == nil || !n.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.1f", float64(*n))
}

func intervalText(v any) string {
	var i metrics.Interval
	switch v := v.(type) {
	case metrics.Interval:
		i = v
	case *metrics.Interval:
		if v == nil {
			return "–"
		}
		i = *v
	}
	if !i[0].Defined() || !i[1].Defined() {
		return "–"
	}
	return strings.ReplaceAll(fmt.Sprintf("%.3f – %.3f", float64(i[0]), float64(i[1])), "-", "−")
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

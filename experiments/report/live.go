package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"

	"gonum.org/v1/plot"

	"g2c/experiments/live"
	"g2c/model/results"
)

//go:embed live.html
var liveText string

var liveTemplate = template.Must(template.New("live").Funcs(words).Parse(liveText))

// LiveEvery is how often the page of a run reloads itself, in seconds.
const LiveEvery = 10

// What the page of a run shows, however many tasks run.
const (
	liveCurves = 4
	liveSheets = 4
)

// Live is a run as it goes on, as its page shows it.
type Live struct {
	Experiment string
	ID         string
	Written    string // when, for people
	Done       int    // tasks
	Left       string // time left of the whole run; empty where it is not known
	Tasks      []LiveTask
	Notes      []string
	// Of a run that is over: how it ended, and its report, relative to the page. The page
	// does not reload itself any more.
	Ended  string
	Report string
}

// LiveTask is a task of the run.
type LiveTask struct {
	Name  string
	State string // waiting, running, done, failed, cancelled
	Why   string // it failed
	Key   string
	Heard int64 // the higher, the later there was news of it; 0 for none

	Step, Steps int64
	Lines       []live.Line
	Sheet       []byte // PNG: the newest sample images; nil for none
	SheetEpoch  int    // from 1
}

// Percent is how much of a task is done.
func (t LiveTask) Percent() int64 {
	if t.Steps == 0 {
		return 0
	}
	return 100 * t.Step / t.Steps
}

// Last is the newest line of a task's log.
func (t LiveTask) Last() live.Line {
	if len(t.Lines) == 0 {
		return live.Line{}
	}
	return t.Lines[len(t.Lines)-1]
}

// newest are the tasks of which there was news last, of those that fit.
func (l *Live) newest(n int, fits func(LiveTask) bool) []LiveTask {
	all := slices.DeleteFunc(slices.Clone(l.Tasks), func(t LiveTask) bool { return t.Heard == 0 || !fits(t) })
	slices.SortStableFunc(all, func(a, b LiveTask) int { return int(b.Heard - a.Heard) })
	return all[:min(n, len(all))]
}

// liveSheet is the newest sample images of a task as they stand in the page.
type liveSheet struct {
	Name  string
	Epoch int
	Image template.URL
}

// HTML is the page: one file that asks for no other, runs no script, and is loaded again by
// the browser itself while the run goes on.
func (l *Live) HTML() ([]byte, error) {
	v := struct {
		*Live
		Every   int
		Running []LiveTask
		Failed  []LiveTask
		Curves  []pageFigure
		Sheets  []liveSheet
	}{Live: l}
	if l.Ended == "" {
		v.Every = LiveEvery
	}
	for _, t := range l.Tasks {
		switch t.State {
		case "running":
			v.Running = append(v.Running, t)
		case "failed":
			v.Failed = append(v.Failed, t)
		}
	}
	for _, t := range l.newest(liveCurves, func(t LiveTask) bool { return len(t.Lines) > 0 }) {
		v.Curves = append(v.Curves, onPage(liveFigure(t)))
	}
	for _, t := range l.newest(liveSheets, func(t LiveTask) bool { return t.Sheet != nil }) {
		v.Sheets = append(v.Sheets, liveSheet{t.Name, t.SheetEpoch, dataURI(t.Sheet)})
	}
	var out bytes.Buffer
	if err := liveTemplate.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("write the page of a run: %w", err)
	}
	return out.Bytes(), nil
}

// liveFigure is the curves of a task so far: the loss of its steps on the left, what its
// epochs came to on the right.
func liveFigure(t LiveTask) Figure {
	left, right := newPanel("loss, mean over the epoch so far", "step", ""), newPanel("", "epoch", "")
	var x, y []float64
	var ended []live.Line
	for _, l := range t.Lines {
		if l.Ended {
			ended = append(ended, l)
		} else if l.Loss != nil {
			x, y = append(x, float64(l.Step)), append(y, float64(*l.Loss))
		}
	}
	curve(left, x, y, 0)
	left.Y.Min = 0
	epochTicks(&left.X)
	panels, keys := []*plot.Plot{left}, []key(nil)
	if len(ended) > 0 {
		panels, keys = append(panels, right), epochCurves(right, ended)
	}
	return Figure{
		Path: "live.svg", Title: t.Name,
		Alt:   fmt.Sprintf("Curves of %s to step %d of %d, %s.", t.Name, t.Step, t.Steps, plural(len(ended), "whole epoch")),
		Bytes: sideBySide(panels, keys),
	}
}

// epochCurves draws what epochs came to: validation where there is any, or else the losses.
func epochCurves(p *plot.Plot, ended []live.Line) (keys []key) {
	of := map[string]func(live.Line) float64{}
	var names []string
	add := func(name string, get func(live.Line) float64) {
		names = append(names, name)
		of[name] = get
	}
	p.Title.Text = "losses"
	if ended[0].Validation != nil {
		p.Title.Text = "validation"
		add("balanced accuracy", func(l live.Line) float64 { return float64(l.Validation.BalancedAccuracy) })
		add("AUC", func(l live.Line) float64 { return float64(l.Validation.AUC) })
	} else {
		for name := range ended[0].Losses {
			add(name, func(l live.Line) float64 { return float64(l.Losses[name]) })
		}
		slices.Sort(names)
	}
	for k, name := range names {
		var x, y []float64
		for _, l := range ended {
			if ended[0].Validation == nil || l.Validation != nil {
				x, y = append(x, float64(l.Epoch)), append(y, of[name](l))
			}
		}
		keys = append(keys, key{name, curve(p, x, y, k)})
	}
	epochTicks(&p.X)
	p.X.Min, p.X.Max, p.Y.Min = min(p.X.Min, 0.5), max(p.X.Max, 1.5), min(p.Y.Min, 0)
	return keys
}

// liveTile is the longest side of a sample image on the page of a run, in pixels.
const liveTile = 128

// LiveSheet is the sample images of an epoch of a pretraining as a PNG file: the source
// stain, its translation and what comes back, then the same from the other stain; of pairs the
// source, its translation and the target. images are
// by results.ShowKinds, RGB, side×side×3 bytes each; large ones are made smaller.
func LiveSheet(source, stain string, side int, images map[string][]uint8) []byte {
	s := sheet{size: side / shrink(side), heads: []string{source, "→ " + stain, "and back", stain, "→ " + source, "and back"}}
	kinds := []string{"real_A", "fake_B", "cycle_A", "real_B", "fake_A", "cycle_B"}
	if images["cycle_A"] == nil { // pairs
		s.heads, kinds = []string{source, "→ " + stain, stain}, results.PairKinds
	}
	one := 3 * side * side
	for i := range len(images["real_A"]) / one {
		var row [][]uint8
		for _, kind := range kinds {
			var tile []uint8
			if all := images[kind]; len(all) >= (i+1)*one {
				tile = smaller(all[i*one:][:one], side, shrink(side))
			}
			row = append(row, tile)
		}
		s.tiles = append(s.tiles, row)
	}
	if len(s.tiles) > results.ShowImages {
		s.tiles = s.tiles[:results.ShowImages]
	}
	return s.png()
}

// shrink is by what whole factor an image is made smaller.
func shrink(side int) int { return (side + liveTile - 1) / liveTile }

// smaller is the means of squares of by×by pixels of an image.
func smaller(pixels []uint8, side, by int) []uint8 {
	if by == 1 {
		return pixels
	}
	to := side / by
	out := make([]uint8, 3*to*to)
	for i := range out {
		x, y, c := i/3%to, i/3/to, i%3
		sum := 0
		for dy := range by {
			for dx := range by {
				sum += int(pixels[3*((y*by+dy)*side+x*by+dx)+c])
			}
		}
		out[i] = uint8((sum + by*by/2) / (by * by))
	}
	return out
}

package report

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// nothing is the thumbnail of a line of text.
type nothing struct{}

// Thumbnail implements plot.Thumbnailer.
func (nothing) Thumbnail(*draw.Canvas) {}

func (d *Data) groupColour(g *group) color.RGBA {
	if c := d.colour(g); c >= 0 {
		return shade(c)
	}
	return grey
}

// barFigures are test balanced accuracies by group, a figure a task: the mean
// over seeds, its interval, and a dot for each seed.
func (d *Data) barFigures() []Figure {
	var out []Figure
	for _, task := range d.tasks() {
		groups := distinct(d.of(func(g *group) bool { return g.task == task }))
		out = append(out, d.barFigure(task, groups))
	}
	return out
}

func (d *Data) barFigure(task string, groups []*group) Figure {
	p := newPanel("", "balanced accuracy, test", "")
	left := 0.5 // chance
	var names, alt []string
	for i, g := range groups {
		mean, ci, c := g.spread(balanced), g.interval(), d.groupColour(g)
		at := float64(len(groups) - 1 - i)
		p.Add(bar{at, float64(mean.Mean), float64(ci[0]), float64(ci[1]), c})
		var seeds []plotter.XY
		for k, a := range g.rows {
			if v := float64(balanced(a)); finite(v) {
				shift := 0.24 * (float64(k) - float64(len(g.rows)-1)/2) / float64(max(len(g.rows)-1, 1))
				seeds = append(seeds, plotter.XY{X: v, Y: at + shift})
				left = min(left, v)
			}
		}
		if finite(float64(ci[0])) {
			left = min(left, float64(ci[0]))
		}
		p.Add(dots{seeds, c, 1.7})
		names = append([]string{d.title(g)}, names...)
		alt = append(alt, fmt.Sprintf("%s %s [%s, %s]", d.title(g), fixed(mean.Mean), fixed(ci[0]), fixed(ci[1])))
	}
	p.NominalY(names...)
	unit(&p.X)
	p.X.Min = max(0, float64(int(left*10))/10)
	p.X.Tick.Marker = plot.DefaultTicks{}
	p.Y.Min, p.Y.Max = -0.5, float64(len(groups))-0.5
	height := vg.Length(36 + 20*len(groups))
	canvas := vgsvg.New(barsWidth, height)
	p.Draw(draw.Crop(draw.New(canvas), 2, -10, 2, -4))
	return Figure{
		Path: "figures/accuracy-" + fileName(task) + ".svg", Title: "Balanced accuracy of " + task,
		Alt: "Mean test balanced accuracy with 95 % interval: " + strings.Join(alt, "; ") + ".", Bytes: toSVG(canvas),
	}
}

// The sizes of bars and of a confusion matrix in points.
const (
	barsWidth      = vg.Length(400)
	cellWidth      = vg.Length(42)
	cellHeight     = vg.Length(25)
	matrixWidth    = vg.Length(132)
	matrixHeight   = vg.Length(84)
	matricesAcross = 3
)

// confusionFigures are the test confusions summed over seeds, a figure a task.
func (d *Data) confusionFigures() []Figure {
	var out []Figure
	for _, task := range d.tasks() {
		groups := distinct(d.of(func(g *group) bool { return g.task == task }))
		across := min(len(groups), matricesAcross)
		down := (len(groups) + across - 1) / across
		canvas := vgsvg.New(matrixWidth*vg.Length(across), matrixHeight*vg.Length(down))
		all := draw.New(canvas)
		var alt []string
		for i, g := range groups {
			x, y := matrixWidth*vg.Length(i%across), matrixHeight*vg.Length(down-1-i/across)
			d.drawConfusion(all, g, x, y)
			c := g.confusion()
			alt = append(alt, fmt.Sprintf("%s: %d and %d, %d and %d", d.title(g), c[0][0], c[0][1], c[1][0], c[1][1]))
		}
		out = append(out, Figure{
			Path: "figures/confusion-" + fileName(task) + ".svg", Title: "Confusion of " + task,
			Alt: "Counts by truth (rows) and prediction (columns), positive class first. " + strings.Join(alt, ". ") + ".", Bytes: toSVG(canvas),
		})
	}
	return out
}

// drawConfusion draws one matrix with its lower left corner at a point.
func (d *Data) drawConfusion(c draw.Canvas, g *group, x, y vg.Length) {
	names := []string{g.rows[0].positive, g.rows[0].negative}
	counts := g.confusion()
	x0, y0 := x+40, y+14
	label(c, d.title(g), textSize, ink, x0+cellWidth, y0+2*cellHeight+8, draw.XCenter)
	for t := range 2 {
		cy := y0 + cellHeight*vg.Length(1-t)
		label(c, names[t], textSize-1, ink, x0-4, cy+cellHeight/2, draw.XRight)
		label(c, names[t], textSize-1, ink, x0+cellWidth*(vg.Length(t)+0.5), y0-6, draw.XCenter)
		total := max(counts[t][0]+counts[t][1], 1)
		for k := range 2 {
			share := float64(counts[t][k]) / float64(total)
			cx := x0 + cellWidth*vg.Length(k)
			fill(c, heat(share), cx+0.5, cy+0.5, cx+cellWidth-0.5, cy+cellHeight-0.5)
			clr := onHeat(share)
			label(c, fmt.Sprint(counts[t][k]), textSize+1, clr, cx+cellWidth/2, cy+cellHeight/2+4, draw.XCenter)
			label(c, fmt.Sprintf("%.1f %%", 100*share), textSize-2, clr, cx+cellWidth/2, cy+cellHeight/2-7, draw.XCenter)
		}
	}
}

// heat is a colour for a share of [0,1]: pale to deep blue.
func heat(v float64) color.RGBA {
	from, to := [3]float64{233, 239, 245}, [3]float64{8, 72, 130}
	at := func(i int) uint8 { return uint8(from[i] + float64((to[i]-from[i])*v)) }
	return color.RGBA{at(0), at(1), at(2), 255}
}

// onHeat is the colour of text on heat.
func onHeat(v float64) color.RGBA {
	if v > 0.5 {
		return color.RGBA{255, 255, 255, 255}
	}
	return color.RGBA{20, 24, 28, 255}
}

package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"g2c/model/metrics"
)

// heatFigures are balanced accuracies by arm and by the depth of the generators, a figure
// a task, where the depth varies. A cell is one group, its mean over seeds with its
// interval: arms are never averaged, for what tells them apart is what the sweep asks
// about. Rows are sorted by the number M of generated stains.
func (d *Data) heatFigures() []Figure {
	if !d.varies(func(g *group) any { return g.blocks }) {
		return nil
	}
	var out []Figure
	for _, task := range d.tasks() {
		out = append(out, d.heatFigure(task))
	}
	return out
}

// heatRow is an arm at one point of the sweep, but for the depth.
type heatRow struct {
	name  string
	m     int
	cells map[int]*group // by depth
}

func (d *Data) heatRows(task string) (rows []heatRow, depths []int) {
	wide := d.varies(func(g *group) any { return g.width })
	seen := map[int]bool{}
	for _, g := range d.of(func(g *group) bool { return g.task == task }) {
		name := strings.TrimSpace(g.label + " " + g.optionText)
		if wide && len(g.stains) > 0 {
			name += fmt.Sprintf(" w%d", g.width)
		}
		i := slices.IndexFunc(rows, func(r heatRow) bool { return r.name == name })
		if i < 0 {
			i = len(rows)
			rows = append(rows, heatRow{name, len(g.stains), map[int]*group{}})
		}
		if rows[i].cells[g.blocks] == nil {
			rows[i].cells[g.blocks] = g
		}
		seen[g.blocks] = true
	}
	slices.SortStableFunc(rows, func(a, b heatRow) int { return a.m - b.m })
	return rows, slices.Sorted(maps.Keys(seen))
}

func (d *Data) heatFigure(task string) Figure {
	rows, columns := d.heatRows(task)
	const cw, ch, left, bottom = vg.Length(74), vg.Length(32), vg.Length(130), vg.Length(30)
	canvas := vgsvg.New(left+cw*vg.Length(len(columns)), bottom+ch*vg.Length(len(rows)))
	c := draw.New(canvas)
	low, high := heatRange(rows)
	for k, depth := range columns {
		label(c, fmt.Sprint(depth), textSize, ink, left+cw*(vg.Length(k)+0.5), bottom-9, draw.XCenter)
	}
	var alt []string
	for i, r := range rows {
		y := bottom + ch*vg.Length(len(rows)-1-i)
		label(c, r.name, textSize, ink, left-4, y+ch/2+5, draw.XRight)
		label(c, fmt.Sprintf("M = %d", r.m), textSize-1.5, grey, left-4, y+ch/2-6, draw.XRight)
		for k, depth := range columns {
			g := r.cells[depth]
			if g == nil {
				continue
			}
			mean, ci := g.spread(balanced), g.interval()
			drawHeat(c, left+cw*vg.Length(k), y, cw, ch, (float64(mean.Mean)-low)/(high-low), fixed(mean.Mean), fmt.Sprintf("%s – %s", fixed(ci[0]), fixed(ci[1])))
			alt = append(alt, fmt.Sprintf("%s depth %d: %s", r.name, depth, fixed(mean.Mean)))
		}
	}
	label(c, "residual blocks of the generators", textSize, ink, left+cw*vg.Length(len(columns))/2, 8, draw.XCenter)
	return Figure{
		Path: "figures/heat-" + fileName(task) + ".svg", Title: "Balanced accuracy by arm and depth, " + task,
		Alt: "Mean test balanced accuracy. " + strings.Join(alt, "; ") + ".", Bytes: toSVG(canvas),
	}
}

// heatRange is the least and the largest mean of the cells, never equal.
func heatRange(rows []heatRow) (low, high float64) {
	low, high = 1, 0
	for _, r := range rows {
		for _, g := range r.cells {
			if m := g.spread(balanced).Mean; m.Defined() {
				low, high = min(low, float64(m)), max(high, float64(m))
			}
		}
	}
	if high-low < 0.02 { // differences below a hundredth are no heat
		middle := (low + high) / 2
		low, high = middle-0.01, middle+0.01
	}
	return low, high
}

func drawHeat(c draw.Canvas, x, y, w, h vg.Length, v float64, mean, interval string) {
	if !finite(v) {
		v = 0
	}
	fill(c, heat(v), x+0.5, y+0.5, x+w-0.5, y+h-0.5)
	label(c, mean, textSize+1, onHeat(v), x+w/2, y+h/2+5, draw.XCenter)
	label(c, interval, textSize-2, onHeat(v), x+w/2, y+h/2-7, draw.XCenter)
}

// fixed is a share for people: three decimals, a dash where it is undefined.
func fixed(n metrics.Number) string {
	if !n.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(n))
}

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

// heatFigures are balanced accuracies by the number M of generated stains and the
// depth of the generators, a figure a task, where the depth varies. A cell is the
// mean over all groups of its M and depth, with its interval.
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

func (d *Data) heatFigure(task string) Figure {
	cells := map[[2]int]*group{} // by M and depth: all rows together
	ms, depths := map[int]bool{}, map[int]bool{}
	for _, g := range d.of(func(g *group) bool { return g.task == task }) {
		at := [2]int{len(g.stains), g.blocks}
		ms[at[0]], depths[at[1]] = true, true
		if cells[at] == nil {
			cells[at] = &group{}
		}
		cells[at].rows = append(cells[at].rows, g.rows...)
	}
	rows, columns := slices.Sorted(maps.Keys(ms)), slices.Sorted(maps.Keys(depths))
	const cw, ch, left, bottom = vg.Length(74), vg.Length(32), vg.Length(30), vg.Length(30)
	canvas := vgsvg.New(left+cw*vg.Length(len(columns)), bottom+ch*vg.Length(len(rows)))
	c := draw.New(canvas)
	low, high := heatRange(cells)
	for k, depth := range columns {
		label(c, fmt.Sprint(depth), textSize, ink, left+cw*(vg.Length(k)+0.5), bottom-9, draw.XCenter)
	}
	var alt []string
	for i, m := range rows {
		y := bottom + ch*vg.Length(len(rows)-1-i)
		label(c, fmt.Sprintf("M=%d", m), textSize, ink, left-4, y+ch/2, draw.XRight)
		for k, depth := range columns {
			x := left + cw*vg.Length(k)
			g := cells[[2]int{m, depth}]
			if g == nil {
				continue
			}
			mean, ci := g.spread(balanced), g.interval()
			drawHeat(c, x, y, cw, ch, (float64(mean.Mean)-low)/(high-low), fixed(mean.Mean), fmt.Sprintf("%s – %s", fixed(ci[0]), fixed(ci[1])))
			alt = append(alt, fmt.Sprintf("M %d depth %d: %s", m, depth, fixed(mean.Mean)))
		}
	}
	label(c, "residual blocks of the generators", textSize, ink, left+cw*vg.Length(len(columns))/2, 8, draw.XCenter)
	return Figure{
		Path: "figures/heat-" + fileName(task) + ".svg", Title: "Balanced accuracy by number of stains and depth, " + task,
		Alt: "Mean test balanced accuracy. " + strings.Join(alt, "; ") + ".", Bytes: toSVG(canvas),
	}
}

// heatRange is the least and the largest mean of the cells, never equal.
func heatRange(cells map[[2]int]*group) (low, high float64) {
	low, high = 1, 0
	for _, g := range cells {
		if m := g.spread(balanced).Mean; m.Defined() {
			low, high = min(low, float64(m)), max(high, float64(m))
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

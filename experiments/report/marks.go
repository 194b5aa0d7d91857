package report

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// frozenBand shades the epochs up to x, where the generators stood still.
type frozenBand struct{ to float64 }

// Plot implements plot.Plotter.
func (b frozenBand) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	fill(c, color.NRGBA{128, 128, 128, 48}, c.Min.X, c.Min.Y, min(x(b.to), c.Max.X), c.Max.Y)
}

// Thumbnail implements plot.Thumbnailer.
func (b frozenBand) Thumbnail(c *draw.Canvas) {
	fill(*c, color.NRGBA{128, 128, 128, 72}, c.Min.X, c.Min.Y, c.Max.X, c.Max.Y)
}

// dots are points with a white rim, so that those that meet stay two.
type dots struct {
	at     []plotter.XY
	colour color.Color
	radius vg.Length
}

// Plot implements plot.Plotter.
func (s dots) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, v := range s.at {
		pt := vg.Point{X: x(v.X), Y: y(v.Y)}
		c.DrawGlyph(draw.GlyphStyle{Color: color.White, Radius: s.radius + 0.6, Shape: draw.CircleGlyph{}}, pt)
		c.DrawGlyph(draw.GlyphStyle{Color: s.colour, Radius: s.radius, Shape: draw.CircleGlyph{}}, pt)
	}
}

// DataRange implements plot.DataRanger.
func (s dots) DataRange() (xmin, xmax, ymin, ymax float64) { return plotter.XYRange(plotter.XYs(s.at)) }

// bar is a horizontal bar from the left edge to a mean, with an interval.
type bar struct {
	y, mean, low, high float64
	colour             color.RGBA
}

// Plot implements plot.Plotter.
func (b bar) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	const half, cap = vg.Length(6), vg.Length(3)
	at := y(b.y)
	if finite(b.mean) {
		fill(c, color.NRGBA{b.colour.R, b.colour.G, b.colour.B, 70}, c.Min.X, at-half, x(b.mean), at+half)
		c.StrokeLine2(draw.LineStyle{Color: b.colour, Width: 1.6}, x(b.mean), at-half, x(b.mean), at+half)
	}
	if !finite(b.low) || !finite(b.high) {
		return
	}
	sty := draw.LineStyle{Color: ink, Width: 0.8}
	c.StrokeLine2(sty, x(b.low), at, x(b.high), at)
	c.StrokeLine2(sty, x(b.low), at-cap, x(b.low), at+cap)
	c.StrokeLine2(sty, x(b.high), at-cap, x(b.high), at+cap)
}

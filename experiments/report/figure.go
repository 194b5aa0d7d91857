package report

import (
	"bytes"
	"image/color"
	"math"
	"strconv"
	"strings"
	"unicode"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is one file under figures/.
type Figure struct {
	Path  string // relative to the report, with slashes
	Title string // what it shows
	Alt   string // the same for who cannot see it, with the numbers that matter
	Bytes []byte // an SVG or a PNG file
}

// The sizes of figures in points; three quarters of a CSS pixel.
const (
	panelWidth  = vg.Length(238)
	panelHeight = vg.Length(172)
	keyWidth    = vg.Length(104)
	textSize    = vg.Length(8.5)
)

// The colours of lines: Okabe and Ito's, which colour-blind readers tell apart.
// Pure black is the page's own ink, light on a dark page; see toSVG.
var (
	ink     = color.RGBA{0, 0, 0, 255}
	grey    = color.RGBA{128, 128, 128, 255}
	faint   = color.NRGBA{128, 128, 128, 40}
	palette = []color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
		{230, 159, 0, 255}, {86, 180, 233, 255}, {148, 103, 189, 255}, {140, 86, 75, 255},
	}
)

// shade is colour i of the palette; past its end it begins again, and lines are
// told apart by their dashes.
func shade(i int) color.RGBA { return palette[i%len(palette)] }

func dashes(i int) []vg.Length {
	return [][]vg.Length{nil, {4, 2}, {1.5, 1.5}, {6, 2, 1.5, 2}}[(i/len(palette))%4]
}

// newPanel is an empty plot in the house style.
func newPanel(title, x, y string) *plot.Plot {
	p := plot.New()
	sans := func(f *font.Font, size vg.Length) { f.Variant, f.Size = "Sans", size }
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.Transparent
	sans(&p.Title.TextStyle.Font, textSize+0.5)
	p.Title.Padding = 4
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		sans(&a.Label.TextStyle.Font, textSize)
		sans(&a.Tick.Label.Font, textSize-0.5)
		a.LineStyle.Width, a.Tick.LineStyle.Width, a.Tick.Length = 0.5, 0.5, 3
		a.Padding = 2
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	return p
}

// unit gives an axis the range [0, 1] with ticks at its fifths.
func unit(a *plot.Axis) {
	a.Min, a.Max = 0, 1
	a.Tick.Marker = plot.ConstantTicks{
		{Value: 0, Label: "0"}, {Value: 0.2, Label: "0.2"}, {Value: 0.4, Label: "0.4"},
		{Value: 0.6, Label: "0.6"}, {Value: 0.8, Label: "0.8"}, {Value: 1, Label: "1"},
	}
}

// epochTicks puts ticks at whole epochs only.
func epochTicks(a *plot.Axis) {
	a.Tick.Marker = plot.TickerFunc(func(lo, hi float64) []plot.Tick {
		step := 1.0
		for k := 0; (hi-lo)/step > 8; k++ {
			step *= []float64{2, 2.5, 2}[k%3] // 1, 2, 5, 10, 20, ...
		}
		var ticks []plot.Tick
		first := math.Ceil(lo/step) * step
		for k := range 10 { // more than 8 steps; not by adding, which stands still where step is below an ulp
			if v := first + float64(float64(k)*step); v <= hi {
				ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', 0, 64)})
			}
		}
		return ticks
	})
}

// line is a plotter.Line without points that are not numbers.
func line(x, y []float64, c color.Color, width vg.Length, dash []vg.Length) *plotter.Line {
	var xy plotter.XYs
	for i := range x {
		if finite(x[i]) && finite(y[i]) {
			xy = append(xy, plotter.XY{X: x[i], Y: y[i]})
		}
	}
	return &plotter.Line{XYs: xy, LineStyle: draw.LineStyle{Color: c, Width: width, Dashes: dash}}
}

func finite(v float64) bool { return v-v == 0 }

// key is the explanation of the lines of a figure.
type key struct {
	name  string
	thumb plot.Thumbnailer
}

// sideBySide draws panels side by side with one key at the right, as an SVG file.
func sideBySide(panels []*plot.Plot, keys []key) []byte {
	wide := panelWidth * vg.Length(len(panels))
	if len(keys) > 0 {
		wide += keyWidth
	}
	canvas := vgsvg.New(wide, panelHeight)
	all := draw.New(canvas)
	for i, p := range panels {
		left := panelWidth * vg.Length(i)
		p.Draw(draw.Crop(all, left+2, left+panelWidth-10-wide, 2, -4))
	}
	if len(keys) > 0 {
		legend := plot.NewLegend()
		legend.Top, legend.Left, legend.ThumbnailWidth, legend.Padding = true, true, 14, 3
		legend.TextStyle.Font.Variant, legend.TextStyle.Font.Size = "Sans", textSize-0.5
		for _, k := range keys {
			legend.Add(k.name, k.thumb)
		}
		legend.Draw(draw.Crop(all, wide-keyWidth, 0, 0, -16))
	}
	return toSVG(canvas)
}

// toSVG is the canvas as a file that also fits into a page: black is the ink of
// the surroundings, text is set in the reader's sans-serif, and the size is that
// of the view box.
func toSVG(c *vgsvg.Canvas) []byte {
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		panic("report: write to memory: " + err.Error())
	}
	text := out.String()
	text = strings.Replace(text[strings.Index(text, "<svg"):], "<svg", `<svg fill="currentColor"`, 1)
	text = strings.ReplaceAll(text, "font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;",
		"font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	text = strings.ReplaceAll(text, "stroke:#000000", "stroke:currentColor")
	text = strings.ReplaceAll(text, "fill:#000000", "fill:currentColor")
	return []byte(text)
}

// fill is a rectangle of one colour on a canvas, in points from its lower left.
func fill(c draw.Canvas, clr color.Color, x0, y0, x1, y1 vg.Length) {
	c.FillPolygon(clr, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
}

// label writes text centred on a point.
func label(c draw.Canvas, text string, size vg.Length, clr color.Color, x, y vg.Length, align draw.XAlignment) {
	sty := draw.TextStyle{
		Color: clr, Font: font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans", Size: size},
		XAlign: align, YAlign: draw.YCenter, Handler: plot.DefaultTextHandler,
	}
	c.FillText(sty, vg.Point{X: x, Y: y}, text)
}

// fileName is text as a part of a file's name: what is no letter, digit, dot, plus or
// minus becomes an underline.
func fileName(parts ...string) string {
	clean := func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r), r == '.', r == '+', r == '-', r == '=':
			return r
		}
		return '_'
	}
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, strings.Map(clean, p))
		}
	}
	return strings.Join(out, "-")
}

package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	subpixel "golang.org/x/image/math/fixed"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"

	"g2c/model/results"
)

// Sizes of sheets of images in pixels.
const (
	tileTarget  = 128  // small images are enlarged to about this side, by a whole factor
	sheetWidth  = 1040 // and to no wider a sheet than this
	tileGap     = 3
	headHeight  = 20
	sideWidth   = 112
	sheetText   = 12
	manyPixels  = 96 // images with a larger side show fewer epochs
	fewerEpochs = 6
)

// sheet is images in rows and columns, with a text above each column and, unless
// all are empty, one left of each row.
type sheet struct {
	heads, sides []string
	size         int         // side of a tile in pixels
	tiles        [][][]uint8 // row, column, RGB; nil is left white
}

// factor is how many times each pixel is repeated.
func (s *sheet) factor() int {
	byWidth := (sheetWidth - s.margin()) / (len(s.heads) * s.size)
	return max(1, min((tileTarget+s.size-1)/s.size, byWidth))
}

func (s *sheet) margin() int {
	if strings.Join(s.sides, "") == "" {
		return 0
	}
	return sideWidth
}

// TileSheet draws square RGB images of a side in pixels in rows and columns, with a text above
// each column and one left of each row; nil is left white.
func TileSheet(heads, sides []string, size int, tiles [][][]uint8) image.Image {
	return (&sheet{heads, sides, size, tiles}).draw()
}

// png is the sheet as a PNG file.
func (s *sheet) png() []byte {
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := encoder.Encode(&out, s.draw()); err != nil {
		panic("report: write to memory: " + err.Error())
	}
	return out.Bytes()
}

// draw draws the sheet, pixels whole and unsmoothed.
func (s *sheet) draw() *image.RGBA {
	side := s.size * s.factor()
	pitch := side + tileGap
	head := headHeight
	if strings.Join(s.heads, "") == "" {
		head = 0
	}
	im := image.NewRGBA(image.Rect(0, 0, s.margin()+pitch*len(s.heads)-tileGap, head+pitch*len(s.tiles)-tileGap))
	for i := range im.Pix {
		im.Pix[i] = 255
	}
	face := sheetFace()
	for x, text := range s.heads {
		write(im, face, text, s.margin()+pitch*x, headHeight-6, side)
	}
	for y, row := range s.tiles {
		if len(s.sides) > y {
			write(im, face, s.sides[y], 0, head+pitch*y+side/2+4, sideWidth-tileGap)
		}
		for x, tile := range row {
			s.paste(im, tile, s.margin()+pitch*x, head+pitch*y)
		}
	}
	return im
}

func (s *sheet) paste(im *image.RGBA, tile []uint8, left, top int) {
	if tile == nil {
		return
	}
	f := s.factor()
	for y := range s.size * f {
		for x := range s.size * f {
			from := 3 * ((y/f)*s.size + x/f)
			to := im.PixOffset(left+x, top+y)
			copy(im.Pix[to:to+3], tile[from:from+3])
		}
	}
}

func sheetFace() xfont.Face {
	sans := font.DefaultCache.Lookup(font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans"}, sheetText)
	face, err := opentype.NewFace(sans.Face, &opentype.FaceOptions{Size: sheetText, DPI: 72, Hinting: xfont.HintingFull})
	if err != nil {
		panic("report: face of an embedded font: " + err.Error())
	}
	return face
}

// write sets text from a point on, cut to a width in pixels.
func write(im *image.RGBA, face xfont.Face, text string, x, y, width int) {
	d := xfont.Drawer{Dst: im, Src: image.NewUniform(color.RGBA{40, 44, 48, 255}), Face: face, Dot: subpixel.P(x, y)}
	runes := []rune(text)
	for len(runes) > 0 && d.MeasureString(string(runes)).Ceil() > width {
		runes = runes[:len(runes)-1]
	}
	d.DrawString(string(runes))
}

// of is one image of an epoch and kind.
func (s *showcase) of(epoch int, kind string, image int) []uint8 {
	n := 3 * s.size * s.size
	return s.pixels[results.ShowName(epoch, kind)][image*n:][:n]
}

// sheets are two figures of a generator: its images of the last epoch, and the
// first image of each stain as training went on.
func (d *Data) sheets(s *showcase) []Figure {
	g := &d.Generators[s.generator]
	if g.Pairs != nil {
		return d.pairSheets(s)
	}
	base := "figures/images-" + fileName(strings.TrimPrefix(g.Name, "pretrain/"))
	last := s.epochs[len(s.epochs)-1]
	end := sheet{size: s.size, heads: []string{
		g.source, "→ " + g.Stain, "→ " + g.Stain + " → " + g.source, "identity", g.Stain, "→ " + g.source, "→ " + g.source + " → " + g.Stain, "identity",
	}}
	for i := range s.images {
		var row [][]uint8
		for _, kind := range results.ShowKinds {
			row = append(row, s.of(last, kind, i))
		}
		end.tiles = append(end.tiles, row)
	}
	return []Figure{
		{
			Path: base + "-end.png", Title: fmt.Sprintf("%s after epoch %d", g.Name, last+1), Bytes: end.png(),
			Alt: fmt.Sprintf("%d rows of images: real %s, its translation to %s, the cycle back, the identity image; then the same from %s.", s.images, g.source, g.Stain, g.Stain),
		},
		{
			Path: base + "-epochs.png", Title: g.Name + " as training goes on", Bytes: s.progress(g).png(),
			Alt: fmt.Sprintf("One %s and one %s image: the translation of each, and the cycle and identity image of the first, after several epochs from 1 to %d.", g.source, g.Stain, last+1),
		},
	}
}

// progress shows one image of each stain over the epochs.
func (s *showcase) progress(g *Generator) *sheet {
	epochs := s.epochs
	if s.size > manyPixels {
		epochs = thinned(epochs, fewerEpochs)
	}
	out := &sheet{size: s.size, heads: []string{"real"}}
	for _, e := range epochs {
		out.heads = append(out.heads, fmt.Sprintf("epoch %d", e+1))
	}
	if s.size*out.factor() < 60 {
		for i := range epochs {
			out.heads[i+1] = fmt.Sprint(epochs[i] + 1)
		}
	}
	for _, r := range []struct{ side, kind, real string }{
		{g.source + " → " + g.Stain, "fake_B", "real_A"}, {"and back", "cycle_A", ""}, {"identity", "identity_A", ""},
		{g.Stain + " → " + g.source, "fake_A", "real_B"},
	} {
		row := [][]uint8{nil}
		if r.real != "" {
			row[0] = s.of(epochs[0], r.real, 0)
		}
		for _, e := range epochs {
			row = append(row, s.of(e, r.kind, 0))
		}
		out.sides = append(out.sides, r.side)
		out.tiles = append(out.tiles, row)
	}
	return out
}

// thinned is at most n of the values, evenly, with the first and the last.
func thinned(v []int, n int) []int {
	if len(v) <= n {
		return v
	}
	var out []int
	for i := range n {
		out = append(out, v[i*(len(v)-1)/(n-1)])
	}
	return out
}

// strip is the source and the generated stains of an example, side by side; nil where its
// images are not at hand.
func (d *Data) strip(e example) []byte {
	source, generated := d.gallery.images(e.by.Evaluation, e.Name)
	if source == nil {
		return nil
	}
	s := sheet{size: d.gallery.size(e.by.Evaluation), heads: make([]string, 1+len(generated)), tiles: [][][]uint8{append([][]uint8{source}, generated...)}}
	return s.png()
}

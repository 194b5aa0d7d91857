package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	xfont "golang.org/x/image/font"
)

// Sizes of boards in pixels.
const (
	boardTile  = 96 // about the side of an image
	boardWidth = 1400
	boardText  = 20 // height of the line below an image
	boardGap   = 10 // between arms
	markSide   = 11
)

// The colours of marks: they differ in shape too.
var (
	tickColour  = color.RGBA{0, 114, 178, 255}
	crossColour = color.RGBA{213, 94, 0, 255}
)

// boardFigures are the boards whose images are at hand.
func (d *Data) boardFigures() []Figure {
	var out []Figure
	for _, b := range d.boards {
		if f, ok := d.boardFigure(b); ok {
			out = append(out, f)
		}
	}
	return out
}

func (d *Data) boardFigure(b board) (Figure, bool) {
	size := 0
	for _, r := range b.rows {
		for _, at := range r.cells {
			if at != nil {
				size = max(size, d.gallery.size(at.by.Evaluation))
			}
		}
	}
	if size == 0 {
		return Figure{}, false
	}
	var heads, alt []string
	for _, g := range b.groups {
		heads = append(heads, d.title(g))
	}
	for _, r := range b.rows {
		var right []string
		for i, at := range r.cells {
			if at != nil && at.Sample().Right() {
				right = append(right, heads[i])
			}
		}
		alt = append(alt, fmt.Sprintf("%s, truly %s, is right in %s", r.Name, r.Truth, orText(strings.Join(right, ", "), "none")))
	}
	return Figure{
		Path:  "figures/board-" + fileName(b.task) + ".png",
		Title: "Test patches of " + b.task + " in all arms: what the classifier sees, the probability of " + b.groups[0].rows[0].positive + ", and whether the arm is right",
		Alt:   "A patch a row, an arm a column. " + strings.Join(alt, "; ") + ".",
		Bytes: d.drawBoard(b, heads, size),
	}, true
}

// stainsOf is how many images an arm's column shows: the source alone, or its stains.
func stainsOf(g *group) int { return max(1, len(g.stains)) }

func (d *Data) drawBoard(b board, heads []string, size int) []byte {
	tiles := 0
	for _, g := range b.groups {
		tiles += stainsOf(g)
	}
	side := boardSide(size, tiles)
	pitch := side + boardText + boardGap
	width := sideWidth + tiles*side + len(b.groups)*boardGap
	im := image.NewRGBA(image.Rect(0, 0, width, headHeight+pitch*len(b.rows)))
	for i := range im.Pix {
		im.Pix[i] = 255
	}
	face := sheetFace()
	for y, r := range b.rows {
		top := headHeight + pitch*y
		write(im, face, r.Truth, 0, top+side/2, sideWidth-boardGap)
		write(im, face, shortName(r.Name), 0, top+side/2+15, sideWidth-boardGap)
		left := sideWidth
		for i, g := range b.groups {
			if y == 0 {
				write(im, face, heads[i], left, headHeight-6, stainsOf(g)*side)
			}
			if at := r.cells[i]; at != nil {
				d.drawCell(im, face, g, at, left, top, side)
			}
			left += stainsOf(g)*side + boardGap
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, im); err != nil {
		panic("report: write to memory: " + err.Error())
	}
	return out.Bytes()
}

// drawCell draws what an arm sees of a patch, and how it judges it.
func (d *Data) drawCell(im *image.RGBA, face xfont.Face, g *group, at *averaged, left, top, side int) {
	source, generated := d.gallery.images(at.by.Evaluation, at.Name)
	if len(g.stains) == 0 {
		generated = [][]uint8{source}
	}
	for k, tile := range generated {
		if tile != nil {
			pasteScaled(im, tile, d.gallery.size(at.by.Evaluation), left+k*side, top, side)
		}
	}
	drawMark(im, left, top+side+5, at.Sample().Right())
	write(im, face, fmt.Sprintf("%.2f", at.P), left+markSide+5, top+side+15, side)
}

// shortName is the end of a path, which tells patches apart.
func shortName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// boardSide is the side at which images are drawn: a whole multiple or a whole part of
// their own.
func boardSide(size, tiles int) int {
	room := min(boardTile, boardWidth/tiles)
	if size <= room {
		return size * (room / size)
	}
	return size / ((size + room - 1) / room)
}

// pasteScaled draws an image at another side: what is made smaller is averaged, what is
// made larger repeated.
func pasteScaled(im *image.RGBA, tile []uint8, size, left, top, side int) {
	for y := range side {
		for x := range side {
			y0, x0 := y*size/side, x*size/side
			y1, x1 := max(y0+1, (y+1)*size/side), max(x0+1, (x+1)*size/side)
			to := im.PixOffset(left+x, top+y)
			for c := range 3 {
				sum := 0
				for v := y0; v < y1; v++ {
					for u := x0; u < x1; u++ {
						sum += int(tile[3*(v*size+u)+c])
					}
				}
				im.Pix[to+c] = uint8(sum / ((y1 - y0) * (x1 - x0)))
			}
		}
	}
}

// drawMark draws a tick or a cross.
func drawMark(im *image.RGBA, left, top int, right bool) {
	dot := func(x, y int, c color.RGBA) {
		for dy := range 2 {
			for dx := range 2 {
				im.SetRGBA(left+x+dx, top+y+dy, c)
			}
		}
	}
	n := markSide - 2
	for i := range markSide - 1 {
		switch {
		case !right:
			dot(i, i, crossColour)
			dot(n-i, i, crossColour)
		case i <= n/3:
			dot(i, n*2/3+i-1, tickColour)
		default:
			dot(i, n-(i-n/3)-1, tickColour)
		}
	}
}

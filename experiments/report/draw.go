package report

import (
	"fmt"
	"strings"
)

// figures is everything drawn: the page shows them, and each is a file.
type figures struct {
	bars, confusion, heat, roc []Figure
	losses, moreLosses         []Figure // of the first seeds, of the others
	tuning, sheets             []Figure
	sheetsShown                int // the first ones, which the page shows; the others are files only
	boards, strips             []Figure
	authentic                  []Figure
}

// draw draws every figure.
func (d *Data) draw() *figures {
	f := &figures{
		bars: d.barFigures(), confusion: d.confusionFigures(), heat: d.heatFigures(), roc: d.rocFigures(),
		tuning: d.tuningFigures(),
	}
	f.losses, f.moreLosses = d.lossFigures()
	first := map[int]bool{} // generators of the first seed of their stain and shape
	seen := map[string]bool{}
	for i := range d.Generators {
		id := d.Generators[i].shape()
		first[i] = !seen[id]
		seen[id] = true
	}
	var later []Figure
	for i := range d.samples {
		s := &d.samples[i]
		if first[s.generator] {
			f.sheets = append(f.sheets, d.sheets(s)...)
		} else {
			later = append(later, d.sheets(s)...)
		}
	}
	f.sheetsShown = len(f.sheets)
	f.sheets = append(f.sheets, later...)
	f.boards, f.strips, f.authentic = d.boardFigures(), d.strips(), d.authenticFigures()
	return f
}

// strips are the images of the examples as files, as far as they are at hand.
func (d *Data) strips() []Figure {
	var out []Figure
	for _, e := range d.examples {
		for _, kind := range []struct {
			name string
			of   []example
		}{{"rescued", e.rescued}, {"lost", e.lost}} {
			for _, x := range kind.of {
				g := e.group
				name := fileName(kind.name, g.task, g.label, fmt.Sprintf("w%d-b%d", g.width, g.blocks), g.optionText, x.Name)
				if strip := d.strip(x); strip != nil {
					out = append(out, Figure{Path: "figures/" + name + ".png", Title: x.Name, Bytes: strip})
				}
			}
		}
	}
	return out
}

// all is every figure; of those whose names are alike as file names, the later
// ones are numbered.
func (f *figures) all() []Figure {
	var out []Figure
	seen := map[string]int{}
	for _, list := range [][]Figure{f.bars, f.confusion, f.heat, f.roc, f.losses, f.moreLosses, f.tuning, f.sheets, f.authentic, f.boards, f.strips} {
		for _, x := range list {
			seen[x.Path]++
			if n := seen[x.Path]; n > 1 {
				dot := strings.LastIndexByte(x.Path, '.')
				x.Path = fmt.Sprintf("%s~%d%s", x.Path[:dot], n, x.Path[dot:])
			}
			out = append(out, x)
		}
	}
	return out
}

// shape is what generators that differ in the seed have in common.
func (g *Generator) shape() string {
	shape := fmt.Sprintf("%s w%d b%d", g.Stain, g.Width, g.Blocks)
	if g.Pairs != nil { // other pairs are held out of each
		shape += " paired " + g.options
	}
	return shape
}

package synthetic

import (
	"fmt"

	"g2c/internal/fmath"
)

// Stain names a way of colouring tissue.
type Stain string

// The stains, under the names that specs use.
const (
	PAS    Stain = "PAS"    // periodic acid and Schiff: sugars magenta, nuclei blue
	HE     Stain = "HE"     // haematoxylin and eosin: nuclei blue, the rest pink
	Masson Stain = "MASSON" // trichrome: collagen blue, cytoplasm and blood red
	PASM   Stain = "PASM"   // silver: membranes and matrix black
)

// Stains lists the stains; their places are part of every pixel.
var Stains = []Stain{PAS, HE, Masson, PASM}

// colour is 8-bit RGB.
type colour [3]float64

// palettes are the colours of each material at density 1 on white, by stain.
var palettes = [4][materials]colour{
	{ // PAS
		nucleus: {64, 58, 126}, cytoplasm: {166, 136, 198}, membrane: {144, 32, 118}, matrix: {176, 48, 138},
		collagen: {194, 112, 182}, stroma: {178, 148, 208}, blood: {186, 124, 180},
	},
	{ // HE
		nucleus: {62, 44, 118}, cytoplasm: {212, 78, 140}, membrane: {206, 92, 154}, matrix: {220, 96, 158},
		collagen: {234, 120, 174}, stroma: {222, 124, 178}, blood: {206, 44, 66},
	},
	{ // MASSON
		nucleus: {66, 26, 62}, cytoplasm: {152, 24, 42}, membrane: {62, 80, 156}, matrix: {68, 94, 170},
		collagen: {62, 110, 182}, stroma: {176, 84, 114}, blood: {206, 58, 28},
	},
	{ // PASM
		nucleus: {84, 46, 108}, cytoplasm: {186, 84, 158}, membrane: {20, 14, 24}, matrix: {56, 38, 62},
		collagen: {62, 44, 66}, stroma: {188, 144, 186}, blood: {198, 70, 118},
	},
}

// white is the light of a clean slide, 8 bits.
const white = 244

// index is the stain's place; it panics for a name that is none of Stains.
func (s Stain) index() int {
	for i, x := range Stains {
		if x == s {
			return i
		}
	}
	panic(fmt.Sprintf("synthetic: no stain %q", string(s)))
}

// dyes are a patient's absorbances: natural logarithms, per material and channel.
type dyes [materials][3]float64

// newDyes varies a palette as laboratories do: strength and hue of the whole,
// and the balance of its materials.
func newDyes(seed, patient uint32, stain int) dyes {
	s := newStream(seed, patient, uint32(stain), streamDyes)
	strength := s.between(0.70, 1.30)
	tint := [3]float64{s.around(1, 0.14), s.around(1, 0.08), s.around(1, 0.14)}
	var d dyes
	for m := range d {
		balance := mul(strength, s.around(1, 0.15))
		for c := range 3 {
			ink := -fmath.Log(palettes[stain][m][c] / 255)
			d[m][c] = mul(mul(ink, balance), mul(tint[c], s.around(1, 0.05)))
		}
	}
	return d
}

// section is what cutting, staining and scanning one slice adds.
type section struct {
	thickness float64
	light     [3]float64 // 8 bits a channel, of the empty slide
	grain     float64    // amplitude of the noise, in 8-bit steps
	focus     float64    // 0 sharp, 1 the weight of each neighbour as of the pixel
	unevenX   float64    // slope of the thickness across the patch
	unevenY   float64
}

func newSection(seed, patient, patch uint32, stain int) section {
	s := newStream(seed, patient, patch, streamSection)
	cut := section{
		thickness: s.around(1, 0.12),
		focus:     mul(0.35, s.unit()),
		unevenX:   s.between(-0.08, 0.08), unevenY: s.between(-0.08, 0.08),
	}
	cut.grain = s.between(1, 4)
	lamp := newStream(seed, patient, wholePatient-1-uint32(stain), streamSection)
	for c := range 3 {
		cut.light[c] = white + lamp.between(-6, 6)
	}
	return cut
}

// render stains a tissue: light through the mixtures, averaged over the samples
// of each pixel, slightly out of focus, with the noise of a camera.
func (t *tissue) render(d *dyes, cut section, grain *stream) []uint8 {
	side := t.n / superSample
	light := make([]float64, side*side*3)
	for y := range side {
		for x := range side {
			thickness := mul(cut.thickness, 1+mul(cut.unevenX, float64(x)/float64(side)-0.5)+mul(cut.unevenY, float64(y)/float64(side)-0.5))
			var sum [3]float64
			for j := range superSample {
				for i := range superSample {
					through(&sum, &t.at[(y*superSample+j)*t.n+x*superSample+i], d, thickness)
				}
			}
			for c := range 3 {
				light[(y*side+x)*3+c] = mul(sum[c]/(superSample*superSample), cut.light[c])
			}
		}
	}
	return expose(light, side, cut, grain)
}

// through adds the share of light that passes a mixture, in each channel.
func through(sum *[3]float64, m *mixture, d *dyes, thickness float64) {
	var ink [3]float64
	for i, density := range m {
		if density == 0 {
			continue
		}
		for c := range 3 {
			ink[c] += mul(density, d[i][c])
		}
	}
	for c := range 3 {
		sum[c] += transmittance(mul(ink[c], thickness))
	}
}

// The table of transmittance: e^-x at steps of 1/transmitted, up to where no
// light of 8 bits is left.
const (
	transmitted = 256
	opaque      = 8
)

var transmittanceTable = func() (t [opaque*transmitted + 2]float64) {
	for i := range t {
		t[i] = fmath.Exp(-float64(i) / transmitted)
	}
	return t
}()

// transmittance is e^-x for x >= 0, to 2e-6.
func transmittance(x float64) float64 {
	at := mul(min(x, opaque), transmitted)
	i := int(at)
	return lerp(transmittanceTable[i], transmittanceTable[i+1], at-float64(i))
}

// expose blurs light, adds noise and rounds to 8 bits.
func expose(light []float64, side int, cut section, grain *stream) []uint8 {
	out := make([]uint8, len(light))
	near := mul(0.25, cut.focus)
	total := 1 + mul(4, near)
	row := side * 3
	for y := range side {
		up, down := -row, row // offsets of the neighbours; at the border, the pixel itself
		if y == 0 {
			up = 0
		}
		if y == side-1 {
			down = 0
		}
		for i := y * row; i < (y+1)*row; i++ {
			left, right := -3, 3
			if i < y*row+3 {
				left = 0
			}
			if i >= (y+1)*row-3 {
				right = 0
			}
			around := light[i+left] + light[i+right] + light[i+up] + light[i+down]
			v := (light[i] + mul(near, around)) / total
			v += mul(cut.grain, grain.unit()+grain.unit()-1)
			out[i] = uint8(min(max(v+0.5, 0), 255))
		}
	}
	return out
}

// Render draws one patch: side*side*3 bytes, rows, columns, RGB. Calls that
// differ in the stain alone show the same tissue.
func Render(seed, patient, patch uint32, class Class, stain Stain, side int) []uint8 {
	return renderOne(newTissue(seed, patient, patch, class, side), seed, patient, patch, stain)
}

// RenderAll draws one patch in every stain, in the order of Stains, each as
// Render gives it.
func RenderAll(seed, patient, patch uint32, class Class, side int) [][]uint8 {
	t := newTissue(seed, patient, patch, class, side)
	all := make([][]uint8, len(Stains))
	for i, stain := range Stains {
		all[i] = renderOne(t, seed, patient, patch, stain)
	}
	return all
}

func renderOne(t *tissue, seed, patient, patch uint32, stain Stain) []uint8 {
	k := stain.index()
	d := newDyes(seed, patient, k)
	grain := newStream(seed, patient, patch, streamGrain+uint32(k))
	return t.render(&d, newSection(seed, patient, patch, k), grain)
}

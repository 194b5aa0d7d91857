package synthetic

import (
	"math"

	"g2c/internal/philox"
)

// Streams of random numbers of a patient or a patch; their numbers are part of
// every pixel.
const (
	streamTraits = iota // of the patient, with patch number wholePatient
	streamDyes
	streamLayout
	streamNoise
	streamCells
	streamNuclei
	streamSection
	streamGrain
)

// wholePatient stands for the patch number in draws that belong to a patient.
const wholePatient = math.MaxUint32

// stream draws uniform numbers in order.
type stream struct {
	seed    uint32
	counter [4]uint32
	words   [4]uint32
	used    int
}

func newStream(seed, patient, patch, id uint32) *stream {
	return &stream{seed: seed, counter: [4]uint32{patient, patch, id, 0}, used: 4}
}

// unit is in [0, 1).
func (s *stream) unit() float64 {
	if s.used == 4 {
		s.words = philox.Words(s.seed, philox.Synthetic, s.counter)
		s.counter[3]++
		s.used = 0
	}
	s.used++
	return float64(philox.Uniform(s.words[s.used-1]))
}

// between is evenly in [lo, hi).
func (s *stream) between(lo, hi float64) float64 { return lo + mul(hi-lo, s.unit()) }

// around is centre*(1 ± spread), evenly.
func (s *stream) around(centre, spread float64) float64 {
	return mul(centre, 1+s.between(-spread, spread))
}

// mul is a product that the compiler may not fuse with a sum.
func mul(a, b float64) float64 { return float64(a * b) }

// lerp goes from a at t = 0 to b at t = 1.
func lerp(a, b, t float64) float64 { return a + mul(b-a, t) }

func clamp01(x float64) float64 {
	if x < 0 {
		return 0
	}
	if x > 1 {
		return 1
	}
	return x
}

// ramp goes smoothly from 0 where x <= lo to 1 where x >= hi.
func ramp(lo, hi, x float64) float64 {
	t := clamp01((x - lo) / (hi - lo))
	return mul(mul(t, t), 3-mul(2, t))
}

func length(x, y float64) float64 { return math.Sqrt(mul(x, x) + mul(y, y)) }

// latticeSize is the period of noise and cells in lattice units; a power of two.
const latticeSize = 32

// noise is smooth random numbers in the plane (value noise). Different places of
// one lattice serve as different fields.
type noise [latticeSize * latticeSize]float64

func newNoise(s *stream) *noise {
	var n noise
	for i := range n {
		n[i] = s.unit()
	}
	return &n
}

// at is in [0, 1), smooth, with features one unit in size, for x and y above
// -latticeSize.
func (n *noise) at(x, y float64) float64 {
	x, y = x+latticeSize, y+latticeSize // one period on, so that int rounds down
	ix, iy := int(x), int(y)
	tx, ty := x-float64(ix), y-float64(iy)
	tx = mul(mul(tx, tx), 3-mul(2, tx))
	ty = mul(mul(ty, ty), 3-mul(2, ty))
	const mask = latticeSize - 1
	x0, y0 := ix&mask, iy&mask
	x1, y1 := (x0+1)&mask, (y0+1)&mask
	a := lerp(n[y0*latticeSize+x0], n[y0*latticeSize+x1], tx)
	b := lerp(n[y1*latticeSize+x0], n[y1*latticeSize+x1], tx)
	return lerp(a, b, ty)
}

// cells divide the plane into random polygons, one around each jittered point of
// a grid (Worley).
type cells struct {
	pitch  float64
	points *cellPoints
}

// cellPoints are four numbers of each cell: the place of its centre in it, and two
// in [0, 1) for its looks.
type cellPoints [latticeSize * latticeSize][4]float64

// cellJitter is how much of a grid cell its centre may be in, each way.
const cellJitter = 0.85

func newCellPoints(s *stream) *cellPoints {
	var p cellPoints
	for i := range p {
		p[i] = [4]float64{
			0.5 + mul(cellJitter, s.unit()-0.5), 0.5 + mul(cellJitter, s.unit()-0.5),
			s.unit(), s.unit(),
		}
	}
	return &p
}

// cell is the cell that a point lies in.
type cell struct {
	x, y   float64    // its centre
	centre float64    // the point's distance from it
	border float64    // the point's distance from the nearest other cell
	random [2]float64 // its looks
}

func (c cells) at(x, y float64) cell {
	const mask = latticeSize - 1
	gx, gy := x/c.pitch, y/c.pitch
	ix, iy := int(math.Floor(gx)), int(math.Floor(gy))
	var nearest, second [3]float64 // squared distance, x, y
	nearest[0], second[0] = math.Inf(1), math.Inf(1)
	looks := 0
	for _, dy := range [3]int{0, -1, 1} {
		// Centres keep away from the edges of their grid cell, so a row may be too
		// far to matter.
		if gap := rowGap(gy-float64(iy), dy); mul(gap, gap) > second[0] {
			continue
		}
		for dx := -1; dx <= 1; dx++ {
			k := ((iy+dy)&mask)*latticeSize + (ix+dx)&mask
			p := &c.points[k]
			cx, cy := float64(ix+dx)+p[0], float64(iy+dy)+p[1]
			ex, ey := cx-gx, cy-gy
			d := mul(ex, ex) + mul(ey, ey)
			if d < nearest[0] {
				second, nearest, looks = nearest, [3]float64{d, cx, cy}, k
			} else if d < second[0] {
				second = [3]float64{d, cx, cy}
			}
		}
	}
	apart := length(second[1]-nearest[1], second[2]-nearest[2])
	return cell{
		x: mul(nearest[1], c.pitch), y: mul(nearest[2], c.pitch),
		centre: mul(math.Sqrt(nearest[0]), c.pitch),
		border: mul((second[0]-nearest[0])/mul(2, apart), c.pitch),
		random: [2]float64{c.points[looks][2], c.points[looks][3]},
	}
}

// rowGap is the least distance from a point at height t of its grid row to a
// centre in the row dy above it.
func rowGap(t float64, dy int) float64 {
	const margin = 0.5 - cellJitter/2
	switch dy {
	case -1:
		return t + margin
	case 1:
		return 1 - t + margin
	}
	return 0
}

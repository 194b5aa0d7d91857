package synthetic

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"testing"
)

const testSide = 48

// TestGolden holds the pixels themselves, on whatever machine this runs.
func TestGolden(t *testing.T) {
	h := sha256.New()
	for i, class := range Classes {
		for _, pix := range RenderAll(7, uint32(3+i), uint32(i), class, 64) {
			h.Write(pix)
		}
	}
	const want = "e29181f66c2c58997b9abfd7200ad794055637ed5596371e44845bf5809f5f40"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("pixels have hash %s, want %s: a change of them changes every synthetic experiment", got, want)
	}
}

func TestRenderAllIsRender(t *testing.T) {
	all := RenderAll(1, 2, 3, SS, testSide)
	for i, stain := range Stains {
		if !slices.Equal(all[i], Render(1, 2, 3, SS, stain, testSide)) {
			t.Errorf("%s differs between Render and RenderAll", stain)
		}
	}
	if slices.Equal(all[0], Render(2, 2, 3, SS, PAS, testSide)) || slices.Equal(all[0], Render(1, 2, 4, SS, PAS, testSide)) {
		t.Error("the seed or the patch number changes nothing")
	}
}

// mean is the mean of a function of pixels (red, green, blue, 0 to 255) over the
// disc of a radius (in sides) around the centre.
func mean(pix []uint8, side int, radius float64, f func(r, g, b float64) float64) float64 {
	sum, n := 0.0, 0.0
	for y := range side {
		for x := range side {
			if math.Hypot(float64(x)+0.5-float64(side)/2, float64(y)+0.5-float64(side)/2) > radius*float64(side) {
				continue
			}
			p := pix[(y*side+x)*3:]
			sum += f(float64(p[0]), float64(p[1]), float64(p[2]))
			n++
		}
	}
	return sum / n
}

func meanColour(pix []uint8, side int) [3]float64 {
	return [3]float64{
		mean(pix, side, 1, func(r, _, _ float64) float64 { return r }),
		mean(pix, side, 1, func(_, g, _ float64) float64 { return g }),
		mean(pix, side, 1, func(_, _, b float64) float64 { return b }),
	}
}

// darkColour is the mean colour of the pixels darker than the patch is.
func darkColour(pix []uint8) [3]float64 {
	light := 0
	for _, v := range pix {
		light += int(v)
	}
	var sum [3]float64
	n := 0.0
	for i := 0; i < len(pix); i += 3 {
		if (int(pix[i])+int(pix[i+1])+int(pix[i+2]))*len(pix)/3 < light {
			for c := range 3 {
				sum[c] += float64(pix[i+c])
			}
			n++
		}
	}
	return [3]float64{sum[0] / n, sum[1] / n, sum[2] / n}
}

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

func TestStainsDiffer(t *testing.T) {
	colours := make([][3]float64, len(Stains))
	const patients = 12
	for p := range uint32(patients) {
		for i, pix := range RenderAll(1, p, p, Classes[p%3], testSide) {
			for c, v := range darkColour(pix) {
				colours[i][c] += v / patients
			}
		}
	}
	for i := range Stains {
		for j := range i {
			if d := distance(colours[i], colours[j]); !(d > 15) {
				t.Errorf("%s %v and %s %v are only %.1f apart", Stains[i], colours[i], Stains[j], colours[j], d)
			}
		}
	}
	t.Log(colours)
	for i, want := range map[int]func(c [3]float64) bool{
		0: func(c [3]float64) bool { return c[0] > c[1] && c[2] > c[1] }, // magenta
		1: func(c [3]float64) bool { return c[0] > c[2] && c[2] > c[1] }, // pink
		2: func(c [3]float64) bool { return c[1] < 100 && c[2] > c[1] },  // dark red and blue
		3: func(c [3]float64) bool { return c[0]+c[1]+c[2] < 3*120 },     // black lines
	} {
		if !want(colours[i]) {
			t.Errorf("%s has an unlikely colour %v", Stains[i], colours[i])
		}
	}
}

func TestStainsShowOneTissue(t *testing.T) {
	const n = 8
	same, other := 0.0, 0.0
	for i := range uint32(n) {
		a := Render(1, i, i, NOA, PAS, testSide)
		same += correlation(a, Render(1, i, i, NOA, HE, testSide)) / n
		other += correlation(a, Render(1, i, i+n, NOA, HE, testSide)) / n
	}
	if !(same > 0.6 && same > other+0.3) {
		t.Errorf("two stains of one tissue correlate by %.2f, of two tissues by %.2f", same, other)
	}
}

// correlation is Pearson's, of the green channels.
func correlation(a, b []uint8) float64 {
	var sa, sb, saa, sbb, sab, n float64
	for i := 1; i < len(a); i += 3 {
		x, y := float64(a[i]), float64(b[i])
		sa, sb, saa, sbb, sab, n = sa+x, sb+y, saa+x*x, sbb+y*y, sab+x*y, n+1
	}
	return (sab - sa*sb/n) / math.Sqrt((saa-sa*sa/n)*(sbb-sb*sb/n))
}

// auc is the share of pairs that a feature puts in order.
func auc(low, high []float64) float64 {
	right := 0.0
	for _, a := range low {
		for _, b := range high {
			switch {
			case a < b:
				right++
			case a == b:
				right += 0.5
			}
		}
	}
	return right / float64(len(low)*len(high))
}

// smoothness is how little neighbouring pixels of the tuft differ, against how
// dark the patch is: open loops are light between dark walls, scar is even.
func smoothness(pix []uint8, side int) float64 {
	at := func(x, y int) float64 { return float64(pix[(y*side+x)*3+1]) }
	rough, n := 0.0, 0.0
	for y := 1; y < side-1; y++ {
		for x := 1; x < side-1; x++ {
			if math.Hypot(float64(x)+0.5-float64(side)/2, float64(y)+0.5-float64(side)/2) < 0.24*float64(side) {
				rough += math.Abs(4*at(x, y) - at(x-1, y) - at(x+1, y) - at(x, y-1) - at(x, y+1))
				n++
			}
		}
	}
	return -rough / n / (255 - meanColour(pix, side)[1])
}

func TestSegmentalIsHarderThanGlobal(t *testing.T) {
	values := map[Class][]float64{}
	for p := range uint32(60) {
		for _, class := range Classes {
			values[class] = append(values[class], smoothness(Render(1, p, 0, class, PAS, testSide), testSide))
		}
	}
	gs, ss := auc(values[NOA], values[GS]), auc(values[NOA], values[SS])
	t.Logf("AUC against noa: gs %.3f, ss %.3f", gs, ss)
	if !(gs > 0.97 && ss > 0.7 && ss < 0.95 && gs > ss+0.05) {
		t.Errorf("AUC against noa: gs %.3f, ss %.3f; want gs easy, and ss possible but harder", gs, ss)
	}
}

func TestPatientsDiffer(t *testing.T) {
	const patients, patches = 8, 4
	within, between := 0.0, 0.0
	var centres [patients][3]float64
	for p := range uint32(patients) {
		var colours [patches][3]float64
		for i := range uint32(patches) {
			colours[i] = meanColour(Render(1, p, i, NOA, PAS, testSide), testSide)
			for c := range 3 {
				centres[p][c] += colours[i][c] / patches
			}
		}
		for _, c := range colours {
			within += distance(c, centres[p]) / (patients * patches)
		}
	}
	for p := range patients {
		for q := range p {
			between += distance(centres[p], centres[q]) / (patients * (patients - 1) / 2)
		}
	}
	if !(between > 15 && between > 1.5*within && within > 1) {
		t.Errorf("colours spread by %.1f between patients and %.1f within", between, within)
	}
}

func TestSideOnlySharpens(t *testing.T) {
	small := Render(1, 2, 3, NOA, PAS, 32)
	same, other := shrunkBy3(Render(1, 2, 3, NOA, PAS, 96), 32), shrunkBy3(Render(1, 2, 4, NOA, PAS, 96), 32)
	if a, b := correlation(small, same), correlation(small, other); !(a > 0.8 && a > b+0.3) {
		t.Errorf("a patch at 32 and at 96 pixels correlates by %.2f, another by %.2f", a, b)
	}
}

// shrunkBy3 averages 3 x 3 pixels into each of side x side.
func shrunkBy3(pix []uint8, side int) []uint8 {
	out := make([]uint8, side*side*3)
	for i := range out {
		x, y, c := i/3%side, i/3/side, i%3
		sum := 0
		for k := range 9 {
			sum += int(pix[((3*y+k/3)*3*side+3*x+k%3)*3+c])
		}
		out[i] = uint8(sum / 9)
	}
	return out
}

func TestTransmittance(t *testing.T) {
	for _, x := range []float64{0, 1e-3, 0.5, 1.0 / 3, 2.7, 7.999, 8} {
		if got := transmittance(x); !(math.Abs(got-math.Exp(-x)) < 2e-6) {
			t.Errorf("transmittance(%g) = %g", x, got)
		}
	}
	if got := transmittance(50); !(got < 1e-3) {
		t.Errorf("transmittance(50) = %g", got)
	}
}

// TestCellsAreNearest holds the search for cells to a search of everything near.
func TestCellsAreNearest(t *testing.T) {
	c := cells{0.3, newCellPoints(newStream(1, 2, 3, 4))}
	s := newStream(5, 6, 7, 8)
	for range 500 {
		x, y := s.between(-1, 2), s.between(-1, 2)
		best := math.Inf(1)
		for j := -8; j < 12; j++ {
			for i := -8; i < 12; i++ {
				p := c.points[(j&(latticeSize-1))*latticeSize+i&(latticeSize-1)]
				best = min(best, math.Hypot((float64(i)+p[0])*c.pitch-x, (float64(j)+p[1])*c.pitch-y))
			}
		}
		got := c.at(x, y)
		if !(math.Abs(got.centre-best) < 1e-12) || !(got.border >= 0) {
			t.Fatalf("at %g, %g: the centre is %g away, border %g; want %g", x, y, got.centre, got.border, best)
		}
	}
}

func BenchmarkRender64(b *testing.B) {
	patch := uint32(0)
	for b.Loop() {
		Render(1, 2, patch, Classes[patch%3], PAS, 64)
		patch++
	}
}

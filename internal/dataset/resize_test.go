package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"image"
	"math"
	"slices"
	"testing"

	"golang.org/x/image/draw"
)

func rgbOf(w, h, n int) rgb { return flatten(picture(w, h, n)) }

func TestFitKeepsTheWantedSize(t *testing.T) {
	m := rgbOf(16, 16, 3)
	if !slices.Equal(fitSquare(m, 16), m.pix) {
		t.Error("an image of the wanted size changed")
	}
	// A wider one is cropped at the centre, without resampling.
	wide := rgbOf(20, 16, 3)
	got := fitSquare(wide, 16)
	for y := range 16 {
		if want := wide.pix[(y*20+2)*3:][:16*3]; !slices.Equal(got[y*16*3:][:16*3], want) {
			t.Fatalf("row %d is %v, want the centre %v", y, got[y*16*3:][:16*3], want)
		}
	}
}

func TestFitGolden(t *testing.T) {
	h := sha256.New()
	for _, c := range [][3]int{{50, 40, 16}, {33, 64, 24}, {7, 7, 20}, {301, 299, 64}, {5, 5, 1}, {1, 1, 4}} {
		h.Write(fitSquare(rgbOf(c[0], c[1], c[2]), c[2]))
	}
	const want = "ac021831572c9eeaf832f2b84df1838a4ca79a42ecdddb28a9d9804677d999e1"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("resized pixels have hash %s, want %s: raise fitVersion with any change", got, want)
	}
}

// TestFitAgreesWithCatmullRom compares with the floating-point filter of x/image
// on a smooth image.
func TestFitAgreesWithCatmullRom(t *testing.T) {
	for _, c := range [][2]int{{100, 32}, {64, 63}, {30, 47}, {224, 64}} {
		n, side := c[0], c[1]
		src := image.NewRGBA(image.Rect(0, 0, n, n))
		for i := range src.Pix {
			x, y := float64(i/4%n)/float64(n), float64(i/4/n)/float64(n)
			src.Pix[i] = uint8(128 + 100*math.Sin(9*x+float64(i%4))*math.Cos(7*y))
			if i%4 == 3 {
				src.Pix[i] = 255
			}
		}
		dst := image.NewRGBA(image.Rect(0, 0, side, side))
		draw.CatmullRom.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Src, nil)
		got, want := fitSquare(flatten(src), side), flatten(dst).pix
		for i := range got {
			if absDiff(got[i], want[i]) > 2 {
				t.Fatalf("%d to %d: byte %d is %d, want %d", n, side, i, got[i], want[i])
			}
		}
	}
}

func TestFitRules(t *testing.T) {
	for _, c := range []struct {
		opt  Options
		w, h int
		ok   bool
	}{
		{Options{Fit: Refuse, Side: 64}, 64, 64, true},
		{Options{Fit: Refuse, Side: 64}, 64, 65, false},
		{Options{Fit: Refuse, Side: 64}, 128, 128, false},
		{Options{Fit: Refuse, Side: 71, Exact: 64}, 64, 64, true}, // cut at random out of 71
		{Options{Fit: Refuse, Side: 71, Exact: 64}, 71, 71, true},
		{Options{Fit: Refuse, Side: 71, Exact: 64}, 64, 71, false},
		{Options{Fit: Refuse, Side: 71, Exact: 64}, 68, 68, false},
		{Options{Fit: Resize, Side: 64}, 640, 480, true},
		{Options{Fit: Resize, Side: 64}, 16, 16, true},
		{Options{Fit: Resize, Side: 64}, 15, 100, false},
		{Options{Fit: Enlarge, Side: 64}, 15, 100, true},
		{Options{Fit: Enlarge, Side: 64}, 1, 1, true},
	} {
		if err := c.opt.fitting(c.w, c.h); (err == nil) != c.ok {
			t.Errorf("%+v: %d x %d: %v", c.opt, c.w, c.h, err)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add(uint16(50), uint16(40), uint16(16), []byte{1, 2, 3}, byte(200))
	f.Add(uint16(1), uint16(1), uint16(255), []byte{0}, byte(255))
	f.Add(uint16(255), uint16(2), uint16(3), []byte{0, 255}, byte(0))
	f.Fuzz(func(t *testing.T, w, h, side uint16, fill []byte, level byte) {
		m := rgb{w: int(w%300) + 1, h: int(h%300) + 1}
		m.pix = make([]uint8, m.w*m.h*3)
		for i := range m.pix {
			m.pix[i] = level
		}
		n := int(side%300) + 1
		for i, v := range fitSquare(m, n) {
			if v != level {
				t.Fatalf("a constant image of %d has %d at byte %d", level, v, i)
			}
		}
		if len(fill) == 0 {
			return
		}
		for i := range m.pix {
			m.pix[i] = fill[i%len(fill)]
		}
		if got := fitSquare(m, n); len(got) != n*n*3 {
			t.Fatalf("%d bytes for a side of %d", len(got), n)
		}
	})
}

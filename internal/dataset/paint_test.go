package dataset

import (
	"bytes"
	"errors"
	"testing"

	"g2c/internal/fault"
)

// inverted counts how often it is asked.
func inverted(keep int64) (*Painter, *int) {
	calls := 0
	return &Painter{Keep: keep, Apply: func(dst, src []uint8) {
		calls++
		for i, v := range src {
			dst[i] = 255 - v
		}
	}}, &calls
}

func numbered(n int) *Set {
	var images []Image
	var pixels [][]uint8
	for i := range n {
		images = append(images, Image{Name: string(rune('a' + i)), Split: Splits[i%2]})
		pixels = append(pixels, bytes.Repeat([]uint8{uint8(i + 1)}, 3))
	}
	return New(1, images, pixels)
}

// TestPainted: pixels are painted in every part that is cut out, in order, once where there
// is room, and identity stays.
func TestPainted(t *testing.T) {
	set := numbered(4)
	invert, calls := inverted(2 * 3) // room for two
	halve := &Painter{Apply: func(dst, src []uint8) {
		for i, v := range src {
			dst[i] = v / 2
		}
	}}
	painted := set.Painted(invert)
	both := painted.Split(Train).Painted(halve)
	if painted.Fingerprint() != set.Fingerprint() {
		t.Error("painting changes the fingerprint")
	}
	for range 2 {
		for i := range painted.Len() {
			got, err := painted.Pixels(i)
			if want := uint8(255 - (i + 1)); err != nil || got[0] != want || got[2] != want {
				t.Errorf("image %d is %v, %v", i, got, err)
			}
		}
	}
	if *calls != 4+2 {
		t.Errorf("painted %d times: with room for two of four images, read twice, want 6", *calls)
	}
	for i := range both.Len() {
		raw, _ := set.Split(Train).Pixels(i)
		if got, err := both.Pixels(i); err != nil || got[0] != (255-raw[0])/2 {
			t.Errorf("image %d of both is %v, %v", i, got, err)
		}
	}
	if got, _ := set.Pixels(0); got[0] != 1 {
		t.Error("the set itself is painted")
	}
}

// TestNamed: the same names of another set, in order.
func TestNamed(t *testing.T) {
	set := numbered(6)
	part := set.Split(Validation)
	other := set.Painted(&Painter{Apply: func(dst, src []uint8) { copy(dst, []uint8{src[0] + 100, 0, 0}) }})
	like, err := other.Named(part)
	if err != nil || like.Len() != part.Len() {
		t.Fatalf("%v, %v", like, err)
	}
	for i := range part.Len() {
		a, _ := part.Pixels(i)
		b, _ := like.Pixels(i)
		if b[0] != a[0]+100 || like.Image(i).Name != part.Image(i).Name {
			t.Errorf("image %d is %s, %v; want %s, %v", i, like.Image(i).Name, b, part.Image(i).Name, a)
		}
	}
	if _, err := part.Named(set); !errors.Is(err, fault.ErrData) {
		t.Errorf("a name that is missing: %v", err)
	}
}

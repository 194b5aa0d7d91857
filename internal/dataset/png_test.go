package dataset

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// A mark changes no pixel, and is where it is looked for.
func TestMarkedPNG(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.png")
	want := ToImage(2, []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	if err := WriteMarkedPNG(path, want, "a test"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(text[PNGMarkAt:], PNGMark("a test")) || bytes.Contains(text, PNGMark("another")) {
		t.Errorf("the mark is not at %d: %q", PNGMarkAt, text)
	}
	got, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 2 {
		for x := range 2 {
			if g, w := got.At(x, y), want.At(x, y); g != w {
				t.Errorf("pixel %d,%d is %v, want %v", x, y, g, w)
			}
		}
	}
}

package tiff

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The picture of testdata/make.py.
const pictureW, pictureH = 40, 24

func picture(x, y int) color.RGBA {
	return color.RGBA{uint8(60 + 4*x), uint8(220 - 5*y), uint8(90 + 2*x + 3*y), 255}
}

func grey(x, y int) color.RGBA {
	v := picture(x, y).R
	return color.RGBA{v, v, v, 255}
}

func black(x, y int) color.RGBA {
	if picture(x, y).R > 140 {
		return color.RGBA{255, 255, 255, 255}
	}
	return color.RGBA{0, 0, 0, 255}
}

// TestFilesOfOtherWriters reads what tifffile, Pillow and libjpeg wrote.
func TestFilesOfOtherWriters(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.tif"))
	if err != nil || len(names) != 13 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(data, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, off := picture, 0
		switch base := filepath.Base(name); {
		case strings.HasPrefix(base, "jpeg"):
			off = 10 // tiles end in black, and colours are coarse
		case strings.HasPrefix(base, "grey"):
			want = grey
		case strings.HasPrefix(base, "bits"):
			want = black
		}
		checkPicture(t, name, m, want, off)
		if left := strings.Contains(name, "unspecified"); left != (m.LeftOut == 1) || m.Orientation != 1 {
			t.Errorf("%s: %d samples left out, orientation %d", name, m.LeftOut, m.Orientation)
		}
	}
}

// checkPicture holds an image to its formula, within off of 255.
func checkPicture(t *testing.T, name string, m image.Image, want func(x, y int) color.RGBA, off int) {
	t.Helper()
	if m.Bounds() != image.Rect(0, 0, pictureW, pictureH) {
		t.Errorf("%s: bounds %v", name, m.Bounds())
		return
	}
	for y := range pictureH {
		for x := range pictureW {
			r, g, b, a := m.At(x, y).RGBA()
			w := want(x, y)
			for i, v := range [4]uint32{r, g, b, a} {
				if d := int(v>>8) - int([4]uint8{w.R, w.G, w.B, w.A}[i]); d > off || d < -off {
					t.Errorf("%s: pixel %d, %d is %v, want %v", name, x, y, m.At(x, y), w)
					return
				}
			}
		}
	}
}

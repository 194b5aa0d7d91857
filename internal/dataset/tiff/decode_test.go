package tiff

import (
	"bytes"
	"compress/lzw"
	"errors"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRefusesByName(t *testing.T) {
	grey := rgb(4, 2).with(tagPhotometric, blackIsZero).with(tagSamples, 1).with(tagBits, 8)
	tiled := rgb(4, 2).with(tagTileWidth, 16).with(tagTileHeight, 16)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"two pages":           {build(ramp(24), "", rgb(4, 2), rgb(4, 2)), "a TIFF of 2 pages"},
		"a page a colour":     {build(ramp(24), "", grey, grey, grey), "3 grey pages"},
		"OME-TIFF":            {build(ramp(24), `<?xml?><OME xmlns="">`, grey, grey), "an OME-TIFF of 2 grey pages"},
		"a stack of ImageJ's": {build(ramp(24), "ImageJ=1.53\nimages=5\nslices=5\n", grey), "of 5 grey pages"},
		"a slide by maker":    {build(ramp(24), "Aperio Image Library v11", rgb(4, 2), rgb(2, 1)), "a whole slide (4 × 2 pixels, 2 pages)"},
		"a slide by scales":   {build(ramp(768), "", tiled, tiled.with(tagWidth, 2).with(tagHeight, 1)), "a whole slide"},
		"a slide by size":     {build(ramp(768), "", tiled.with(tagWidth, 50000).with(tagHeight, 40000)), "a whole slide (50000 × 40000 pixels)"},
		"too large":           {build(ramp(24), "", rgb(50000, 40000)), "over the limit"},
		"floating point":      {build(ramp(96), "", rgb(4, 2).with(tagBits, 32, 32, 32).with(tagSampleFormat, 3)), "32-bit floating-point"},
		"signed":              {build(ramp(24), "", rgb(4, 2).with(tagSampleFormat, 2)), "signed 8-bit"},
		"12 bits":             {build(ramp(36), "", rgb(4, 2).with(tagBits, 12, 12, 12)), "12 bits a channel"},
		"uneven bits":         {build(ramp(24), "", rgb(4, 2).with(tagBits, 5, 6, 5)), "[5 6 5] bits"},
		"two grey channels":   {build(ramp(24), "", grey.with(tagSamples, 2).with(tagBits, 8, 8)), "2 grey channels"},
		"LAB":                 {build(ramp(24), "", rgb(4, 2).with(tagPhotometric, 8)), "CIELAB"},
		"Zstandard":           {build(ramp(24), "", rgb(4, 2).with(tagCompression, 50000)), "Zstandard"},
		"JPEG 2000":           {build(ramp(24), "", rgb(4, 2).with(tagCompression, 33005)), "JPEG 2000"},
		"nobody's method":     {build(ramp(24), "", rgb(4, 2).with(tagCompression, 4711)), "method 4711"},
		"coarse YCbCr":        {build(ramp(24), "", rgb(4, 2).with(tagPhotometric, ycbcr)), "YCbCr colours at a lower resolution"},
		"predictor 3":         {build(ramp(24), "", rgb(4, 2).with(tagCompression, lzwCompressed).with(tagPredictor, 3)), "predictor 3"},
	} {
		_, err := Decode(c.file, 1<<26)
		refused := Refusal("")
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want a refusal with %q", name, err, c.says)
		}
	}
}

func TestDamageIsNoRefusal(t *testing.T) {
	circle := build(ramp(24), "", rgb(4, 2))
	copy(circle[len(circle)-4:], circle[4:8])
	for name, file := range map[string][]byte{
		"nothing":           {},
		"a header":          []byte("II*\x00"),
		"no page":           []byte("II*\x00\x00\x00\x00\x00"),
		"pages in a circle": circle,
		"cut off":           build(ramp(24), "", rgb(4, 2))[:60],
		"a short strip":     build(ramp(20), "", rgb(4, 2)),
		"a claim":           build(ramp(24), "", rgb(8000, 8000).with(tagCompression, deflate)),
		"no palette":        build(ramp(24), "", rgb(4, 2).with(tagPhotometric, palette).with(tagSamples, 1).with(tagBits, 8)),
		"no rows":           build(ramp(24), "", rgb(4, 2).with(tagRowsPerStrip, 0)),
		"no JPEG":           build(ramp(24), "", rgb(4, 2).with(tagCompression, jpegCompressed)),
	} {
		_, err := Decode(file, 1<<26)
		if refused := Refusal(""); err == nil || errors.As(err, &refused) {
			t.Errorf("%s: %v, want damage", name, err)
		}
	}
}

func TestSmallerCopiesAndMasksArePassedOver(t *testing.T) {
	copied := rgb(2, 1).with(tagNewSubfileType, 1)
	for name, pages := range map[string][]tags{
		"copy behind": {rgb(4, 2), copied}, "copy first": {copied, rgb(4, 2)}, "old tag": {rgb(4, 2), rgb(2, 1).with(tagSubfileType, 2)},
		"mask": {rgb(4, 2), rgb(4, 2).with(tagNewSubfileType, 4)},
	} {
		m, err := Decode(build(ramp(24), "", pages...), 1<<20)
		if err != nil || m.Bounds() != image.Rect(0, 0, 4, 2) {
			t.Errorf("%s: %v, %v", name, m.Image, err)
		}
	}
}

func TestAlphaAndOtherSamples(t *testing.T) {
	four := rgb(1, 1).with(tagSamples, 4).with(tagBits, 8, 8, 8, 8)
	pixel := []byte{40, 80, 100, 128}
	for name, c := range map[string]struct {
		tags tags
		want color.Color
		left int
	}{
		"straight":      {four.with(tagExtraSamples, 2), color.NRGBA{40, 80, 100, 128}, 0},
		"premultiplied": {four.with(tagExtraSamples, 1), color.RGBA{40, 80, 100, 128}, 0},
		"unspecified":   {four.with(tagExtraSamples, 0), color.RGBA{40, 80, 100, 255}, 1},
		"not said":      {four, color.RGBA{40, 80, 100, 255}, 1},
		"grey": {four.with(tagPhotometric, blackIsZero).with(tagSamples, 2).with(tagBits, 8, 8).with(tagExtraSamples, 2),
			color.NRGBA{40, 40, 40, 80}, 0},
		"white is zero": {four.with(tagPhotometric, whiteIsZero).with(tagSamples, 1).with(tagBits, 8), color.Gray{215}, 0},
		"cmyk":          {four.with(tagPhotometric, cmyk), color.CMYK{40, 80, 100, 128}, 0},
	} {
		m, err := Decode(build(pixel, "", c.tags), 1<<20)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := m.At(0, 0); got != c.want || m.LeftOut != c.left {
			t.Errorf("%s: %v with %d left out, want %v with %d", name, got, m.LeftOut, c.want, c.left)
		}
	}
}

func TestPaletteOfEightBitsInSixteen(t *testing.T) {
	colours := make([]uint32, 3<<1)
	colours[1], colours[3], colours[5] = 200<<8, 100<<8, 255<<8
	p := rgb(8, 1).with(tagPhotometric, palette).with(tagSamples, 1).with(tagBits, 1).with(tagColorMap, colours...)
	m, err := Decode(build([]byte{0x40}, "", p), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if m.At(0, 0) != (color.RGBA{0, 0, 0, 255}) || m.At(1, 0) != (color.RGBA{200, 100, 255, 255}) {
		t.Errorf("colours %v, %v", m.At(0, 0), m.At(1, 0))
	}
}

// TestFillOrder reads bits of which the lowest of a byte comes first.
func TestFillOrder(t *testing.T) {
	bit := rgb(8, 1).with(tagPhotometric, blackIsZero).with(tagSamples, 1).with(tagBits, 1)
	for order, at := range map[uint32]int{1: 6, 2: 1} {
		m, err := Decode(build([]byte{0x02}, "", bit.with(tagFillOrder, order)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for x := range 8 {
			want := color.Gray{}
			if x == at {
				want.Y = 255
			}
			if m.At(x, 0) != want {
				t.Errorf("order %d: pixel %d is %v", order, x, m.At(x, 0))
			}
		}
	}
}

// TestOldLZW reads codes with their lowest bit first, as before TIFF 5.0.
func TestOldLZW(t *testing.T) {
	pixels := ramp(40 * 30 * 3)
	var b bytes.Buffer
	w := lzw.NewWriter(&b, lzw.LSB, 8)
	if _, err := w.Write(pixels); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := Decode(build(b.Bytes(), "", rgb(40, 30).with(tagCompression, lzwCompressed)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 * 30 {
		if want := (color.RGBA{pixels[3*i], pixels[3*i+1], pixels[3*i+2], 255}); m.At(i%40, i/40) != want {
			t.Fatalf("pixel %d is %v, want %v", i, m.At(i%40, i/40), want)
		}
	}
}

func TestOrientation(t *testing.T) {
	for n := uint32(0); n < 12; n++ {
		file := build(ramp(24), "", rgb(4, 2).with(tagOrientation, n))
		want := int(n)
		if n < 1 || n > 8 {
			want = 1
		}
		if m, err := Decode(file, 1<<20); err != nil || m.Orientation != want {
			t.Errorf("orientation %d: %d, %v", n, m.Orientation, err)
		}
		if got := Orientation(file); got != want {
			t.Errorf("EXIF orientation %d: %d", n, got)
		}
	}
	if got := Orientation([]byte("MM\x00*\x00\x00\x00\x08\xff\xff")); got != 1 {
		t.Errorf("damaged EXIF data have orientation %d", got)
	}
}

func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.tif"))
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(build(ramp(24), "Aperio", rgb(4, 2), rgb(2, 1)))
	f.Add(build(ramp(768), "", rgb(4, 2).with(tagTileWidth, 16).with(tagTileHeight, 16)))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 16
		m, err := Decode(data, most)
		if err != nil {
			return
		}
		b := m.Bounds()
		if b.Min != (image.Point{}) || b.Empty() || b.Dx()*b.Dy() > most {
			t.Fatalf("bounds %v", b)
		}
		m.At(b.Dx()-1, b.Dy()-1).RGBA() // the last pixel is there
		if m.Orientation < 1 || m.Orientation > 8 || m.LeftOut < 0 {
			t.Errorf("orientation %d, %d samples left out", m.Orientation, m.LeftOut)
		}
	})
}

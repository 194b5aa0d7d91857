package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"testing"

	"golang.org/x/image/tiff"
)

func TestDecodeFormats(t *testing.T) {
	var tif bytes.Buffer
	if err := tiff.Encode(&tif, picture(6, 4, 1), nil); err != nil {
		t.Fatal(err)
	}
	grey, grey16 := image.NewGray(image.Rect(0, 0, 2, 1)), image.NewGray16(image.Rect(0, 0, 2, 1))
	grey.SetGray(0, 0, color.Gray{Y: 100})
	grey16.SetGray16(0, 0, color.Gray16{Y: 0x8000})
	deep := image.NewRGBA64(image.Rect(0, 0, 1, 1))
	deep.SetRGBA64(0, 0, color.RGBA64{R: 0xffff, G: 0x7fff, B: 0x0100, A: 0xffff})
	half := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	half.SetNRGBA(0, 0, color.NRGBA{R: 200, G: 0, B: 100, A: 128})
	for _, c := range []struct {
		name  string
		data  []byte
		kind  Kind
		first [3]uint8
	}{
		{"png", encodePNG(t, picture(6, 4, 1)), 0, [3]uint8{37, 11, 53}},
		{"tiff", tif.Bytes(), 0, [3]uint8{37, 11, 53}},
		{"grey", encodePNG(t, grey), Grey, [3]uint8{100, 100, 100}},
		{"grey of 16 bits", encodePNG(t, grey16), Grey | Deep, [3]uint8{128, 128, 128}},
		{"colour of 16 bits", encodePNG(t, deep), Deep, [3]uint8{255, 127, 1}},
		{"half transparent on white", encodePNG(t, half), Alpha, [3]uint8{227, 127, 177}},
	} {
		m, err := decode(c.data)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if m.kind != c.kind || [3]uint8(m.pix[:3]) != c.first {
			t.Errorf("%s: kind %d, first pixel %v; want %d, %v", c.name, m.kind, m.pix[:3], c.kind, c.first)
		}
	}
	m, err := decode(encodeJPEG(t, plain(8, color.RGBA{R: 10, G: 200, B: 90, A: 255})))
	if err != nil || m.w != 8 || m.kind != 0 || absDiff(m.pix[0], 10) > 2 || absDiff(m.pix[1], 200) > 2 {
		t.Errorf("jpeg: %v, %v", m, err)
	}
}

func plain(side int, c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return m
}

func absDiff(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

func TestDecodeRefuses(t *testing.T) {
	whole := encodePNG(t, picture(40, 40, 1))
	corrupt := bytes.Clone(whole)
	corrupt[len(corrupt)/2] ^= 0x40
	jpg := encodeJPEG(t, picture(40, 40, 1))
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":        {nil, "not a JPEG, PNG or TIFF"},
		"text":           {[]byte("hello, this is no image"), "not a JPEG, PNG or TIFF"},
		"half a png":     {whole[:len(whole)/2], "does not decode"},
		"corrupt png":    {corrupt, "does not decode"},
		"half a jpeg":    {jpg[:len(jpg)-len(jpg)/3], "does not decode"},
		"an absurd size": {hugePNG(t), "over the limit"},
	} {
		if _, err := decode(c.data); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", name, err, c.says)
		}
	}
}

// hugePNG is a PNG whose header claims 30000 x 30000 pixels.
func hugePNG(t testing.TB) []byte {
	data := encodePNG(t, picture(1, 1, 0))
	const ihdr, size = 12, 17 // the chunk's type and its 13 bytes
	binary.BigEndian.PutUint32(data[ihdr+4:], 30000)
	binary.BigEndian.PutUint32(data[ihdr+8:], 30000)
	binary.BigEndian.PutUint32(data[ihdr+size:], crc32.ChecksumIEEE(data[ihdr:ihdr+size]))
	return data
}

func FuzzDecode(f *testing.F) {
	f.Add(encodePNG(f, picture(5, 3, 1)))
	f.Add(encodeJPEG(f, picture(9, 4, 2)))
	var tif bytes.Buffer
	if err := tiff.Encode(&tif, picture(4, 4, 3), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(tif.Bytes())
	f.Add(withEXIF(encodeJPEG(f, picture(9, 4, 2)), 6))
	f.Add(withChunks(encodePNG(f, picture(5, 3, 1)), chunk("eXIf", exif(8), false), chunk("tEXt", []byte("a"), true)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decode(data)
		if err == nil && (m.w < 1 || m.h < 1 || len(m.pix) != m.w*m.h*3) {
			t.Errorf("%d x %d pixels in %d bytes", m.w, m.h, len(m.pix))
		}
	})
}

// A file of which the end is missing is called that: it is to be fetched again, not repaired.
func TestFilesThatAreCutOff(t *testing.T) {
	jpg, png := encodeJPEG(t, picture(24, 17, 3)), encodePNG(t, picture(24, 17, 3))
	for what, data := range map[string][]byte{
		"JPEG, in its pixels": jpg[:len(jpg)-len(jpg)/4], "JPEG, in its tables": jpg[:40], "JPEG, behind its mark": jpg[:4],
		"PNG, in its pixels": png[:len(png)-30], "PNG, in its header": png[:20], "PNG, behind its mark": png[:8],
		"JPEG with a thumbnail that is whole": append(append([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 6, 'x', 'x', 0xff, 0xd9}, jpg[2:40]...), 0xff),
	} {
		if _, err := decode(data); !errors.Is(err, errCut) {
			t.Errorf("%s: %v", what, err)
		}
	}
	spoilt := bytes.Clone(png)
	spoilt[len(spoilt)-20] ^= 1 // in the pixels' checksum
	if _, err := decode(spoilt); err == nil || errors.Is(err, errCut) {
		t.Errorf("a PNG that is damaged and whole: %v", err)
	}
}

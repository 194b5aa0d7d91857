package dataset

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"io"
	"strings"
	"testing"
)

// chunk is a PNG chunk; a damaged one has a wrong checksum.
func chunk(name string, body []byte, damaged bool) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, name...), body...)
	sum := crc32.ChecksumIEEE(out[4:])
	if damaged {
		sum ^= 1
	}
	return binary.BigEndian.AppendUint32(out, sum)
}

// withChunks puts chunks behind the header of a PNG.
func withChunks(png []byte, chunks ...[]byte) []byte {
	const header = 8 + 12 + 13
	return append(append(bytes.Clone(png[:header]), bytes.Join(chunks, nil)...), png[header:]...)
}

// exif says how an image is to be turned.
func exif(orientation byte) []byte {
	return []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00")
}

// withEXIF puts EXIF data behind the first mark of a JPEG.
func withEXIF(jpg []byte, orientation byte) []byte {
	body := append([]byte("Exif\x00\x00"), exif(orientation)...)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(body) + 2)}, body...)
	return append(append(bytes.Clone(jpg[:2]), segment...), jpg[2:]...)
}

// moreRows is a PNG with more pixels than its size has.
func moreRows(t *testing.T, png []byte) []byte {
	t.Helper()
	const signature = 8
	out, rest := bytes.Clone(png[:signature]), png[signature:]
	for {
		c, after, ok := takeChunk(rest)
		if !ok {
			return out
		}
		if c.name == "IDAT" {
			r, err := zlib.NewReader(bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var again bytes.Buffer
			w := zlib.NewWriter(&again)
			if _, err := io.Copy(w, io.MultiReader(r, bytes.NewReader(make([]byte, 50)))); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			out = append(out, chunk("IDAT", again.Bytes(), false)...)
		} else {
			out = append(out, c.all...)
		}
		rest = after
	}
}

func TestJPEGWithoutItsEnd(t *testing.T) {
	whole := encodeJPEG(t, picture(24, 17, 3))
	want, err := decode(whole)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode(whole[:len(whole)-2])
	if err != nil || !bytes.Equal(m.pix, want.pix) || m.kind != Mended {
		t.Errorf("without its end: kind %d, %v", m.kind, err)
	}
	for cut := 5; cut < 60; cut += 5 {
		if _, err := decode(whole[:len(whole)-cut]); err == nil {
			t.Errorf("without %d bytes it was read", cut)
		}
	}
}

// TestCutPNG knows the length of interlaced pixels, of any size and depth.
func TestCutPNG(t *testing.T) {
	for _, c := range []struct {
		h    header
		want int
	}{
		{header{w: 9, h: 5, depth: 8, colour: 2}, 5 * (1 + 27)}, {header{w: 9, h: 2, depth: 1, colour: 0}, 2 * (1 + 2)}, {header{w: 3, h: 1, depth: 16, colour: 6}, 1 + 24},
		{header{w: 8, h: 8, depth: 8, colour: 0, interlaced: 1}, 64 + 15}, {header{w: 1, h: 1, depth: 8, colour: 0, interlaced: 1}, 2},
		{header{w: 5, h: 5, depth: 8, colour: 3, interlaced: 1}, 25 + 11},
	} {
		if got := c.h.rawBytes(); got != c.want {
			t.Errorf("%+v: %d bytes, want %d", c.h, got, c.want)
		}
	}
	whole := moreRows(t, encodePNG(t, picture(9, 5, 1)))
	whole[len(whole)-12-5] ^= 1 // in the checksum of the packed pixels
	body := bytes.LastIndex(whole, []byte("IDAT"))
	binary.BigEndian.PutUint32(whole[len(whole)-16:], crc32.ChecksumIEEE(whole[body:len(whole)-16]))
	if _, err := decode(whole); err == nil {
		t.Error("pixels whose checksum is wrong were read")
	}
}

func TestDamageBesideThePixelsIsPassedOver(t *testing.T) {
	whole := encodePNG(t, picture(9, 5, 1))
	want, err := decode(whole)
	if err != nil {
		t.Fatal(err)
	}
	frames := append(binary.BigEndian.AppendUint32(nil, 3), 0, 0, 0, 0)
	for name, c := range map[string]struct {
		data []byte
		kind Kind
	}{
		"checksum of a text":       {withChunks(whole, chunk("tEXt", []byte("Software\x00x"), true)), Mended},
		"checksum of a profile":    {withChunks(whole, chunk("iCCP", []byte("p\x00\x00..."), true), chunk("gAMA", []byte("...."), false)), Mended},
		"content of a profile":     {withChunks(whole, chunk("iCCP", []byte("no profile"), false)), 0},
		"checksum of transparency": {withChunks(whole, chunk("tRNS", make([]byte, 6), true)), Mended},
		"bytes behind the end":     {append(bytes.Clone(whole), make([]byte, 300)...), 0},
		"no end":                   {whole[:len(whole)-12], Mended},
		"rows behind the last":     {moreRows(t, whole), Mended},
		"an animation":             {withChunks(whole, chunk("acTL", frames, false)), Animated},
		"an animation of one":      {withChunks(whole, chunk("acTL", append(binary.BigEndian.AppendUint32(nil, 1), 0, 0, 0, 0), false)), 0},
	} {
		m, err := decode(c.data)
		if err != nil || !bytes.Equal(m.pix, want.pix) || m.kind != c.kind {
			t.Errorf("%s: kind %d, equal pixels %t, %v", name, m.kind, bytes.Equal(m.pix, want.pix), err)
		}
	}
	for _, name := range []string{"IHDR", "IDAT"} {
		bad := bytes.Clone(whole)
		bad[bytes.Index(bad, []byte(name))+5] ^= 1
		if _, err := decode(bad); err == nil || !strings.Contains(err.Error(), "does not decode") {
			t.Errorf("damage in %s: %v", name, err)
		}
	}
}

func TestImagesAreTurnedAsTheirMarksSay(t *testing.T) {
	// Corners, clockwise from the upper left, of the upright image, as each orientation has
	// them in its file.
	stored := map[byte]string{1: "abcd", 2: "badc", 3: "cdab", 4: "dcba", 5: "adcb", 6: "bcda", 7: "cbad", 8: "dabc"}
	colours := map[rune]color.RGBA{'a': {250, 0, 0, 255}, 'b': {0, 250, 0, 255}, 'c': {0, 0, 250, 255}, 'd': {250, 250, 250, 255}}
	const w, h = 32, 16
	for orientation, corners := range stored {
		fw, fh := w, h
		if orientation >= 5 {
			fw, fh = h, w
		}
		m := image.NewRGBA(image.Rect(0, 0, fw, fh))
		for y := range fh {
			for x := range fw {
				at := [2][2]int{{0, 1}, {3, 2}}[2*y/fh][2*x/fw]
				m.SetRGBA(x, y, colours[rune(corners[at])])
			}
		}
		for name, data := range map[string][]byte{
			"jpeg": withEXIF(encodeJPEG(t, m), orientation), "png": withChunks(encodePNG(t, m), chunk("eXIf", exif(orientation), false)),
		} {
			got, err := decode(data)
			if err != nil || got.w != w || got.h != h || (got.kind&Turned != 0) != (orientation > 1) {
				t.Errorf("%s of orientation %d: %d x %d, kind %d, %v", name, orientation, got.w, got.h, got.kind, err)
				continue
			}
			for i, at := range [][2]int{{0, 0}, {w - 1, 0}, {w - 1, h - 1}, {0, h - 1}} {
				p, want := got.pix[3*(at[1]*w+at[0]):], colours[rune("abcd"[i])]
				if absDiff(p[0], want.R) > 20 || absDiff(p[1], want.G) > 20 || absDiff(p[2], want.B) > 20 {
					t.Errorf("%s of orientation %d: corner %d is %v, want %v", name, orientation, i, p[:3], want)
				}
			}
		}
	}
}

func TestLowBitsAlone(t *testing.T) {
	m := image.NewGray16(image.Rect(0, 0, 4, 4))
	for bits, want := range map[int]Kind{8: Grey | Deep | Dim, 12: Grey | Deep | Dim, 14: Grey | Deep | Dim, 16: Grey | Deep, 0: Grey | Deep} {
		m.SetGray16(1, 1, color.Gray16{Y: uint16(1<<bits - 1)})
		got, err := decode(encodePNG(t, m))
		if err != nil || got.kind != want {
			t.Errorf("%d bits: kind %d, want %d, %v", bits, got.kind, want, err)
		}
	}
}

func TestFilesAreCalledWhatTheyAre(t *testing.T) {
	jpg := encodeJPEG(t, picture(8, 8, 1))
	frame := bytes.Index(jpg, []byte{0xff, 0xc0})
	lossless, deep := bytes.Clone(jpg), bytes.Clone(jpg)
	lossless[frame+1], deep[frame+4] = 0xc3, 12
	for name, c := range map[string]struct{ data, says string }{
		"pointer":  {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a Git LFS pointer, not a JPEG, PNG or TIFF image: `git lfs pull`"},
		"page":     {"<!DOCTYPE html><html><title>Sign in</title></html>", "a web page"},
		"nothing":  {"", "an empty file"},
		"archive":  {"PK\x03\x04\x14\x00", "a zip archive"},
		"bitmap":   {"BM\x36\x00\x00\x00\x00\x00", "a BMP image"},
		"noise":    {"\x01\x02\x03", "nor of any other known kind"},
		"lossless": {string(lossless), "a lossless JPEG, which is not read"},
		"12 bits":  {string(deep), "a JPEG of 12 bits a channel, which is not read"},
	} {
		_, err := decode([]byte(c.data))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the formats a user may bring
	_ "image/png"
	"path/filepath"
	"strings"

	_ "golang.org/x/image/tiff"
)

// Limits of one image file, against files that would eat the memory of the
// host: more than any patch needs, less than a whole slide.
const (
	maxFileBytes = 512 << 20
	maxPixels    = 1 << 26
)

// Kind is how an image was stored, as far as a user may want to know.
type Kind uint32

// Bits of Kind.
const (
	Grey  Kind = 1 << iota // one channel, copied to three
	Alpha                  // transparent pixels, laid on white
	Deep                   // 16 bits a channel, rounded to 8
)

// rgb is a decoded image: h rows of w pixels of 3 bytes.
type rgb struct {
	w, h int
	pix  []uint8
	kind Kind
}

// hash identifies the pixels as they lie in a file: SHA-256 of width and height, u32
// little-endian, and the pixels.
func (m rgb) hash() [sha256.Size]byte {
	h := sha256.New()
	size := binary.LittleEndian.AppendUint32(nil, uint32(m.w))
	h.Write(binary.LittleEndian.AppendUint32(size, uint32(m.h)))
	h.Write(m.pix)
	return [sha256.Size]byte(h.Sum(nil))
}

// isImageName tells by its extension whether a file should be an image.
func isImageName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".tif", ".tiff":
		return true
	}
	return false
}

// decode reads a JPEG, PNG or TIFF file, by its content. The error says why, not
// which file.
func decode(data []byte) (out rgb, err error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return rgb{}, fmt.Errorf("it is not a JPEG, PNG or TIFF image: %w", err)
	}
	if config.Width < 1 || config.Height < 1 {
		return rgb{}, fmt.Errorf("its size is %d x %d pixels", config.Width, config.Height)
	}
	if config.Width > maxPixels/config.Height {
		return rgb{}, fmt.Errorf("its size, %d x %d pixels, is over the limit of %d", config.Width, config.Height, maxPixels)
	}
	// The decoders read what anyone may have written; a panic in one of them is
	// one more bad file, not the end of the run.
	defer func() {
		if p := recover(); p != nil {
			out, err = rgb{}, fmt.Errorf("its decoder failed: %v", p)
		}
	}()
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return rgb{}, fmt.Errorf("it does not decode: %w", err)
	}
	return flatten(m), nil
}

// flatten makes 8-bit RGB of any image, transparent parts on white.
func flatten(m image.Image) rgb {
	b := m.Bounds()
	out := rgb{w: b.Dx(), h: b.Dy(), pix: make([]uint8, b.Dx()*b.Dy()*3), kind: kindOf(m)}
	switch m := m.(type) {
	case *image.YCbCr:
		flattenYCbCr(m, out.pix)
	case *image.Gray:
		for y, i := b.Min.Y, 0; y < b.Max.Y; y++ {
			row := m.Pix[m.PixOffset(b.Min.X, y):][:out.w]
			for _, v := range row {
				out.pix[i], out.pix[i+1], out.pix[i+2] = v, v, v
				i += 3
			}
		}
	case *image.RGBA:
		if !m.Opaque() {
			flattenAny(m, out.pix)
			break
		}
		for y, i := b.Min.Y, 0; y < b.Max.Y; y++ {
			row := m.Pix[m.PixOffset(b.Min.X, y):][:4*out.w]
			for x := 0; x < len(row); x += 4 {
				copy(out.pix[i:i+3], row[x:x+3])
				i += 3
			}
		}
	default:
		flattenAny(m, out.pix)
	}
	return out
}

func flattenYCbCr(m *image.YCbCr, pix []uint8) {
	b := m.Bounds()
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := m.COffset(x, y)
			pix[i], pix[i+1], pix[i+2] = color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[c], m.Cr[c])
			i += 3
		}
	}
}

// flattenAny goes through 16-bit premultiplied colour and rounds to nearest.
func flattenAny(m image.Image, pix []uint8) {
	const full = 0xffff
	b := m.Bounds()
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			red, green, blue, alpha := m.At(x, y).RGBA()
			white := full - alpha
			for _, v := range [3]uint32{red, green, blue} {
				pix[i] = uint8((min(v+white, full)*255 + full/2) / full)
				i++
			}
		}
	}
}

func kindOf(m image.Image) Kind {
	var k Kind
	switch m.(type) {
	case *image.Gray:
		k = Grey
	case *image.Gray16:
		k = Grey | Deep
	case *image.RGBA64, *image.NRGBA64:
		k = Deep
	}
	if o, ok := m.(interface{ Opaque() bool }); ok && !o.Opaque() {
		k |= Alpha
	}
	return k
}

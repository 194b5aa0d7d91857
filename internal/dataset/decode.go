package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"path/filepath"
	"strings"

	"g2c/internal/dataset/tiff"
	"g2c/internal/filekind"
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
	Grey     Kind = 1 << iota // one channel, copied to three
	Alpha                     // transparent pixels, laid on white
	Deep                      // 16 bits a channel, rounded to 8
	Dim                       // 16 bits a channel of which the upper are not used: almost black
	Turned                    // turned or mirrored, as its orientation says
	Extra                     // more channels than colours and alpha, left out
	Animated                  // several pictures, of which the default one was read
	Mended                    // a file with damage beside its pixels, passed over
)

// rgb is a decoded image: h rows of w pixels of 3 bytes. Where the pixels of any file come
// out otherwise than before, the version in internal/pixelcache rises.
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

// IsImageName tells by its extension whether a file should be an image.
func IsImageName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff":
		return true
	}
	return false
}

// decode reads a JPEG, PNG or TIFF file, by its content, turned upright. The error says
// why, not which file.
func decode(data []byte) (out rgb, err error) {
	// The decoders read what anyone may have written; a panic in one of them is
	// one more bad file, not the end of the run.
	defer func() {
		if p := recover(); p != nil {
			out, err = rgb{}, fmt.Errorf("its decoder failed: %v", p)
		}
	}()
	var m decoded
	switch kind := filekind.Of(data); kind {
	case filekind.JPEG:
		m, err = decodeJPEG(data)
	case filekind.PNG:
		m, err = decodePNG(data)
	case filekind.TIFF:
		m, err = decodeTIFF(data)
	default:
		return rgb{}, notAnImage(kind)
	}
	if err != nil {
		return rgb{}, err
	}
	out = flatten(m.Image)
	out.kind |= m.kind
	if out.kind&Deep != 0 && dim(m.Image) {
		out.kind |= Dim
	}
	return out.turn(m.orientation), nil
}

// decoded is an image as its decoder has it.
type decoded struct {
	image.Image
	orientation int // 1 to 8, as in EXIF
	kind        Kind
}

// notAnImage says what a file is that is none of the images that are read.
func notAnImage(kind filekind.Kind) error {
	switch {
	case !kind.Known():
		return errors.New("it is not a JPEG, PNG or TIFF image, nor of any other known kind")
	case kind.Remedy != "":
		return fmt.Errorf("it is %s, not a JPEG, PNG or TIFF image: %s", kind.Name, kind.Remedy)
	}
	return fmt.Errorf("it is %s, not a JPEG, PNG or TIFF image", kind.Name)
}

// checkSize refuses images that are too large, before memory is taken for them.
func checkSize(c image.Config) error {
	if c.Width < 1 || c.Height < 1 {
		return fmt.Errorf("its size is %d x %d pixels", c.Width, c.Height)
	}
	if c.Width > maxPixels/c.Height {
		return fmt.Errorf("its size, %d x %d pixels, is over the limit of %d: cut it into patches", c.Width, c.Height, maxPixels)
	}
	return nil
}

func decodeJPEG(data []byte) (decoded, error) {
	head := scanJPEG(data)
	if head.refused != "" {
		return decoded{}, fmt.Errorf("it is %s, which is not read: save it as a usual JPEG, or as PNG", head.refused)
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return decoded{}, damaged(err, head.cut(data, err))
	}
	if err := checkSize(c); err != nil {
		return decoded{}, err
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	kind := Kind(0)
	if errors.Is(err, io.ErrUnexpectedEOF) && head.oneScan { // if the mark of the end alone is missing, the pixels are whole
		kind = Mended
		m, err = jpeg.Decode(io.MultiReader(bytes.NewReader(data), bytes.NewReader([]byte{0xff, jpegEnd})))
	}
	if err != nil {
		return decoded{}, damaged(err, head.cut(data, err))
	}
	return decoded{m, head.orientation, kind}, nil
}

func decodePNG(data []byte) (decoded, error) {
	clean := cleanPNG(data)
	c, err := png.DecodeConfig(bytes.NewReader(clean.data))
	if err != nil {
		return decoded{}, damaged(err, clean.cut)
	}
	if err := checkSize(c); err != nil {
		return decoded{}, err
	}
	m, err := png.Decode(bytes.NewReader(clean.data))
	if err == png.FormatError("too much pixel data") {
		if cut, ok := cutPNG(clean.data); ok {
			clean.kind |= Mended
			m, err = png.Decode(bytes.NewReader(cut))
		}
	}
	if err != nil {
		return decoded{}, damaged(err, clean.cut)
	}
	return decoded{m, clean.orientation, clean.kind}, nil
}

func decodeTIFF(data []byte) (decoded, error) {
	m, err := tiff.Decode(data, maxPixels)
	if refused := tiff.Refusal(""); errors.As(err, &refused) {
		return decoded{}, fmt.Errorf("it is %w", refused)
	}
	if err != nil {
		return decoded{}, damaged(err, false)
	}
	d := decoded{m.Image, m.Orientation, 0}
	if m.LeftOut > 0 {
		d.kind = Extra
	}
	return d, nil
}

// errCut is a file of which the end is missing.
var errCut = errors.New("the file is cut off: copy or download it again")

// damaged is that a file does not decode; of one that is cut off a decoder says less than that.
func damaged(err error, cut bool) error {
	if cut {
		err = errCut
	}
	return fmt.Errorf("it does not decode: %w", err)
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

// dim tells an image of 16 bits a channel in which no number reaches a quarter of the most:
// a camera's 10, 12 or 14 bits that nobody stretched.
func dim(m image.Image) bool {
	const quarter = 1 << 14
	var top uint16
	take := func(pix []uint8, step, colours int) {
		for i := 0; i+step <= len(pix); i += step {
			for c := range colours {
				top = max(top, binary.BigEndian.Uint16(pix[i+2*c:]))
			}
		}
	}
	switch m := m.(type) {
	case *image.Gray16:
		take(m.Pix, 2, 1)
	case *image.RGBA64:
		take(m.Pix, 8, 3)
	case *image.NRGBA64:
		take(m.Pix, 8, 3)
	}
	return top > 0 && top < quarter
}

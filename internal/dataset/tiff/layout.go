package tiff

import (
	"errors"
	"fmt"
	"slices"
)

// Photometric interpretations.
const (
	whiteIsZero = 0
	blackIsZero = 1
	trueColour  = 2
	palette     = 3
	cmyk        = 5
	ycbcr       = 6
)

var photometricNames = map[int]string{4: "a mask", 8: "CIELAB colours", 9: "ICCLAB colours", 10: "ITULAB colours", 32803: "the raw mosaic of a camera",
	32844: "LogL colours", 32845: "LogLuv colours", 34892: "the raw colours of a camera"}

// maxSamples bounds the samples of a pixel: colours, alpha, and what else there may be.
const maxSamples = 8

// maxSegments bounds the strips or tiles of a page.
const maxSegments = 1 << 21

// layout is how a page's pixels lie in the file.
type layout struct {
	w, h        int
	photometric int
	samples     int // of a pixel
	bits        int // of a sample
	planar      bool
	compression int
	predictor   bool
	reversed    bool // the lowest bit of a byte comes first
	extras      []uint64
	colorMap    []uint64
	tables      []byte // of JPEG
	segW, segH  int
	offsets     []uint64
	counts      []uint64
}

// newLayout reads what a directory says, and refuses what is not read.
func newLayout(f *file, d directory, maxPixels int) (*layout, error) {
	l := &layout{
		photometric: int(min(d.number(tagPhotometric, 1), 1<<16)), samples: int(min(d.number(tagSamples, 1), 1<<16)),
		planar: d.number(tagPlanar, 1) == 2, compression: int(min(d.number(tagCompression, 1), 1<<16)), reversed: d.number(tagFillOrder, 1) == 2,
		extras: d.numbers(tagExtraSamples, maxSamples), colorMap: d.numbers(tagColorMap, 3<<8), tables: d[tagJPEGTables].data,
	}
	w, h := d.number(tagWidth, 0), d.number(tagHeight, 0)
	switch {
	case w == 0 || h == 0:
		return nil, fmt.Errorf("its size is %d x %d pixels", w, h)
	case w > uint64(maxPixels)/h && d.tiled():
		return nil, Refusal(fmt.Sprintf("a whole slide (%d × %d pixels), %s", w, h, slideRemedy))
	case w > uint64(maxPixels)/h:
		return nil, Refusal(fmt.Sprintf("a TIFF of %d × %d pixels, over the limit of %d: cut it into patches", w, h, maxPixels))
	}
	l.w, l.h = int(w), int(h)
	l.planar = l.planar && l.samples > 1
	for _, check := range []func(directory) error{l.readSamples, l.readColours, l.readCompression} {
		if err := check(d); err != nil {
			return nil, err
		}
	}
	return l, l.readSegments(f, d, maxPixels)
}

// readSamples reads what a sample is.
func (l *layout) readSamples(d directory) error {
	if l.samples < 1 || l.samples > maxSamples {
		return Refusal(fmt.Sprintf("a TIFF of %d channels, which is not read: write its colours as RGB", l.samples))
	}
	bits := d.numbers(tagBits, maxSamples)
	if len(bits) == 0 {
		bits = []uint64{1}
	}
	if slices.Min(bits) != slices.Max(bits) {
		return Refusal(fmt.Sprintf("a TIFF whose channels have %d bits, which is not read: %s", bits, convertHint))
	}
	l.bits = int(min(bits[0], 1<<16))
	for _, format := range d.numbers(tagSampleFormat, maxSamples) {
		switch format {
		case 1, 4: // whole numbers from 0; not said
		case 2:
			return Refusal(fmt.Sprintf("a TIFF of signed %d-bit numbers, which is not read: %s", l.bits, convertHint))
		default:
			return Refusal(fmt.Sprintf("a TIFF of %d-bit floating-point numbers, which is not read: %s", l.bits, convertHint))
		}
	}
	switch l.bits {
	case 8, 16:
		return nil
	case 1, 2, 4:
		if l.samples == 1 && l.photometric <= palette && l.photometric != trueColour {
			return nil
		}
	}
	return Refusal(fmt.Sprintf("a TIFF of %d bits a channel, which is not read: %s", l.bits, convertHint))
}

const convertHint = "convert it to 8 bits a channel"

// readColours reads what the samples of a pixel mean.
func (l *layout) readColours(d directory) error {
	colours := l.colours()
	switch l.photometric {
	case whiteIsZero, blackIsZero:
		if l.samples > 1 && (l.samples != 2 || l.alpha() == 0) {
			return Refusal(fmt.Sprintf("a TIFF of %d grey channels, of which only the first would be read: if they are colours, write them as RGB", l.samples))
		}
	case palette:
		if l.samples != 1 || l.bits > 8 {
			return Refusal(fmt.Sprintf("a TIFF palette of %d bits and %d channels, which is not read: %s", l.bits, l.samples, convertHint))
		}
		if len(l.colorMap) < 3<<l.bits {
			return errors.New("its palette is cut off")
		}
	case trueColour, ycbcr:
	case cmyk:
		if l.bits != 8 || l.compression == jpegCompressed || d.number(tagInkSet, 1) != 1 {
			return Refusal("a TIFF of CMYK in an uncommon form, which is not read: convert it to RGB")
		}
	default:
		name := photometricNames[l.photometric]
		if name == "" {
			name = fmt.Sprintf("colours of kind %d", l.photometric)
		}
		return Refusal(fmt.Sprintf("a TIFF of %s, which is not read: convert it to RGB", name))
	}
	if l.samples < colours {
		return fmt.Errorf("it has %d channels, and its colours need %d", l.samples, colours)
	}
	if l.photometric == ycbcr && l.compression != jpegCompressed {
		sub := d.numbers(tagYCbCrSubSampled, 2)
		if l.bits != 8 || l.planar || len(sub) < 2 || sub[0] != 1 || sub[1] != 1 {
			return Refusal("a TIFF of YCbCr colours at a lower resolution without JPEG, which is not read: convert it to RGB")
		}
	}
	return nil
}

// colours is how many samples of a pixel are its colour.
func (l *layout) colours() int {
	switch l.photometric {
	case trueColour, ycbcr:
		return 3
	case cmyk:
		return 4
	}
	return 1
}

// Kinds of alpha, as the first extra sample says.
const (
	premultiplied = 1
	straight      = 2
)

// alpha is the kind of the first extra sample; 0 where it is none.
func (l *layout) alpha() uint64 {
	if l.samples > l.colours() && len(l.extras) > 0 && l.extras[0] <= straight && l.photometric != cmyk {
		return l.extras[0]
	}
	return 0
}

// leftOut is how many samples of a pixel are not looked at.
func (l *layout) leftOut() int {
	n := l.samples - l.colours()
	if l.alpha() != 0 {
		n--
	}
	return n
}

// planes is how often the segments cover the page.
func (l *layout) planes() int {
	if l.planar {
		return l.samples
	}
	return 1
}

// segSamples is how many samples of a pixel a segment has.
func (l *layout) segSamples() int { return l.samples / l.planes() }

// rowBytes is the length of a row of a segment, unpacked.
func (l *layout) rowBytes() int { return (l.segW*l.segSamples()*l.bits + 7) / 8 }

// readSegments finds the strips or tiles.
func (l *layout) readSegments(f *file, d directory, maxPixels int) error {
	offsets, counts := uint16(tagStripOffsets), uint16(tagStripCounts)
	l.segW, l.segH = l.w, int(min(d.number(tagRowsPerStrip, uint64(l.h)), uint64(l.h)))
	if d.tiled() {
		offsets, counts = tagTileOffsets, tagTileCounts
		w, h := d.number(tagTileWidth, 0), d.number(tagTileHeight, 0)
		if w < 1 || h < 1 || w > uint64(maxPixels)/h {
			return fmt.Errorf("its tiles have %d x %d pixels", w, h)
		}
		l.segW, l.segH = int(w), int(h)
	}
	if l.segH < 1 {
		return errors.New("its strips have no rows")
	}
	n := l.across() * ((l.h + l.segH - 1) / l.segH) * l.planes()
	if n > maxSegments {
		return fmt.Errorf("it is cut into %d strips or tiles", n)
	}
	l.offsets, l.counts = d.numbers(offsets, n), d.numbers(counts, n)
	if len(l.offsets) < n {
		return fmt.Errorf("it has %d strips or tiles of %d", len(l.offsets), n)
	}
	if len(l.counts) == 0 && n == 1 { // some writers leave out what the file's length says
		l.counts = []uint64{uint64(len(f.data)) - min(l.offsets[0], uint64(len(f.data)))}
	}
	if len(l.counts) < n {
		return fmt.Errorf("it gives the lengths of %d strips or tiles of %d", len(l.counts), n)
	}
	return nil
}

// across is the number of segments side by side.
func (l *layout) across() int { return (l.w + l.segW - 1) / l.segW }

package tiff

import (
	"fmt"
	"image"
)

// Image is the one image of a file.
type Image struct {
	image.Image
	Orientation int // 1 to 8, as in EXIF: how the image is to be turned
	LeftOut     int // samples of a pixel that are neither colour nor alpha
}

// Decode reads a file's image of at most maxPixels. A Refusal is a file that may be whole
// and is not read; any other error is damage.
func Decode(data []byte, maxPixels int) (Image, error) {
	f, first, err := open(data)
	if err != nil {
		return Image{}, err
	}
	all, err := f.directories(first)
	if err != nil {
		return Image{}, err
	}
	d, err := page(all)
	if err != nil {
		return Image{}, err
	}
	l, err := newLayout(f, d, maxPixels)
	if err != nil {
		return Image{}, err
	}
	p, err := l.read(f)
	if err != nil {
		return Image{}, err
	}
	m, err := l.colour(p)
	return Image{Image: m, Orientation: orientation(d), LeftOut: l.leftOut()}, err
}

// Orientation is what EXIF data, which are a TIFF file without a picture, say of how an
// image is to be turned: 1, as it is, where they say nothing.
func Orientation(exif []byte) int {
	f, first, err := open(exif)
	if err != nil {
		return 1
	}
	d, _, err := f.directory(first) // the second describes a thumbnail, and may be cut off
	if err != nil {
		return 1
	}
	return orientation(d)
}

func orientation(d directory) int {
	if n := d.number(tagOrientation, 1); n >= 1 && n <= 8 {
		return int(n)
	}
	return 1
}

// samples is the numbers of a page: rows, columns, channels. One of the two is empty.
type samples struct {
	narrow []uint8
	wide   []uint16
}

// read reads all segments of a page.
func (l *layout) read(f *file) (*samples, error) {
	var held uint64
	for i, n := range l.counts {
		if _, err := f.at(l.offsets[i], n); err != nil {
			return nil, fmt.Errorf("%s %d of %d: %w", l.segment(), i+1, len(l.counts), err)
		}
		held += n
	}
	total := l.w * l.h * l.samples
	if l.compression != jpegCompressed && uint64(total*l.bits/8/l.most()) > held {
		return nil, fmt.Errorf("its %d bytes of pixels are too few for %d x %d", held, l.w, l.h)
	}
	p := &samples{}
	if l.bits == 16 {
		p.wide = make([]uint16, total)
	} else {
		p.narrow = make([]uint8, total)
	}
	across := l.across()
	down := len(l.counts) / across / l.planes()
	for i := range l.counts {
		plane, iy, ix := i/(across*down), i/across%down, i%across
		if err := l.readSegment(f, p, i, plane, ix*l.segW, iy*l.segH); err != nil {
			return nil, fmt.Errorf("%s %d of %d: %w", l.segment(), i+1, len(l.counts), err)
		}
	}
	return p, nil
}

// segment is what a segment is called.
func (l *layout) segment() string {
	if l.segW != l.w {
		return "tile"
	}
	return "strip or tile"
}

// readSegment reads the i-th segment, whose first pixel is x0, y0.
func (l *layout) readSegment(f *file, p *samples, i, plane, x0, y0 int) error {
	codes, err := f.at(l.offsets[i], l.counts[i])
	if err != nil {
		return err
	}
	w, h := min(l.segW, l.w-x0), min(l.segH, l.h-y0)
	unpack := l.unpack
	if l.compression == jpegCompressed {
		unpack = l.unpackJPEG
	}
	raw, err := unpack(codes, h)
	if err != nil {
		return err
	}
	for y := range h {
		row := raw[y*l.rowBytes():][:l.rowBytes()]
		at := ((y0+y)*l.w + x0) * l.samples
		switch {
		case l.bits == 16:
			l.wideRow(p.wide[at:][:w*l.samples], row, plane, f)
		case l.bits == 8:
			l.narrowRow(p.narrow[at:][:w*l.samples], row, plane)
		default:
			for x := range w {
				place := x * l.bits
				p.narrow[at+x] = row[place/8] << (place % 8) >> (8 - l.bits)
			}
		}
	}
	return nil
}

// narrowRow puts a row of bytes where its plane's samples are.
func (l *layout) narrowRow(out []uint8, row []byte, plane int) {
	n, step := l.segSamples(), l.samples
	if l.predictor {
		sum := make([]uint8, len(row)) // the codes may be the file's own bytes
		for i := range row {
			sum[i] = row[i]
			if i >= n {
				sum[i] += sum[i-n]
			}
		}
		row = sum
	}
	if n == step {
		copy(out, row)
		return
	}
	for x := range len(out) / step {
		out[x*step+plane] = row[x]
	}
}

// wideRow is narrowRow for samples of 16 bits.
func (l *layout) wideRow(out []uint16, row []byte, plane int, f *file) {
	n, step := l.segSamples(), l.samples
	before := make([]uint16, n)
	for i := range len(row) / 2 {
		v := f.order.Uint16(row[2*i:])
		if l.predictor {
			v += before[i%n]
			before[i%n] = v
		}
		if at := i/n*step + plane + i%n; at < len(out) {
			out[at] = v
		}
	}
}

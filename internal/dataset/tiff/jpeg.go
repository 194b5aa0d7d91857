package tiff

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
)

// jpegSlack is by how much more a JPEG may have than its segment: whole blocks.
const jpegSlack = 64

// unpackJPEG reads a segment that is a JPEG, whose tables may stand in the directory. Its
// colours come out as RGB.
func (l *layout) unpackJPEG(codes []byte, rows int) ([]byte, error) {
	whole, err := l.withTables(codes)
	if err != nil {
		return nil, err
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(whole))
	if err != nil {
		return nil, err
	}
	if c.Width < l.segW || c.Height < rows || c.Width > l.segW+jpegSlack || c.Height > l.segH+jpegSlack {
		return nil, fmt.Errorf("its JPEG has %d x %d pixels, not %d x %d", c.Width, c.Height, l.segW, rows)
	}
	m, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil {
		return nil, err
	}
	jfif := bytes.Contains(codes[:min(len(codes), 64)], []byte("JFIF\x00"))
	out := make([]byte, 0, l.segW*rows*l.segSamples())
	for y := range rows {
		switch m := m.(type) {
		case *image.Gray:
			if l.segSamples() != 1 {
				return nil, errJPEGChannels
			}
			out = append(out, m.Pix[m.PixOffset(0, y):][:l.segW]...)
		case *image.YCbCr:
			if l.segSamples() != 3 {
				return nil, errJPEGChannels
			}
			out = l.appendColours(out, m, y, jfif)
		case *image.RGBA: // the JPEG itself says that it is RGB
			if l.segSamples() != 3 {
				return nil, errJPEGChannels
			}
			for x := range l.segW {
				out = append(out, m.Pix[m.PixOffset(x, y):][:3]...)
			}
		default:
			return nil, errJPEGChannels
		}
	}
	return out, nil
}

var errJPEGChannels = errors.New("its JPEG has other channels than the page")

// appendColours appends a row of a JPEG's three channels. The directory says what these
// are: where RGB, nothing is converted, unless a JFIF mark says that it was.
func (l *layout) appendColours(out []byte, m *image.YCbCr, y int, jfif bool) []byte {
	for x := range l.segW {
		i, c := m.YOffset(x, y), m.COffset(x, y)
		if l.photometric == trueColour && !jfif {
			out = append(out, m.Y[i], m.Cb[c], m.Cr[c])
			continue
		}
		r, g, b := color.YCbCrToRGB(m.Y[i], m.Cb[c], m.Cr[c])
		out = append(out, r, g, b)
	}
	return out
}

// withTables is a segment's JPEG with the tables of the directory behind its first mark.
func (l *layout) withTables(codes []byte) ([]byte, error) {
	const mark, end = "\xff\xd8", "\xff\xd9"
	if !bytes.HasPrefix(codes, []byte(mark)) {
		return nil, errors.New("it is no JPEG")
	}
	tables, ok := bytes.CutPrefix(l.tables, []byte(mark))
	if !ok {
		return codes, nil
	}
	tables = bytes.TrimSuffix(tables, []byte(end))
	whole := make([]byte, 0, len(tables)+len(codes))
	return append(append(append(whole, mark...), tables...), codes[len(mark):]...), nil
}

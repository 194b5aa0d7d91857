package tiff

import (
	"image"
	"image/color"
)

// colour makes an image of a page's samples, of the standard library's kind that has them
// as they are.
func (l *layout) colour(p *samples) (image.Image, error) {
	bounds := image.Rect(0, 0, l.w, l.h)
	switch l.photometric {
	case whiteIsZero, blackIsZero:
		l.stretch(p)
		if l.samples > 1 {
			break
		}
		if l.bits == 16 {
			m := image.NewGray16(bounds)
			for i, v := range p.wide {
				m.Pix[2*i], m.Pix[2*i+1] = uint8(v>>8), uint8(v)
			}
			return m, nil
		}
		return &image.Gray{Pix: p.narrow, Stride: l.w, Rect: bounds}, nil
	case palette:
		return &image.Paletted{Pix: p.narrow, Stride: l.w, Rect: bounds, Palette: l.palette()}, nil
	case cmyk:
		m := image.NewCMYK(bounds)
		for i := range l.w * l.h {
			copy(m.Pix[4*i:4*i+4], p.narrow[i*l.samples:])
		}
		return m, nil
	}
	if l.bits == 16 {
		return l.deepColour(p.wide, bounds), nil
	}
	return l.fullColour(p.narrow, bounds), nil
}

// stretch makes full numbers of grey of few bits, and turns white that is zero.
func (l *layout) stretch(p *samples) {
	step := l.samples
	for i := 0; i < len(p.narrow); i += step {
		v := p.narrow[i] * (255 / uint8(1<<l.bits-1))
		if l.photometric == whiteIsZero {
			v = 255 - v
		}
		p.narrow[i] = v
	}
	if l.photometric == whiteIsZero {
		for i := 0; i < len(p.wide); i += step {
			p.wide[i] = 0xffff - p.wide[i]
		}
	}
}

// palette is the colours of the map, which has those of red first. Writers put 8 bits into
// the upper half of its numbers, or all of them.
func (l *layout) palette() color.Palette {
	n := 1 << l.bits
	shifted := true
	for _, v := range l.colorMap[:3*n] {
		shifted = shifted && v&0xff == 0
	}
	value := func(i int) uint8 {
		v := min(l.colorMap[i], 0xffff)
		if shifted {
			return uint8(v >> 8)
		}
		return uint8((v*255 + 0x7fff) / 0xffff)
	}
	all := make(color.Palette, n)
	for i := range all {
		all[i] = color.RGBA{value(i), value(n + i), value(2*n + i), 255}
	}
	return all
}

// fullColour is RGB or YCbCr, or grey with alpha, of 8 bits.
func (l *layout) fullColour(p []uint8, bounds image.Rectangle) image.Image {
	pix := make([]uint8, 4*l.w*l.h)
	colours, alpha := l.colours(), l.alpha()
	for i := range l.w * l.h {
		from, to := p[i*l.samples:][:l.samples], pix[4*i:4*i+4]
		to[0], to[1], to[2], to[3] = from[0], from[0], from[0], 255
		if colours == 3 {
			copy(to, from[:3])
		}
		if l.photometric == ycbcr && l.compression != jpegCompressed {
			to[0], to[1], to[2] = color.YCbCrToRGB(from[0], from[1], from[2])
		}
		if alpha != 0 {
			to[3] = from[colours]
		}
	}
	if alpha == straight {
		return &image.NRGBA{Pix: pix, Stride: 4 * l.w, Rect: bounds}
	}
	return &image.RGBA{Pix: pix, Stride: 4 * l.w, Rect: bounds}
}

// deepColour is fullColour of 16 bits.
func (l *layout) deepColour(p []uint16, bounds image.Rectangle) image.Image {
	pix := make([]uint8, 8*l.w*l.h)
	colours, alpha := l.colours(), l.alpha()
	for i := range l.w * l.h {
		from := p[i*l.samples:][:l.samples]
		to := [4]uint16{from[0], from[0], from[0], 0xffff}
		if colours == 3 {
			copy(to[:], from[:3])
		}
		if alpha != 0 {
			to[3] = from[colours]
		}
		for c, v := range to {
			pix[8*i+2*c], pix[8*i+2*c+1] = uint8(v>>8), uint8(v)
		}
	}
	if alpha == straight {
		return &image.NRGBA64{Pix: pix, Stride: 8 * l.w, Rect: bounds}
	}
	return &image.RGBA64{Pix: pix, Stride: 8 * l.w, Rect: bounds}
}

package dataset

import (
	"image"
	"image/color"
)

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

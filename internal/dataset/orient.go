package dataset

// turn is the image upright, where its rows and columns lie as an EXIF orientation says:
//
//	1 upright        2 mirrored       3 turned by 180°     4 mirrored, turned by 180°
//	5 transposed     6 to be turned   7 transposed, turned 8 to be turned
//	                 right            by 180°              left
func (m rgb) turn(orientation int) rgb {
	if orientation <= 1 || orientation > 8 {
		return m
	}
	out := rgb{w: m.w, h: m.h, pix: make([]uint8, len(m.pix)), kind: m.kind | Turned}
	if orientation >= 5 {
		out.w, out.h = m.h, m.w
	}
	i := 0
	for y := range out.h {
		for x := range out.w {
			fromX, fromY := x, y
			if orientation >= 5 {
				fromX, fromY = y, x
			}
			switch orientation {
			case 2, 3, 7, 8:
				fromX = m.w - 1 - fromX
			}
			switch orientation {
			case 3, 4, 6, 7:
				fromY = m.h - 1 - fromY
			}
			at := (fromY*m.w + fromX) * 3
			copy(out.pix[i:i+3], m.pix[at:at+3])
			i += 3
		}
	}
	return out
}

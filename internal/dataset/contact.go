package dataset

import (
	"image"
	"image/color"
	"image/draw"
)

// ContactSheet lays images of equal side out in rows, a gap of white around each.
// Rows may differ in length.
func ContactSheet(side int, rows [][][]uint8) *image.RGBA {
	const gap = 2
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	sheet := image.NewRGBA(image.Rect(0, 0, gap+columns*(side+gap), gap+len(rows)*(side+gap)))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for y, row := range rows {
		for x, pix := range row {
			corner := image.Pt(gap+x*(side+gap), gap+y*(side+gap))
			draw.Draw(sheet, image.Rectangle{corner, corner.Add(image.Pt(side, side))}, ToImage(side, pix), image.Point{}, draw.Src)
		}
	}
	return sheet
}

// Rows are the pixels of a contact sheet of a set: a row for each class of each
// split, with up to columns images spread evenly over it.
func (s *Set) Rows(columns int) ([][][]uint8, error) {
	var rows [][][]uint8
	for _, c := range s.byClass() {
		row := make([][]uint8, min(columns, len(c.images)))
		for i := range row {
			var err error
			if row[i], err = s.Pixels(c.images[i*len(c.images)/len(row)]); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// ToImage copies side*side*3 bytes into an opaque image.
func ToImage(side int, pix []uint8) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i, j := 0, 0; i < len(pix); i, j = i+3, j+4 {
		copy(m.Pix[j:], pix[i:i+3])
		m.Pix[j+3] = 0xff
	}
	return m
}

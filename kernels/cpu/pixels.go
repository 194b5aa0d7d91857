package cpu

import "g2c/kernels"

// pixels crops, flips and jitters 8-bit images into reals in [0,1]: see
// kernels.Pixels for the formula.
func (d *Device) pixels(op kernels.Pixels, c call) func() {
	p := &pixelReader{size: op.Size, length: c.In[0].Shape()[1], from: c.In[0].U, place: c.In[1].I, to: c.Out[0].F}
	if op.Jitter {
		p.jitter = c.In[2].F
	}
	for i := range p.levels {
		p.levels[i] = float32(i) / 255
	}
	return d.eachRow(c.In[0].Shape()[0]*op.Size, p.row)
}

type pixelReader struct {
	size, length int
	from         []uint8
	place        []int32
	jitter       []float32 // nil for none
	to           []float32
	levels       [256]float32 // each byte as a real
}

// row writes row i, counted over all samples.
func (p *pixelReader) row(_ *workspace, i int) {
	n, h := i/p.size, i%p.size
	place := p.place[n*4:][:4]
	r := h
	if place[3] != 0 {
		r = p.size - 1 - h
	}
	first := ((n*p.length+int(place[0])+r)*p.length + int(place[1])) * 3
	from := p.from[first:][:p.size*3]
	to := p.to[i*p.size*3:][:p.size*3]
	for w := range p.size {
		col := w
		if place[2] != 0 {
			col = p.size - 1 - w
		}
		for k, b := range from[col*3:][:3] {
			to[w*3+k] = p.levels[b]
		}
	}
	if p.jitter != nil {
		jitter(to, p.jitter[n*2], p.jitter[n*2+1])
	}
}

// jitter scales the brightness, then the saturation, of a row of pixels.
func jitter(row []float32, brightness, saturation float32) {
	for ; len(row) >= 3; row = row[3:] {
		r, g, b := clamp(brightness*row[0]), clamp(brightness*row[1]), clamp(brightness*row[2])
		grey := float32(0.299*r) + float32(0.587*g)
		grey += float32(0.114 * b)
		row[0] = clamp(grey + float32(saturation*(r-grey)))
		row[1] = clamp(grey + float32(saturation*(g-grey)))
		row[2] = clamp(grey + float32(saturation*(b-grey)))
	}
}

func clamp(v float32) float32 { return min(max(v, 0), 1) }

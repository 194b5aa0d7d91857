package ref

import "g2c/kernels"

func pixels(op kernels.Pixels, in, out []tensor) {
	l, size := in[0].Shape()[1], op.Size
	for n := range in[0].Shape()[0] {
		place := in[1].I[n*4:][:4]
		for h := range size {
			for w := range size {
				r, c := h, w
				if place[2] != 0 {
					c = size - 1 - w
				}
				if place[3] != 0 {
					r = size - 1 - h
				}
				from := in[0].U[((n*l+int(place[0])+r)*l+int(place[1])+c)*3:][:3]
				to := out[0].F[((n*size+h)*size+w)*3:][:3]
				for k := range to {
					to[k] = float64(from[k]) / 255
				}
				if op.Jitter {
					jitter(to, in[2].F[n*2], in[2].F[n*2+1])
				}
			}
		}
	}
}

// jitter scales the brightness, then the saturation, of one pixel.
func jitter(p []float64, brightness, saturation float64) {
	for k := range p {
		p[k] = clamp(brightness * p[k])
	}
	grey := float64(0.299*p[0]) + float64(0.587*p[1]) + float64(0.114*p[2])
	for k := range p {
		p[k] = clamp(grey + float64(saturation*(p[k]-grey)))
	}
}

func clamp(v float64) float64 { return min(max(v, 0), 1) }

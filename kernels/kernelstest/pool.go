package kernelstest

import (
	"math"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

func poolCases(m *maker) {
	windows := []kernels.Window{{K: 3, Stride: 2}, {K: 3, Stride: 2, Pad: 1}, {K: 2, Stride: 2}, {K: 3, Stride: 1, Pad: 1}, {K: 1, Stride: 1}}
	sizes := [][]int{{1, 3, 3, 1}, {2, 4, 5, 3}, {1, 7, 6, 17}, {2, 5, 5, 65}, {1, 16, 15, 16}}
	for _, w := range windows {
		for _, d := range sizes {
			poolCase(m, "", w, m.reals(d...))
			poolCase(m, "ties", w, m.ties(d...))
		}
		poolCase(m, "negative", w, m.offset(-5, 1, 6, 7, 5)) // a zero in the padding must not win
		poolCase(m, "nan", w, with(m.reals(1, 6, 7, 3), math.NaN(), 0, 3*9+1, 3*10+1, 3*41+2))
		for _, f := range m.hostile() {
			poolCase(m, f.name, w, f.draw(1, 5, 6, 9))
		}
	}
	poolCase(m, "", kernels.Window{K: 3, Stride: 2, Pad: 1}, m.reals(1, 1, 1, 2))
	poolCase(m, "", kernels.Window{K: 3, Stride: 2, Pad: 1}, m.reals(1, 2, 1, 2))
	// Windows that reach past the image.
	for _, d := range [][]int{{1, 32, 32, 5}, {2, 8, 5, 17}, {1, 4, 6, 8}, {1, 3, 3, 1}} {
		for _, w := range []kernels.Window{{K: 3, Stride: 2, Ceil: true}, {K: 3, Stride: 2, Pad: 1, Ceil: true}, {K: 2, Stride: 3, Ceil: true}, {K: 2, Stride: 2, Pad: 1, Ceil: true}} {
			poolCase(m, "", w, m.reals(d...))
			poolCase(m, "negative", w, m.offset(-5, d...))
		}
	}
	// Averages over what windows hold of the image.
	for _, d := range [][]int{{1, 8, 8, 5}, {2, 5, 4, 17}, {1, 3, 3, 1}, {1, 2, 5, 64}} {
		for _, w := range []kernels.Window{{K: 3, Stride: 1, Pad: 1, Inside: true}, {K: 3, Stride: 2, Pad: 1, Inside: true}, {K: 2, Stride: 2, Pad: 1, Ceil: true, Inside: true}} {
			averageCase(m, "", w, m.reals(d...))
			averageCase(m, "offset", w, m.offset(100, d...))
		}
	}
	for _, f := range m.hostile() {
		averageCase(m, f.name, kernels.Window{K: 3, Stride: 1, Pad: 1, Inside: true}, f.draw(1, 5, 6, 9))
	}
	// Rows at the bottom and right that no window reads.
	poolCase(m, "", kernels.Window{K: 2, Stride: 3}, m.reals(1, 8, 7, 3))
	for _, d := range [][]int{{1, 1, 1, 1}, {2, 3, 5, 7}, {1, 5, 13, 17}, {1, 16, 16, 64}, {3, 2, 2, 65}, {1, 65, 1, 3}} {
		m.add("", kernels.GlobalAvgPool{}, m.reals(d...))
		m.add("offset", kernels.GlobalAvgPool{}, m.offset(100, d...))
		m.add("", kernels.GlobalAvgPoolGrad{H: d[1], W: d[2]}, m.reals(d[0], d[3]))
	}
	for _, f := range m.hostile() {
		m.add(f.name, kernels.GlobalAvgPool{}, f.draw(2, 5, 15, 7))
		m.add(f.name, kernels.GlobalAvgPoolGrad{H: 3, W: 5}, f.draw(2, 7))
	}
	m.add("nan", kernels.GlobalAvgPool{}, with(m.reals(2, 3, 3, 3), math.NaN(), 4))
}

// poolCase is both poolings of x with their gradients.
func poolCase(m *maker, note string, w kernels.Window, x tolerance.Tensor) {
	s := x.Type.Shape
	m.add(note, kernels.MaxPool{Window: w}, x)
	dy := averageCase(m, note, w, x)
	m.add(note, kernels.MaxPoolGrad{Window: w, H: s[1], W: s[2]}, dy, winners(x, w))
}

// averageCase is the average pooling of x with its gradient, of which it gives the operand.
func averageCase(m *maker, note string, w kernels.Window, x tolerance.Tensor) tolerance.Tensor {
	s := x.Type.Shape
	m.add(note, kernels.AvgPool{Window: w}, x)
	dy := m.reals(s[0], w.Out(s[1]), w.Out(s[2]), s[3])
	if note == "nan" {
		with(dy, math.NaN(), 1)
	}
	m.add(note, kernels.AvgPoolGrad{Window: w, H: s[1], W: s[2]}, dy)
	return dy
}

// winners is where each window has its first largest element.
func winners(x tolerance.Tensor, w kernels.Window) tolerance.Tensor {
	s := x.Type.Shape
	t := tolerance.Tensor{Type: kernels.Ints(s[0], w.Out(s[1]), w.Out(s[2]), s[3])}
	out := t.Type.Shape
	t.V = make([]float64, out.Len())
	for i := range t.V {
		c, q, p, n := i%out[3], i/out[3]%out[2], i/out[3]/out[2]%out[1], i/out[3]/out[2]/out[1]
		best := math.Inf(-1)
		for r := range w.K * w.K {
			h, col := p*w.Stride+r/w.K-w.Pad, q*w.Stride+r%w.K-w.Pad
			if h < 0 || h >= s[1] || col < 0 || col >= s[2] {
				continue
			}
			if v := x.V[((n*s[1]+h)*s[2]+col)*s[3]+c]; v > best || math.IsInf(best, -1) {
				best, t.V[i] = v, float64(h*s[2]+col)
			}
		}
	}
	return t
}

package ref

import "g2c/kernels"

func linear(_ kernels.Linear, in, out []tensor) {
	x, w, b, y := in[0], in[1], in[2], out[0]
	n, i, o := x.Shape()[0], x.Shape()[1], w.Shape()[0]
	for a := range n {
		for c := range o {
			sum := 0.0
			for k := range i {
				sum += float64(x.F[a*i+k] * w.F[c*i+k])
			}
			y.F[a*o+c] = sum + b.F[c]
		}
	}
}

func linearGradX(_ kernels.LinearGradX, in, out []tensor) {
	dy, w, dx := in[0], in[1], out[0]
	n, o, i := dy.Shape()[0], w.Shape()[0], w.Shape()[1]
	for a := range n {
		for k := range i {
			sum := 0.0
			for c := range o {
				sum += float64(dy.F[a*o+c] * w.F[c*i+k])
			}
			dx.F[a*i+k] = sum
		}
	}
}

func linearGradW(op kernels.LinearGradW, in, out []tensor) {
	x, dy, dw := in[0], in[1], out[0]
	n, i, o := x.Shape()[0], x.Shape()[1], dy.Shape()[1]
	clear(dw.F)
	for a := range n {
		shard := dw.F[shardOf(op.Segments, n, a)*o*i:]
		for c := range o {
			for k := range i {
				shard[c*i+k] += float64(dy.F[a*o+c] * x.F[a*i+k])
			}
		}
	}
}

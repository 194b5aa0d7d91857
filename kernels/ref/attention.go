package ref

import "g2c/kernels"

func scaleChannels(_ kernels.ScaleChannels, in, out []tensor) {
	x, s, y := in[0], in[1], out[0]
	ch := x.Shape()[3]
	eachPixel(x.Shape(), func(i, n, _, _, c int) { y.F[i] = x.F[i] * s.F[n*ch+c] })
}

func scaleChannelsGradS(_ kernels.ScaleChannelsGradS, in, out []tensor) {
	dy, x, ds := in[0], in[1], out[0]
	ch := x.Shape()[3]
	clear(ds.F)
	eachPixel(x.Shape(), func(i, n, _, _, c int) { ds.F[n*ch+c] += float64(dy.F[i] * x.F[i]) })
}

// eachFeature pairs the places of a feature in branch-major and gathered order.
func eachFeature(branches, n, c int, f func(scattered, gathered int)) {
	for b := range branches {
		for a := range n {
			for k := range c {
				f((b*n+a)*c+k, a*branches*c+b*c+k)
			}
		}
	}
}

func gatherBranches(op kernels.GatherBranches, in, out []tensor) {
	s := in[0].Shape()
	eachFeature(op.Branches, s[0]/op.Branches, s[1], func(from, to int) { out[0].F[to] = in[0].F[from] })
}

func scatterBranches(op kernels.ScatterBranches, in, out []tensor) {
	s := out[0].Shape()
	eachFeature(op.Branches, s[0]/op.Branches, s[1], func(to, from int) { out[0].F[to] = in[0].F[from] })
}

package cpu

import (
	"math"

	"g2c/kernels/cpu/internal/fma32"
)

// operandTable is where a pass finds its operands; each function below names
// them in order.
type operandTable = [maxOperands][]float32

// eachColumn calls f for the place of every pixel and column from one on.
func eachColumn(pixels, channels, from int, f func(i, column int)) {
	for p := range pixels {
		for c := from; c < channels; c++ {
			f(p*channels+c, c)
		}
	}
}

// addPixels is sums += x.
func addPixels(o *operandTable, pixels, channels, from int) {
	x, sums := o[0], o[1]
	eachColumn(pixels, channels, from, func(i, c int) { sums[c] += x[i] })
}

// addSquares is sums += (x-mean)^2.
func addSquares(o *operandTable, pixels, channels, from int) {
	x, mean, sums := o[0], o[1], o[2]
	eachColumn(pixels, channels, from, func(i, c int) {
		d := x[i] - mean[c]
		sums[c] += float32(d * d)
	})
}

// addProducts is sums += a*b.
func addProducts(o *operandTable, pixels, channels, from int) {
	a, b, sums := o[0], o[1], o[2]
	eachColumn(pixels, channels, from, func(i, c int) { sums[c] += float32(a[i] * b[i]) })
}

// addProductsFused is sums = fma(a, b, sums).
func addProductsFused(o *operandTable, pixels, channels, from int) {
	a, b, sums := o[0], o[1], o[2]
	eachColumn(pixels, channels, from, func(i, c int) { sums[c] = fma32.FMA(a[i], b[i], sums[c]) })
}

// slope is unit where v > 0 and else below. Integers make it a conditional move:
// signs are as good as random.
func slope(v float32, below, unit []float32) float32 {
	s, u := math.Float32bits(below[0]), math.Float32bits(unit[0])
	if v > 0 {
		s = u
	}
	return math.Float32frombits(s)
}

// standardize is y = act((x-mean)*rstd), act(v) = v * slope(v).
func standardize(o *operandTable, pixels, channels, from int) {
	x, y, mean, rstd, below, unit := o[0], o[1], o[2], o[3], o[4], o[5]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		y[i] = h * slope(h, below, unit)
	})
}

// standardizeAdd is y = act((x-mean)*rstd) + res.
func standardizeAdd(o *operandTable, pixels, channels, from int) {
	x, res, y, mean, rstd, below, unit := o[0], o[1], o[2], o[3], o[4], o[5], o[6]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		y[i] = float32(h*slope(h, below, unit)) + res[i]
	})
}

// affine is y = act(gamma*((x-mean)*rstd) + beta).
func affine(o *operandTable, pixels, channels, from int) {
	x, y, mean, rstd, gamma, beta, below, unit := o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		v := float32(gamma[c]*h) + beta[c]
		y[i] = v * slope(v, below, unit)
	})
}

// affineAdd is y = act(gamma*((x-mean)*rstd) + beta + res).
func affineAdd(o *operandTable, pixels, channels, from int) {
	x, res, y, mean, rstd, gamma, beta, below, unit := o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		v := float32(gamma[c]*h) + beta[c]
		v += res[i]
		y[i] = v * slope(v, below, unit)
	})
}

// gradTerms is g = dy * slope(h), with h = (x-mean)*rstd; sumG += g; sumGH += g*h.
func gradTerms(o *operandTable, pixels, channels, from int) {
	dy, x, mean, rstd, sumG, sumGH, below, unit := o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		g := float32(dy[i] * slope(h, below, unit))
		sumG[c] += g
		sumGH[c] += float32(g * h)
	})
}

// gradTermsBy is gradTerms with g = dy * slope(y).
func gradTermsBy(o *operandTable, pixels, channels, from int) {
	dy, x, y, mean, rstd, sumG, sumGH, below, unit := o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		g := float32(dy[i] * slope(y[i], below, unit))
		sumG[c] += g
		sumGH[c] += float32(g * h)
	})
}

// gradApply is dx = factor * (dy*slope(h) - g - h*gh), with h = (x-mean)*rstd.
func gradApply(o *operandTable, pixels, channels, from int) {
	dy, x, dx, mean, rstd, factor, g, gh, below, unit := o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], o[9]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		dx[i] = factor[c] * (float32(dy[i]*slope(h, below, unit)) - g[c] - float32(h*gh[c]))
	})
}

// gradApplyBy is gradApply with dy*slope(y).
func gradApplyBy(o *operandTable, pixels, channels, from int) {
	dy, x, y, dx, mean, rstd := o[0], o[1], o[2], o[3], o[4], o[5]
	factor, g, gh, below, unit := o[6], o[7], o[8], o[9], o[10]
	eachColumn(pixels, channels, from, func(i, c int) {
		h := float32(x[i]-mean[c]) * rstd[c]
		dx[i] = factor[c] * (float32(dy[i]*slope(y[i], below, unit)) - g[c] - float32(h*gh[c]))
	})
}

// activate is y = x * slope(x).
func activate(o *operandTable, pixels, channels, from int) {
	x, y, below, unit := o[0], o[1], o[2], o[3]
	eachColumn(pixels, channels, from, func(i, _ int) { y[i] = x[i] * slope(x[i], below, unit) })
}

// activateBack is dx = dy * slope(y).
func activateBack(o *operandTable, pixels, channels, from int) {
	dy, y, dx, below, unit := o[0], o[1], o[2], o[3], o[4]
	eachColumn(pixels, channels, from, func(i, _ int) { dx[i] = dy[i] * slope(y[i], below, unit) })
}

// plus is y = a + b.
func plus(o *operandTable, pixels, channels, from int) {
	a, b, y := o[0], o[1], o[2]
	eachColumn(pixels, channels, from, func(i, _ int) { y[i] = a[i] + b[i] })
}

// adam is one step of the optimizer, every operation rounded:
//
//	m2 = beta1*m + rest1*g; v2 = beta2*v + (rest2*g)*g; w2 = w - a*m2/(sqrt(v2)/b + eps)
func adam(o *operandTable, pixels, channels, from int) {
	w, m, v, g, w2, m2, v2 := o[0], o[1], o[2], o[3], o[4], o[5], o[6]
	beta1, rest1, beta2, rest2 := o[7][0], o[8][0], o[9][0], o[10][0]
	eps, a, b := o[11][0], o[12][0], o[13][0]
	eachColumn(pixels, channels, from, func(i, _ int) {
		m2[i] = float32(beta1*m[i]) + float32(rest1*g[i])
		v2[i] = float32(beta2*v[i]) + float32(float32(rest2*g[i])*g[i])
		root := float32(math.Sqrt(float64(v2[i])))
		w2[i] = w[i] - float32(a*m2[i])/(root/b+eps)
	})
}

// sgd is m2 = momentum*m + g; w2 = w - lr*m2, every operation rounded.
func sgd(o *operandTable, pixels, channels, from int) {
	w, m, g, w2, m2 := o[0], o[1], o[2], o[3], o[4]
	momentum, lr := o[5][0], o[6][0]
	eachColumn(pixels, channels, from, func(i, _ int) {
		v := float32(momentum*m[i]) + g[i]
		w2[i] = w[i] - float32(lr*v)
		m2[i] = v
	})
}

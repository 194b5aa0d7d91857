package main

import "github.com/mmcloughlin/avo/reg"

// passes are all kernels over pixels. A product that is added rounds first,
// except in addProducts, whose contract says a fused multiply-add.
var passes = []pass{
	{
		name: "addPixels", formula: "sums += x",
		streams: []string{"x"}, sums: []string{"sums"},
		body: func(e *emitter) { e.VADDPS(e.mem("x"), e.col("sums"), e.col("sums")) },
	},
	{
		name: "addSquares", formula: "sums += (x-mean)^2",
		streams: []string{"x"}, columns: []string{"mean"}, sums: []string{"sums"}, temps: 1,
		body: func(e *emitter) {
			t := e.one("t0")
			e.VMOVUPS(e.mem("x"), t)
			e.VSUBPS(e.col("mean"), t, t)
			e.VMULPS(t, t, t)
			e.VADDPS(t, e.col("sums"), e.col("sums"))
		},
	},
	{
		name: "addProducts", formula: "sums = fma(a, b, sums)",
		streams: []string{"a", "b"}, sums: []string{"sums"}, temps: 1,
		body: func(e *emitter) {
			e.VMOVUPS(e.mem("a"), e.one("t0"))
			e.VFMADD231PS(e.mem("b"), e.one("t0"), e.col("sums"))
		},
	},
	{
		name: "standardize", formula: "y = act((x-mean)*rstd), act(v) = v * (v > 0 ? unit : below)",
		streams: []string{"x", "y"}, columns: []string{"mean", "rstd"}, scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			e.height(e.one("t0"))
			e.activate(e.one("t0"))
			e.VMOVUPS(e.one("t0"), e.mem("y"))
		},
	},
	{
		name: "standardizeAdd", formula: "y = act((x-mean)*rstd) + res, act(v) = v * (v > 0 ? unit : below)",
		streams: []string{"x", "res", "y"}, columns: []string{"mean", "rstd"}, scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			t := e.one("t0")
			e.height(t)
			e.activate(t)
			e.VADDPS(e.mem("res"), t, t)
			e.VMOVUPS(t, e.mem("y"))
		},
	},
	{
		name: "affine", formula: "y = act(gamma*((x-mean)*rstd) + beta), act(v) = v * (v > 0 ? unit : below)",
		streams: []string{"x", "y"}, columns: []string{"mean", "rstd", "gamma", "beta"}, scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			t := e.one("t0")
			e.height(t)
			e.VMULPS(e.col("gamma"), t, t)
			e.VADDPS(e.col("beta"), t, t)
			e.activate(t)
			e.VMOVUPS(t, e.mem("y"))
		},
	},
	{
		name: "affineAdd", formula: "y = act(gamma*((x-mean)*rstd) + beta + res), act(v) = v * (v > 0 ? unit : below)",
		streams: []string{"x", "res", "y"}, columns: []string{"mean", "rstd", "gamma", "beta"}, scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			t := e.one("t0")
			e.height(t)
			e.VMULPS(e.col("gamma"), t, t)
			e.VADDPS(e.col("beta"), t, t)
			e.VADDPS(e.mem("res"), t, t)
			e.activate(t)
			e.VMOVUPS(t, e.mem("y"))
		},
	},
	{
		name: "gradTerms", formula: "h = (x-mean)*rstd; g = dy * (h > 0 ? unit : below); sumG += g; sumGH += g*h",
		streams: []string{"dy", "x"}, columns: []string{"mean", "rstd"}, sums: []string{"sumG", "sumGH"},
		scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			e.height(e.one("t0"))
			e.slope(e.one("t0"), e.one("t1"))
			e.gradTerms()
		},
	},
	{
		name: "gradTermsBy", formula: "h = (x-mean)*rstd; g = dy * (y > 0 ? unit : below); sumG += g; sumGH += g*h",
		streams: []string{"dy", "x", "y"}, columns: []string{"mean", "rstd"}, sums: []string{"sumG", "sumGH"},
		scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			e.height(e.one("t0"))
			e.VMOVUPS(e.mem("y"), e.one("t1"))
			e.slope(e.one("t1"), e.one("t1"))
			e.gradTerms()
		},
	},
	{
		name: "gradApply", formula: "h = (x-mean)*rstd; dx = factor * (dy * (h > 0 ? unit : below) - g - h*gh)",
		streams: []string{"dy", "x", "dx"}, columns: []string{"mean", "rstd", "factor", "g", "gh"},
		scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			e.height(e.one("t0"))
			e.slope(e.one("t0"), e.one("t1"))
			e.gradApply()
		},
	},
	{
		name: "gradApplyBy", formula: "h = (x-mean)*rstd; dx = factor * (dy * (y > 0 ? unit : below) - g - h*gh)",
		streams: []string{"dy", "x", "y", "dx"}, columns: []string{"mean", "rstd", "factor", "g", "gh"},
		scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			e.height(e.one("t0"))
			e.VMOVUPS(e.mem("y"), e.one("t1"))
			e.slope(e.one("t1"), e.one("t1"))
			e.gradApply()
		},
	},
	{
		name: "activate", formula: "y = x * (x > 0 ? unit : below)",
		streams: []string{"x", "y"}, scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			e.VMOVUPS(e.mem("x"), e.one("t0"))
			e.activate(e.one("t0"))
			e.VMOVUPS(e.one("t0"), e.mem("y"))
		},
	},
	{
		name: "activateBack", formula: "dx = dy * (y > 0 ? unit : below)",
		streams: []string{"dy", "y", "dx"}, scalars: []string{"below", "unit"}, temps: 4,
		body: func(e *emitter) {
			t := e.one("t0")
			e.VMOVUPS(e.mem("y"), t)
			e.slope(t, t)
			e.VMULPS(e.mem("dy"), t, t)
			e.VMOVUPS(t, e.mem("dx"))
		},
	},
	{
		name: "plus", formula: "y = a + b",
		streams: []string{"a", "b", "y"}, temps: 1,
		body: func(e *emitter) {
			t := e.one("t0")
			e.VMOVUPS(e.mem("a"), t)
			e.VADDPS(e.mem("b"), t, t)
			e.VMOVUPS(t, e.mem("y"))
		},
	},
	{
		name: "adam", formula: "m2 = beta1*m + rest1*g; v2 = beta2*v + (rest2*g)*g; w2 = w - a*m2/(sqrt(v2)/b + eps)",
		streams: []string{"w", "m", "v", "g", "w2", "m2", "v2"},
		scalars: []string{"beta1", "rest1", "beta2", "rest2", "eps", "a", "b"}, temps: 3,
		body: adam,
	},
	{
		name: "sgd", formula: "m2 = momentum*m + g; w2 = w - lr*m2",
		streams: []string{"w", "m", "g", "w2", "m2"},
		scalars: []string{"momentum", "lr"}, temps: 2,
		body: func(e *emitter) {
			m, w := e.one("t0"), e.one("t1")
			e.VMULPS(e.mem("m"), e.one("momentum"), m)
			e.VADDPS(e.mem("g"), m, m)
			e.VMOVUPS(m, e.mem("m2"))
			e.VMULPS(m, e.one("lr"), m)
			e.VMOVUPS(e.mem("w"), w)
			e.VSUBPS(m, w, w)
			e.VMOVUPS(w, e.mem("w2"))
		},
	},
}

// height is to = (x-mean)*rstd.
func (e *emitter) height(to reg.Register) {
	e.VMOVUPS(e.mem("x"), to)
	e.VSUBPS(e.col("mean"), to, to)
	e.VMULPS(e.col("rstd"), to, to)
}

// activate is v = v * slope(v).
func (e *emitter) activate(v reg.Register) {
	e.slope(v, e.one("t1"))
	e.VMULPS(e.one("t1"), v, v)
}

// gradTerms adds g and g*h, with h in t0 and the slope in t1.
func (e *emitter) gradTerms() {
	h, g := e.one("t0"), e.one("t1")
	e.VMULPS(e.mem("dy"), g, g)
	e.VADDPS(g, e.col("sumG"), e.col("sumG"))
	e.VMULPS(h, g, g)
	e.VADDPS(g, e.col("sumGH"), e.col("sumGH"))
}

// gradApply writes dx, with h in t0 and the slope in t1.
func (e *emitter) gradApply() {
	h, g := e.one("t0"), e.one("t1")
	e.VMULPS(e.mem("dy"), g, g)
	e.VSUBPS(e.col("g"), g, g)
	e.VMULPS(e.col("gh"), h, h)
	e.VSUBPS(h, g, g)
	e.VMULPS(e.col("factor"), g, g)
	e.VMOVUPS(g, e.mem("dx"))
}

// adam is one step of the optimizer.
func adam(e *emitter) {
	m, v, t := e.one("t0"), e.one("t1"), e.one("t2")
	e.VMULPS(e.mem("m"), e.one("beta1"), m)
	e.VMULPS(e.mem("g"), e.one("rest1"), t)
	e.VADDPS(t, m, m)
	e.VMULPS(e.mem("v"), e.one("beta2"), v)
	e.VMULPS(e.mem("g"), e.one("rest2"), t)
	e.VMULPS(e.mem("g"), t, t)
	e.VADDPS(t, v, v)
	e.VMOVUPS(m, e.mem("m2"))
	e.VMOVUPS(v, e.mem("v2"))
	e.VSQRTPS(v, v)
	e.VDIVPS(e.one("b"), v, v)
	e.VADDPS(e.one("eps"), v, v)
	e.VMULPS(e.one("a"), m, m)
	e.VDIVPS(v, m, m)
	e.VMOVUPS(e.mem("w"), t)
	e.VSUBPS(m, t, t)
	e.VMOVUPS(t, e.mem("w2"))
}

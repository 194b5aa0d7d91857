package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot builds the kernel of convolutions and of their input gradients:
//
//	sum[r][j] += over taps t, channels c of left[t][r][c] * right[t][c][j], in that order
//
// left holds an address for each tap and row, of n floats; right is packed;
// results holds the address of each row of sums, which start at zero or, with
// resume, at what is there. A bias is added last, where there is one.
func dot(ctx *build.Context, t tile) {
	ctx.Function(t.name("dot"))
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc(t.name("dot") + " is a micro-kernel: see microKernel.dot.")
	ctx.SignatureExpr("func(taps int64, left **float32, n int64, right, bias *float32, results **float32, resume int64)")
	var (
		rows    = []reg.Register{reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI}[:t.rows]
		right   = ctx.Load(ctx.Param("right"), reg.R8)
		left    = ctx.Load(ctx.Param("left"), reg.R9)
		taps    = ctx.Load(ctx.Param("taps"), reg.R10)
		size    = ctx.Load(ctx.Param("n"), reg.R12)
		results = ctx.Load(ctx.Param("results"), reg.R13)
		at0     = reg.R11 // minus the bytes left of the tap
	)
	resume := ctx.Load(ctx.Param("resume"), reg.R11)
	t.begin(ctx, resume, results, reg.RAX)
	ctx.SHLQ(operand.Imm(2), size)

	step := func(u, back int) {
		t.step(ctx,
			func(r int) operand.Mem { return indexed(rows[r], at0, 1, 4*u-back) },
			func(disp int) operand.Mem { return at(right, u*t.rowBytes()+disp) })
	}
	ctx.Label("tap")
	for r, p := range rows {
		ctx.MOVQ(at(left, 8*r), p)
	}
	ctx.ADDQ(operand.U32(uint32(8*t.rows)), left)
	for _, p := range rows {
		ctx.ADDQ(size, p)
	}
	ctx.MOVQ(size, at0)
	ctx.NEGQ(at0)
	ctx.ADDQ(operand.Imm(4*unroll), at0)
	ctx.JG(operand.LabelRef("rest"))
	ctx.Label("loop")
	for u := range unroll {
		step(u, 4*unroll)
	}
	ctx.ADDQ(operand.U32(uint32(unroll*t.rowBytes())), right)
	ctx.ADDQ(operand.Imm(4*unroll), at0)
	ctx.JLE(operand.LabelRef("loop"))
	ctx.Label("rest")
	ctx.SUBQ(operand.Imm(4*unroll), at0)
	ctx.JZ(operand.LabelRef("next"))
	ctx.Label("single")
	step(0, 0)
	ctx.ADDQ(operand.U32(uint32(t.rowBytes())), right)
	ctx.ADDQ(operand.Imm(4), at0)
	ctx.JNZ(operand.LabelRef("single"))
	ctx.Label("next")
	ctx.DECQ(taps)
	ctx.JNZ(operand.LabelRef("tap"))

	bias := ctx.Load(ctx.Param("bias"), reg.RBX)
	ctx.TESTQ(bias, bias)
	ctx.JZ(operand.LabelRef("store"))
	for r := range t.rows {
		for j := range t.vectors() {
			ctx.VADDPS(at(bias, j*4*t.lanes()), t.sum(r, j), t.sum(r, j))
		}
	}
	ctx.Label("store")
	t.end(ctx, results, reg.RAX)
}

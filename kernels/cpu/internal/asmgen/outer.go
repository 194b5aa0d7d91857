package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// outer builds the kernel of weight gradients, a sum of outer products:
//
//	sum[r][j] += over runs u, i < n of left[(u*n+i)*leftStride + r] * right[u][i*stride + j], in that order
//
// right holds the address of each run. Rows of floats lie stride bytes apart, and
// those of left, through all runs, leftStride; results and resume are as in dot.
func outer(ctx *build.Context, t tile) {
	ctx.Function(t.name("outer"))
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc(t.name("outer") + " is a micro-kernel: see microKernel.outer.")
	ctx.SignatureExpr("func(runs int64, right **float32, n, stride int64, left *float32, leftStride int64, results **float32, resume int64)")
	var (
		runs       = ctx.Load(ctx.Param("runs"), reg.R8)
		right      = ctx.Load(ctx.Param("right"), reg.R9)
		stride     = ctx.Load(ctx.Param("stride"), reg.R10)
		left       = ctx.Load(ctx.Param("left"), reg.RSI)
		results    = ctx.Load(ctx.Param("results"), reg.R13)
		resume     = ctx.Load(ctx.Param("resume"), reg.R12)
		leftStride = ctx.Load(ctx.Param("leftStride"), reg.RBX)
		thrice     = reg.R11
		leftThrice = reg.RDX
		run        = reg.RDI
		count      = reg.RCX
	)
	t.begin(ctx, resume, results, reg.RAX)
	size := ctx.Load(ctx.Param("n"), reg.R12)
	ctx.LEAQ(indexed(stride, stride, 2, 0), thrice)
	ctx.LEAQ(indexed(leftStride, leftStride, 2, 0), leftThrice)

	row := func(base, step, thrice reg.Register, u, disp int) operand.Mem {
		return [unroll]operand.Mem{
			at(base, disp), indexed(base, step, 1, disp), indexed(base, step, 2, disp), indexed(base, thrice, 1, disp),
		}[u]
	}
	step := func(u int) {
		t.step(ctx,
			func(r int) operand.Mem { return row(left, leftStride, leftThrice, u, 4*r) },
			func(disp int) operand.Mem { return row(run, stride, thrice, u, disp) })
	}
	ctx.Label("run")
	ctx.MOVQ(at(right, 0), run)
	ctx.ADDQ(operand.Imm(8), right)
	ctx.MOVQ(size, count)
	ctx.SUBQ(operand.Imm(unroll), count)
	ctx.JLT(operand.LabelRef("rest"))
	ctx.Label("loop")
	for u := range unroll {
		step(u)
	}
	ctx.LEAQ(indexed(left, leftStride, unroll, 0), left)
	ctx.LEAQ(indexed(run, stride, unroll, 0), run)
	ctx.SUBQ(operand.Imm(unroll), count)
	ctx.JGE(operand.LabelRef("loop"))
	ctx.Label("rest")
	ctx.ADDQ(operand.Imm(unroll), count)
	ctx.JZ(operand.LabelRef("next"))
	ctx.Label("single")
	step(0)
	ctx.ADDQ(leftStride, left)
	ctx.ADDQ(stride, run)
	ctx.DECQ(count)
	ctx.JNZ(operand.LabelRef("single"))
	ctx.Label("next")
	ctx.DECQ(runs)
	ctx.JNZ(operand.LabelRef("run"))
	t.end(ctx, results, reg.RAX)
}

package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose builds the kernel that turns eight rows of a matrix into columns:
//
//	to[8b+j][i] = from[i][8b+j] for b < blocks, i and j < 8
//
// Steps are the bytes from one row to the next. Packing weights is this.
func transpose(ctx *build.Context) {
	ctx.Function("transpose8AVX2")
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc("transpose8AVX2 is to[8b+j][i] = from[i][8b+j] for b < blocks and i, j < 8.")
	ctx.SignatureExpr("func(blocks int64, from *float32, fromStep int64, to *float32, toStep int64)")
	var (
		blocks   = ctx.Load(ctx.Param("blocks"), reg.RCX)
		from     = ctx.Load(ctx.Param("from"), reg.R8)
		fromStep = ctx.Load(ctx.Param("fromStep"), reg.R9)
		to       = ctx.Load(ctx.Param("to"), reg.R10)
		toStep   = ctx.Load(ctx.Param("toStep"), reg.R11)
		row      = reg.RAX
		a, b     [8]reg.Register
	)
	for i := range 8 {
		a[i], b[i] = vectorRegisters[i].AsY(), vectorRegisters[8+i].AsY()
	}
	ctx.Label("block")
	ctx.MOVQ(from, row)
	for i := range 8 {
		ctx.VMOVUPS(at(row, 0), a[i])
		if i < 7 {
			ctx.ADDQ(fromStep, row)
		}
	}
	// Pairs, then fours, then halves change places.
	for i := 0; i < 8; i += 2 {
		ctx.VUNPCKLPS(a[i+1], a[i], b[i])
		ctx.VUNPCKHPS(a[i+1], a[i], b[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for j := range 2 {
			ctx.VSHUFPS(operand.Imm(0x44), b[i+j+2], b[i+j], a[i+2*j])
			ctx.VSHUFPS(operand.Imm(0xee), b[i+j+2], b[i+j], a[i+2*j+1])
		}
	}
	for i := range 4 {
		ctx.VPERM2F128(operand.Imm(0x20), a[i+4], a[i], b[i])
		ctx.VPERM2F128(operand.Imm(0x31), a[i+4], a[i], b[i+4])
	}
	for i := range 8 {
		ctx.VMOVUPS(b[i], at(to, 0))
		ctx.ADDQ(toStep, to)
	}
	ctx.ADDQ(operand.Imm(32), from)
	ctx.DECQ(blocks)
	ctx.JNZ(operand.LabelRef("block"))
	ctx.VZEROUPPER()
	ctx.RET()
}

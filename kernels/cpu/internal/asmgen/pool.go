package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Predicates of VCMPPS, quiet: not less or equal, which a NaN on either side
// fulfils too, and ordered.
const (
	notLessOrEqual = 0x16
	ordered        = 0x07
)

// maxPool builds the kernel of a max pooling's window:
//
//	to[c], where[c] = the largest of from[t][c], and places[t] of the first that holds it
//
// A NaN wins, and the first of them stays.
func maxPool(ctx *build.Context) {
	ctx.Function("maxPoolAVX2")
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc("maxPoolAVX2 is, for channels in multiples of 8 and taps >= 1, to[c] = max over t of from[t][c], where[c] = its places[t].")
	ctx.SignatureExpr("func(channels, taps int64, from **float32, places *int32, to *float32, where *int32)")
	var (
		left   = ctx.Load(ctx.Param("channels"), reg.RCX)
		taps   = ctx.Load(ctx.Param("taps"), reg.R8)
		from   = ctx.Load(ctx.Param("from"), reg.R9)
		places = ctx.Load(ctx.Param("places"), reg.R10)
		to     = ctx.Load(ctx.Param("to"), reg.R11)
		where  = ctx.Load(ctx.Param("where"), reg.R12)
		offset = reg.R13
		tap    = reg.RBX
		pixel  = reg.RAX
	)
	best, at0, v, place, mask, whole := reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5
	ctx.SUBQ(offset, offset)
	ctx.Label("channels")
	ctx.MOVQ(at(from, 0), pixel)
	ctx.VMOVUPS(indexed(pixel, offset, 1, 0), best)
	ctx.VBROADCASTSS(at(places, 0), at0)
	ctx.MOVQ(operand.U32(1), tap)
	ctx.Label("taps")
	ctx.CMPQ(tap, taps)
	ctx.JGE(operand.LabelRef("store"))
	ctx.MOVQ(indexed(from, tap, 8, 0), pixel)
	ctx.VMOVUPS(indexed(pixel, offset, 1, 0), v)
	ctx.VBROADCASTSS(indexed(places, tap, 4, 0), place)
	ctx.VCMPPS(operand.Imm(notLessOrEqual), best, v, mask)
	ctx.VCMPPS(operand.Imm(ordered), best, best, whole)
	ctx.VANDPS(whole, mask, mask)
	ctx.VBLENDVPS(mask, v, best, best)
	ctx.VBLENDVPS(mask, place, at0, at0)
	ctx.INCQ(tap)
	ctx.JMP(operand.LabelRef("taps"))
	ctx.Label("store")
	ctx.VMOVUPS(best, indexed(to, offset, 1, 0))
	ctx.VMOVUPS(at0, indexed(where, offset, 1, 0))
	ctx.ADDQ(operand.Imm(32), offset)
	ctx.SUBQ(operand.Imm(8), left)
	ctx.JNZ(operand.LabelRef("channels"))
	ctx.VZEROUPPER()
	ctx.RET()
}

// maxPoolGrad builds the kernel of a pixel of a max pooling's gradient:
//
//	to[c] = sum over windows t, in order, of dy[t][c] where where[t][c] = place
func maxPoolGrad(ctx *build.Context) {
	ctx.Function("maxPoolGradAVX2")
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc("maxPoolGradAVX2 is, for channels in multiples of 8, to[c] = sum over t of dy[t][c] where where[t][c] = place.")
	ctx.SignatureExpr("func(channels, windows int64, dy **float32, where **int32, place *int32, to *float32)")
	var (
		left    = ctx.Load(ctx.Param("channels"), reg.RCX)
		windows = ctx.Load(ctx.Param("windows"), reg.R8)
		dy      = ctx.Load(ctx.Param("dy"), reg.R9)
		where   = ctx.Load(ctx.Param("where"), reg.R10)
		place   = ctx.Load(ctx.Param("place"), reg.R11)
		to      = ctx.Load(ctx.Param("to"), reg.R12)
		offset  = reg.R13
		window  = reg.RBX
		pixel   = reg.RAX
	)
	sum, wanted, mask := reg.Y0, reg.Y1, reg.Y2
	ctx.VBROADCASTSS(at(place, 0), wanted)
	ctx.SUBQ(offset, offset)
	ctx.Label("channels")
	ctx.VXORPS(sum, sum, sum)
	ctx.SUBQ(window, window)
	ctx.Label("windows")
	ctx.CMPQ(window, windows)
	ctx.JGE(operand.LabelRef("store"))
	ctx.MOVQ(indexed(where, window, 8, 0), pixel)
	ctx.VPCMPEQD(indexed(pixel, offset, 1, 0), wanted, mask)
	ctx.MOVQ(indexed(dy, window, 8, 0), pixel)
	ctx.VANDPS(indexed(pixel, offset, 1, 0), mask, mask)
	ctx.VADDPS(mask, sum, sum)
	ctx.INCQ(window)
	ctx.JMP(operand.LabelRef("windows"))
	ctx.Label("store")
	ctx.VMOVUPS(sum, indexed(to, offset, 1, 0))
	ctx.ADDQ(operand.Imm(32), offset)
	ctx.SUBQ(operand.Imm(8), left)
	ctx.JNZ(operand.LabelRef("channels"))
	ctx.VZEROUPPER()
	ctx.RET()
}

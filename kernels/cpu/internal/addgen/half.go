package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// halves are kernels in which numbers are bf16, or become it. Blocks are of two vectors of
// eight.
func halves(ctx *build.Context) {
	h := half{ctx}
	h.kernel("addHalfAVX2", "to = bf16(a + b)", "float32", "a, b *float32", []int{4, 4, 4}, true, func(v int, at func(p int) operand.Mem) {
		ctx.VMOVUPS(at(1), sums[v])
		ctx.VADDPS(at(2), sums[v], sums[v])
		h.round(sums[v])
		ctx.VMOVUPS(sums[v], at(0))
	})
	h.kernel("addHalfWideAVX2", "to = bf16(a + b), b bit patterns of bf16", "float32", "a *float32, b *uint16", []int{4, 4, 2}, true, func(v int, at func(p int) operand.Mem) {
		ctx.VPMOVZXWD(at(2), sums[v])
		ctx.VPSLLD(operand.Imm(16), sums[v], sums[v])
		ctx.VADDPS(at(1), sums[v], sums[v])
		h.round(sums[v])
		ctx.VMOVUPS(sums[v], at(0))
	})
	h.kernel("widenAVX2", "to = from, bit patterns of bf16", "float32", "from *uint16", []int{4, 2}, false, func(v int, at func(p int) operand.Mem) {
		ctx.VPMOVZXWD(at(1), sums[v])
		ctx.VPSLLD(operand.Imm(16), sums[v], sums[v])
		ctx.VMOVUPS(sums[v], at(0))
	})
	h.kernel("narrowAVX2", "to = the bit patterns of from, numbers that are bf16", "uint16", "from *float32", []int{2, 4}, false, func(v int, at func(p int) operand.Mem) {
		ctx.VMOVUPS(at(1), sums[v])
		ctx.VPSRLD(operand.Imm(16), sums[v], sums[v])
		if v == 1 { // both vectors at once: packing works in halves of a register
			ctx.VPACKUSDW(sums[1], sums[0], sums[0])
			ctx.VPERMQ(operand.Imm(0b11011000), sums[0], sums[0])
			ctx.VMOVDQU(sums[0], operand.Mem{Base: reg.RDI})
		}
	})
}

// The registers: two vectors, temporaries, and constants.
var (
	sums                       = []reg.VecPhysical{reg.Y0, reg.Y1}
	bits, odd, nan             = reg.Y2, reg.Y3, reg.Y4
	one, below, upper, quieten = reg.Y5, reg.Y6, reg.Y7, reg.Y8
)

type half struct{ *build.Context }

// kernel writes a loop over blocks. Sizes are of the elements of each pointer.
func (h half) kernel(name, formula, result, operands string, sizes []int, rounds bool, body func(v int, at func(p int) operand.Mem)) {
	h.Function(name)
	h.Attributes(attr.NOSPLIT)
	h.Pragma("noescape")
	h.Doc(fmt.Sprintf("%s is, for blocks of 16 elements,", name), "", "\t"+formula)
	h.SignatureExpr(fmt.Sprintf("func(blocks int64, to *%s, %s)", result, operands))
	blocks := h.Load(h.Param("blocks"), reg.RCX)
	pointers := []reg.GPPhysical{reg.RDI, reg.RSI, reg.RDX}[:len(sizes)]
	for i := range pointers {
		h.Load(h.ParamIndex(i+1), pointers[i])
	}
	if rounds {
		h.constants()
	}
	h.Label("block")
	for v := range sums {
		body(v, func(p int) operand.Mem { return operand.Mem{Base: pointers[p], Disp: 8 * sizes[p] * v} })
	}
	for i, p := range pointers {
		h.ADDQ(operand.U32(uint32(16*sizes[i])), p)
	}
	h.DECQ(blocks)
	h.JNZ(operand.LabelRef("block"))
	h.VZEROUPPER()
	h.RET()
}

// constants are made of ones.
func (h half) constants() {
	h.VPCMPEQD(upper, upper, upper)
	h.VPSRLD(operand.Imm(31), upper, one)
	h.VPSRLD(operand.Imm(17), upper, below) // 0x7fff
	h.VPSLLD(operand.Imm(16), upper, upper) // 0xffff0000
	h.VPSLLD(operand.Imm(22), one, quieten) // the upper bit of the mantissa
}

// round makes floats the nearest bf16, ties to even; a NaN keeps its upper bits and is quiet.
func (h half) round(v reg.VecPhysical) {
	h.VCMPPS(operand.Imm(3), v, v, nan) // unordered
	h.VPSRLD(operand.Imm(16), v, odd)
	h.VPAND(one, odd, odd)
	h.VPADDD(below, v, bits)
	h.VPADDD(odd, bits, bits)
	h.VPOR(quieten, v, odd)
	h.VBLENDVPS(nan, odd, bits, v)
	h.VPAND(upper, v, v)
}

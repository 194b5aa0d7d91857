package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pass is a kernel that goes over pixels and does the same to each of their
// columns: a normalisation, its sums, an activation, an optimizer's step. It is
// AVX2 only, for memory bounds it. Its parameters are the number of pixels, the
// bytes from one to the next, and a table of addresses, one for each name below
// in that order.
type pass struct {
	name    string
	formula string
	streams []string // values by pixel and column
	columns []string // values by column, read once
	sums    []string // sums by column, read at the start, written at the end
	scalars []string // one value each
	temps   int
	body    func(e *emitter)
}

// emitter writes a pass's body for one vector of a pixel.
type emitter struct {
	*build.Context
	pointers map[string]reg.Register
	vectors  map[string]reg.Register // by name and number of the vector
	v        int
}

// pointerRegisters are what addresses may be kept in.
var pointerRegisters = []reg.Register{
	reg.RAX, reg.RBX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13,
}

const vectorBytes = 32

// mem is the vector's place in a stream.
func (e *emitter) mem(stream string) operand.Mem { return at(e.pointers[stream], e.v*vectorBytes) }

// col is the register of a column's value or sum.
func (e *emitter) col(name string) reg.Register { return e.vectors[fmt.Sprint(name, e.v)] }

// one is the register of a scalar or of a temporary, such as t0.
func (e *emitter) one(name string) reg.Register { return e.vectors[name] }

// build writes the kernel for a number of vectors of columns.
func (p pass) build(ctx *build.Context, vectors int) {
	name := fmt.Sprintf("%s%d", p.name, 8*vectors)
	ctx.Function(name)
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc(fmt.Sprintf("%s is, for each pixel in order and %d columns of it,", name, 8*vectors), "",
		"\t"+p.formula, "", "with the addresses of "+strings.Join(p.operands(), ", ")+".")
	ctx.SignatureExpr("func(pixels, stride int64, operands **float32)")
	e := &emitter{Context: ctx, pointers: map[string]reg.Register{}, vectors: map[string]reg.Register{}}
	operands := ctx.Load(ctx.Param("operands"), reg.R14)
	p.loadColumns(e, operands, vectors)
	pixels, stride := ctx.Load(ctx.Param("pixels"), reg.RCX), ctx.Load(ctx.Param("stride"), reg.R15)
	for i, s := range p.streams {
		e.pointers[s] = pointerRegisters[i]
		ctx.MOVQ(at(operands, 8*i), e.pointers[s])
	}
	ctx.Label("pixel")
	for e.v = range vectors {
		p.body(e)
	}
	for _, s := range p.streams {
		ctx.ADDQ(stride, e.pointers[s])
	}
	ctx.DECQ(pixels)
	ctx.JNZ(operand.LabelRef("pixel"))
	for i, s := range p.sums {
		to := reg.RAX
		ctx.MOVQ(at(operands, 8*(len(p.streams)+len(p.columns)+i)), to)
		for e.v = range vectors {
			ctx.VMOVUPS(e.col(s), at(to, e.v*vectorBytes))
		}
	}
	ctx.VZEROUPPER()
	ctx.RET()
}

// operands are the names in the order of their addresses.
func (p pass) operands() []string { return slices.Concat(p.streams, p.columns, p.sums, p.scalars) }

// loadColumns gives every value of a column, scalar and temporary its register.
func (p pass) loadColumns(e *emitter, operands reg.Register, vectors int) {
	next, from := 0, reg.RAX
	take := func(name string) reg.Register {
		r := vectorRegisters[next].AsY()
		next++
		e.vectors[name] = r
		return r
	}
	columns := slices.Concat(p.columns, p.sums)
	for i, c := range columns {
		e.MOVQ(at(operands, 8*(len(p.streams)+i)), from)
		for v := range vectors {
			e.VMOVUPS(at(from, v*vectorBytes), take(fmt.Sprint(c, v)))
		}
	}
	for i, s := range p.scalars {
		e.MOVQ(at(operands, 8*(len(p.streams)+len(columns)+i)), from)
		e.VBROADCASTSS(at(from, 0), take(s))
	}
	for i := range p.temps {
		take(fmt.Sprint("t", i))
	}
	if next > 16 {
		panic(p.name + ": too many vector registers")
	}
}

// slope is the register to = one where v > 0, and else below. It may be v's.
func (e *emitter) slope(v, to reg.Register) {
	zero := e.one("t3")
	e.VXORPS(zero, zero, zero)
	e.VCMPPS(operand.Imm(greaterThan), zero, v, zero)
	e.VBLENDVPS(zero, e.one("unit"), e.one("below"), to)
}

// greaterThan is VCMPPS's ordered, quiet comparison.
const greaterThan = 0x1e

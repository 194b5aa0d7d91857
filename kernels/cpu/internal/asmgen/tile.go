package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile is the block of results that a kernel holds in registers: rows × columns,
// the columns in vectors of 8 (AVX2) or 16 (AVX-512) lanes.
type tile struct {
	rows, columns int
	wide          bool // AVX-512
}

// tiles are the shapes that are built. A register file holds the accumulators,
// a row of the right operand and at least two broadcasts.
var tiles = []tile{
	{rows: 6, columns: 16},
	{rows: 6, columns: 64, wide: true},
	{rows: 6, columns: 32, wide: true},
	{rows: 6, columns: 16, wide: true},
}

// narrowTiles are for results of few channels, which are the rows there; only
// outer is built for them.
var narrowTiles = []tile{
	{rows: 3, columns: 24},
	{rows: 3, columns: 48, wide: true},
}

// unroll is how many steps of a chain one turn of the inner loop takes.
const unroll = 4

// name is a kernel's name for this tile, such as dot6x16AVX2.
func (t tile) name(kernel string) string {
	isa := "AVX2"
	if t.wide {
		isa = "AVX512"
	}
	return fmt.Sprintf("%s%dx%d%s", kernel, t.rows, t.columns, isa)
}

// lanes is the number of elements of a vector.
func (t tile) lanes() int {
	if t.wide {
		return 16
	}
	return 8
}

// vectors is the number of vectors of a row.
func (t tile) vectors() int { return t.columns / t.lanes() }

// rowBytes is the size of a row of the tile.
func (t tile) rowBytes() int { return 4 * t.columns }

// vectorRegisters are all of AVX-512's.
var vectorRegisters = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// register is vector register i in this tile's width.
func (t tile) register(i int) reg.Register {
	if t.wide {
		return vectorRegisters[i]
	}
	return vectorRegisters[i].AsY()
}

// registers is how many vector registers there are.
func (t tile) registers() int {
	if t.wide {
		return 32
	}
	return 16
}

// sum is the accumulator of row r, vector j.
func (t tile) sum(r, j int) reg.Register { return t.register(r*t.vectors() + j) }

// right is vector j of the right operand's row.
func (t tile) right(j int) reg.Register { return t.register(t.rows*t.vectors() + j) }

// spread is the register that row r's left element is broadcast to: rows take
// turns in what is left.
func (t tile) spread(r int) reg.Register {
	first := (t.rows + 1) * t.vectors()
	return t.register(first + r%(t.registers()-first))
}

// at is memory at base + disp bytes.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// indexed is memory at base + index*scale + disp bytes.
func indexed(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}

// step adds the product of a column of the left operand and a row of the right
// one to the accumulators: one link of each result's chain.
func (t tile) step(ctx *build.Context, left func(r int) operand.Mem, right func(disp int) operand.Mem) {
	for j := range t.vectors() {
		ctx.VMOVUPS(right(j*4*t.lanes()), t.right(j))
	}
	for r := range t.rows {
		ctx.VBROADCASTSS(left(r), t.spread(r))
		for j := range t.vectors() {
			ctx.VFMADD231PS(t.spread(r), t.right(j), t.sum(r, j))
		}
	}
}

// begin sets the accumulators to zero, or, where resume is not zero, to the
// results' memory, which continues their chains.
func (t tile) begin(ctx *build.Context, resume, results, row reg.Register) {
	for r := range t.rows {
		for j := range t.vectors() {
			t.zero(ctx, t.sum(r, j))
		}
	}
	ctx.TESTQ(resume, resume)
	ctx.JZ(operand.LabelRef("start"))
	for r := range t.rows {
		ctx.MOVQ(at(results, 8*r), row)
		for j := range t.vectors() {
			ctx.VMOVUPS(at(row, j*4*t.lanes()), t.sum(r, j))
		}
	}
	ctx.Label("start")
}

func (t tile) zero(ctx *build.Context, r reg.Register) {
	if t.wide {
		ctx.VPXORD(r, r, r)
		return
	}
	ctx.VXORPS(r, r, r)
}

// end stores the accumulators and returns. Two rows may name one place where
// they hold the same values: nothing is read after the first store.
func (t tile) end(ctx *build.Context, results, row reg.Register) {
	for r := range t.rows {
		ctx.MOVQ(at(results, 8*r), row)
		for j := range t.vectors() {
			ctx.VMOVUPS(t.sum(r, j), at(row, j*4*t.lanes()))
		}
	}
	ctx.VZEROUPPER()
	ctx.RET()
}

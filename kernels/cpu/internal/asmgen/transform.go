package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transform is a kernel that applies a line, a small matrix, to both axes of a
// square of vectors: to = L · from · Lᵀ, first to the columns, then to the rows.
// Vectors hold channels. A side of pixels is a table of addresses, since pixels
// lie anywhere; a side in the transformed domain is a base and a stride in bytes
// from one place of the square to the next, row by row.
type transform struct {
	name            string
	line            line
	gather, scatter bool // the source, or the destination, is a table
	biased          bool // adds a bias by channel, where there is one
}

// line is a matrix as straight-line code: from and to are the numbers of its
// columns and rows.
type line struct {
	from, to  int
	formula   string
	constants int // broadcast from a table
	temps     int
	emit      func(e *lineEmitter)
}

// lineEmitter writes a line. Its inputs are registers that it may overwrite.
type lineEmitter struct {
	*build.Context
	in, t, c []reg.Register
	store    func(i int, r reg.Register)
}

// transformer is a transform being built for one width of vectors.
type transformer struct {
	transform
	*build.Context
	wide bool
}

// transformRegisters are the general registers of a transform.
var (
	xfFrom, xfTo, xfTemp = reg.R8, reg.R9, reg.R12
	xfFromStep, xfToStep = reg.R10, reg.R11
	xfOffset, xfLeft     = reg.R13, reg.RCX
	xfCursor, xfRowStep  = reg.RAX, reg.RDX
	xfBias               = reg.RSI
)

func (x transform) build(ctx *build.Context, wide bool) {
	k := transformer{x, ctx, wide}
	name := x.name + "AVX2"
	if wide {
		name = x.name + "AVX512"
	}
	ctx.Function(name)
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc(name+" is to = L · from · Lᵀ for every channel, with the line L:", "", "\t"+x.line.formula)
	ctx.SignatureExpr(x.signature())
	e := k.begin()
	ctx.Label("channels")
	k.columns(e)
	k.rows(e)
	size := k.vectorBytes()
	ctx.ADDQ(operand.Imm(uint64(size)), xfOffset)
	ctx.SUBQ(operand.Imm(uint64(size)), xfLeft)
	ctx.JNZ(operand.LabelRef("channels"))
	ctx.VZEROUPPER()
	ctx.RET()
}

// signature is the kernel's: channels is a multiple of the vector's lanes, temp
// holds a square of vectors.
func (x transform) signature() string {
	from, to, more := "from *float32, fromStep int64", "to *float32, toStep int64", ""
	if x.gather {
		from = "from **float32"
	}
	if x.scatter {
		to = "to **float32"
	}
	if x.biased {
		more = ", bias *float32"
	}
	return fmt.Sprintf("func(channels int64, %s, %s, temp, constants *float32%s)", from, to, more)
}

func (k transformer) vectorBytes() int {
	if k.wide {
		return 64
	}
	return 32
}

func (k transformer) register(i int) reg.Register { return tile{wide: k.wide}.register(i) }

// begin loads the arguments and gives every value of a line its register.
func (k transformer) begin() *lineEmitter {
	e := &lineEmitter{Context: k.Context}
	next := 0
	take := func(n int) (rs []reg.Register) {
		for range n {
			rs = append(rs, k.register(next))
			next++
		}
		return rs
	}
	e.in, e.t, e.c = take(k.line.from), take(k.line.temps), take(k.line.constants)
	if next > 16 {
		panic(k.name + ": too many vector registers")
	}
	constants := k.Load(k.Param("constants"), reg.RAX)
	for i, c := range e.c {
		k.VBROADCASTSS(at(constants, 4*i), c)
	}
	k.Load(k.Param("from"), xfFrom)
	k.Load(k.Param("to"), xfTo)
	k.Load(k.Param("temp"), xfTemp)
	if !k.gather {
		k.Load(k.Param("fromStep"), xfFromStep)
		k.LEAQ(indexed(xfFromStep, xfFromStep, 2, 0), xfRowStep)
		if k.line.from == 6 {
			k.ADDQ(xfRowStep, xfRowStep)
		}
	}
	if !k.scatter {
		k.Load(k.Param("toStep"), xfToStep)
	}
	if k.biased {
		k.Load(k.Param("bias"), xfBias)
	}
	k.Load(k.Param("channels"), xfLeft)
	k.SHLQ(operand.Imm(2), xfLeft)
	k.SUBQ(xfOffset, xfOffset)
	return e
}

// columns applies the line to each column of the source, into temp.
func (k transformer) columns(e *lineEmitter) {
	n, size := k.line.from, k.vectorBytes()
	for j := range n {
		if !k.gather {
			k.LEAQ(indexed(xfFrom, xfOffset, 1, 0), xfCursor)
		}
		for u, r := range e.in {
			if k.gather {
				k.MOVQ(at(xfFrom, 8*(u*n+j)), xfCursor)
				k.VMOVUPS(indexed(xfCursor, xfOffset, 1, 0), r)
				continue
			}
			if u > 0 {
				k.ADDQ(xfRowStep, xfCursor)
			}
			k.VMOVUPS(at(xfCursor, 0), r)
		}
		e.store = func(i int, r reg.Register) { k.VMOVUPS(r, at(xfTemp, (i*n+j)*size)) }
		k.line.emit(e)
		if !k.gather && j+1 < n {
			k.ADDQ(xfFromStep, xfFrom)
		}
	}
	if !k.gather {
		for range n - 1 {
			k.SUBQ(xfFromStep, xfFrom)
		}
	}
}

// rows applies the line to each row of temp, into the destination.
func (k transformer) rows(e *lineEmitter) {
	n, m, size := k.line.from, k.line.to, k.vectorBytes()
	if !k.scatter {
		k.LEAQ(indexed(xfTo, xfOffset, 1, 0), xfCursor)
	}
	for i := range m {
		for j, r := range e.in {
			k.VMOVUPS(at(xfTemp, (i*n+j)*size), r)
		}
		out := make([]reg.Register, m)
		e.store = func(j int, r reg.Register) { out[j] = r }
		k.line.emit(e)
		for j, r := range out {
			k.result(i*m+j, r)
		}
	}
}

// result stores one place of the destination's square.
func (k transformer) result(place int, r reg.Register) {
	if !k.scatter {
		k.VMOVUPS(r, at(xfCursor, 0))
		if place+1 < k.line.to*k.line.to {
			k.ADDQ(xfToStep, xfCursor)
		}
		return
	}
	if k.biased {
		k.VADDPS(indexed(xfBias, xfOffset, 1, 0), r, r)
	}
	k.MOVQ(at(xfTo, 8*place), xfCursor)
	k.VMOVUPS(r, indexed(xfCursor, xfOffset, 1, 0))
}

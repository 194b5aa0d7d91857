// Command addgen writes the vector additions of worker/allreduce: run go generate there.
// Its arguments are the assembly file and the file of Go declarations to write. It is here
// because avo is.
package main

import (
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	compiler "github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: addgen ASSEMBLY DECLARATIONS")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "addgen:", err)
		os.Exit(1)
	}
}

func run(asm, stubs string) error {
	ctx := build.NewContext()
	ctx.ConstraintExpr("amd64")
	add(ctx, "addF32AVX2", "float32", 4, ctx.VADDPS)
	add(ctx, "addF64AVX2", "float64", 8, ctx.VADDPD)
	halves(ctx)
	file, err := ctx.Result()
	if err != nil {
		return err
	}
	if err := compiler.Compile.Execute(file); err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go generate ./worker/allreduce"}, Pkg: "allreduce"}
	for _, out := range []struct {
		path string
		p    printer.Printer
	}{{asm, printer.NewGoAsm(cfg)}, {stubs, printer.NewStubs(cfg)}} {
		text, err := out.p.Print(file)
		if err != nil {
			return fmt.Errorf("print %s: %w", out.path, err)
		}
		if err := os.WriteFile(out.path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Blocks are of four vectors: enough loads at a time for memory, which bounds them, so
// that wider vectors gain nothing.
const (
	vectors     = 4
	vectorBytes = 32
)

func add(ctx *build.Context, name, element string, size int, sum func(ops ...operand.Op)) {
	ctx.Function(name)
	ctx.Attributes(attr.NOSPLIT)
	ctx.Pragma("noescape")
	ctx.Doc(fmt.Sprintf("%s is, for blocks of %d elements,", name, vectors*vectorBytes/size), "", "\tto = a + b", "", "where to may be a or b.")
	ctx.SignatureExpr(fmt.Sprintf("func(blocks int64, to, a, b *%s)", element))
	blocks := ctx.Load(ctx.Param("blocks"), reg.RCX)
	to, a, b := ctx.Load(ctx.Param("to"), reg.RDI), ctx.Load(ctx.Param("a"), reg.RSI), ctx.Load(ctx.Param("b"), reg.RDX)
	registers := []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3}
	at := func(base reg.Register, v int) operand.Mem { return operand.Mem{Base: base, Disp: v * vectorBytes} }
	ctx.Label("block")
	for v, r := range registers {
		ctx.VMOVUPS(at(a, v), r)
	}
	for v, r := range registers {
		sum(at(b, v), r, r)
	}
	for v, r := range registers {
		ctx.VMOVUPS(r, at(to, v))
	}
	for _, p := range []reg.Register{to, a, b} {
		ctx.ADDQ(operand.U32(vectors*vectorBytes), p)
	}
	ctx.DECQ(blocks)
	ctx.JNZ(operand.LabelRef("block"))
	ctx.VZEROUPPER()
	ctx.RET()
}

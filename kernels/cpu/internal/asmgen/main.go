// Command asmgen writes the assembly of kernels/cpu: run go generate there. Its
// arguments are the assembly file and the file of Go declarations to write.
//
// A kernel is written once, for a tile of any shape and either width of vector.
// The list of instructions that avo builds is printed, and in this package's
// tests it is also interpreted, so that a machine without AVX-512 still tests
// what the AVX-512 kernels compute.
package main

import (
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	compiler "github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: asmgen ASSEMBLY DECLARATIONS")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "asmgen:", err)
		os.Exit(1)
	}
}

func run(asm, stubs string) error {
	file, err := generate()
	if err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go generate ./kernels/cpu"}, Pkg: "cpu"}
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

// generate builds every kernel.
func generate() (*ir.File, error) {
	ctx := build.NewContext()
	ctx.ConstraintExpr("amd64")
	for _, t := range tiles {
		dot(ctx, t)
		outer(ctx, t)
	}
	for _, t := range narrowTiles {
		outer(ctx, t)
	}
	for _, t := range transforms {
		t.build(ctx, false)
		t.build(ctx, true)
	}
	transpose(ctx)
	maxPool(ctx)
	maxPoolGrad(ctx)
	for _, p := range passes {
		p.build(ctx, 2)
		p.build(ctx, 1)
	}
	file, err := ctx.Result()
	if err != nil {
		return nil, err
	}
	return file, compiler.Compile.Execute(file)
}

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

// Results go to standard output by stdout alone, which remembers what could not be
// written: whoever prints past it ends well on a full disk.
func TestNothingPrintsPastStdout(t *testing.T) {
	set := token.NewFileSet()
	packages, err := parser.ParseDir(set, ".", func(f fs.FileInfo) bool {
		return !strings.HasSuffix(f.Name(), "_test.go") && f.Name() != "stdout.go"
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(packages["main"], func(n ast.Node) bool {
		x, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := x.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch name := pkg.Name + "." + x.Sel.Name; name {
		case "os.Stdout", "fmt.Print", "fmt.Printf", "fmt.Println":
			t.Errorf("%s: %s goes past stdout", set.Position(x.Pos()), name)
		case "fmt.Fprintf":
			seen++
		}
		return true
	})
	if seen < 10 {
		t.Errorf("only %d calls were looked at", seen)
	}
}

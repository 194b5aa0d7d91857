package kernelstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"g2c/kernels"
	"g2c/kernels/ref"
)

func openRef(testing.TB) kernels.Device { return ref.New() }

func TestRef(t *testing.T) { Run(t, openRef, Options{Same: []Open{openRef}, Half: true}) }

// TestEveryOperation reads the contracts' source: an operation without a case
// fails.
func TestEveryOperation(t *testing.T) {
	covered := map[string]int{}
	for _, f := range families {
		for _, c := range f.list(1) {
			covered[c.op.Name()]++
		}
	}
	for _, name := range contracts(t) {
		if covered[name] == 0 {
			t.Errorf("operation %s has no case", name)
		}
		t.Logf("%s: %d cases", name, covered[name])
	}
}

// contracts lists the names that the methods called Name in package kernels
// return.
func contracts(t *testing.T) []string {
	paths, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "Name" && len(fn.Body.List) == 1 {
				lit := fn.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit)
				name, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	if len(names) < 40 {
		t.Fatalf("found %d operations only: %v", len(names), names)
	}
	return names
}

package lint

import (
	"go/ast"
	"testing"
)

// Limits of the house style.
const (
	maxFileLines     = 600
	maxFunctionLines = 70
)

// longFunctions are excused, each with its reason.
var longFunctions = map[string]string{}

func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated() {
			continue
		}
		if n := fset.File(s.ast.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines, the limit is %d", s.path, n, maxFileLines)
		}
		if s.test {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
			if n > maxFunctionLines && longFunctions[s.path+" "+f.Name.Name] == "" {
				t.Errorf("%s: %s has %d lines, the limit is %d", place(f.Pos()), f.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		documented[s.dir] = documented[s.dir] || s.ast.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.generated() {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.IsExported() && f.Doc == nil && receiverExported(f) {
				t.Errorf("%s: %s has no comment", place(f.Pos()), f.Name.Name)
			}
		}
	}
}

// receiverExported reports whether a function is one, or a method of an exported
// type.
func receiverExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	x := f.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if generic, ok := x.(*ast.IndexExpr); ok {
		x = generic.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

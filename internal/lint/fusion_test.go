package lint

import (
	"go/ast"
	"go/token"
	"go/types"
	"testing"

	"golang.org/x/tools/go/packages"
)

// judges compute bounds that results are held to; no result holds their bits.
var judges = map[string]bool{"g2c/kernels/tolerance": true, "g2c/kernels/kernelstest": true, "g2c/kernels/lockstep": true}

// A compiler may fuse x*y + z into one rounding on some processors. Numeric code
// therefore writes float64(x*y) + z, which Go forbids to fuse.
func TestNumericCodeCannotBeFused(t *testing.T) {
	var patterns []string
	for _, f := range numericFolders {
		patterns = append(patterns, "g2c/"+f+"/...")
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
		Dir:  "../..",
	}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded) < len(numericFolders) {
		t.Fatalf("only %d packages loaded", len(loaded))
	}
	for _, p := range loaded {
		if judges[p.PkgPath] {
			continue
		}
		for _, e := range p.Errors {
			t.Fatalf("%s: %v", p.PkgPath, e)
		}
		for _, f := range p.Syntax {
			checkFusion(t, p, f)
		}
	}
}

func checkFusion(t *testing.T, p *packages.Package, f *ast.File) {
	report := func(pos token.Pos) {
		at := p.Fset.Position(pos)
		t.Errorf("%s:%d: a product is added without rounding: write float64(x*y) + z", at.Filename, at.Line)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.ADD || n.Op == token.SUB) && isFloat(p, n) && (isProduct(p, n.X) || isProduct(p, n.Y)) {
				report(n.Pos())
			}
		case *ast.AssignStmt:
			if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN) && isFloat(p, n.Lhs[0]) && isProduct(p, n.Rhs[0]) {
				report(n.Pos())
			}
		}
		return true
	})
}

func isFloat(p *packages.Package, e ast.Expr) bool {
	t := p.TypesInfo.Types[e]
	if t.Value != nil { // a constant is exact
		return false
	}
	if t.Type == nil {
		return false
	}
	b, ok := t.Type.Underlying().(*types.Basic)
	if ok {
		return b.Info()&types.IsFloat != 0
	}
	_, generic := t.Type.(*types.TypeParam)
	return generic
}

func isProduct(p *packages.Package, e ast.Expr) bool {
	for {
		if paren, ok := e.(*ast.ParenExpr); ok {
			e = paren.X
			continue
		}
		if neg, ok := e.(*ast.UnaryExpr); ok && neg.Op == token.SUB {
			e = neg.X
			continue
		}
		break
	}
	b, ok := e.(*ast.BinaryExpr)
	return ok && b.Op == token.MUL && isFloat(p, e)
}

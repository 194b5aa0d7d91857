package lint

import (
	"go/ast"
	"strings"
	"testing"
)

// pure lists folders whose results are functions of their arguments: no clock,
// no randomness, no environment. The value lists calls that are allowed all the
// same.
var pure = []string{
	"api", "coordinator/command", "coordinator/cow", "coordinator/state", "coordinator/scheduler",
	"experiments/spec", "experiments/sweep", "experiments/synthetic",
	"internal/fmath", "internal/philox", "kernels", "model",
}

var impureCalls = map[string][]string{
	"time": {"Now", "Since", "Until", "After", "Tick", "NewTimer", "NewTicker", "Sleep"},
	"os":   {"Getenv", "LookupEnv", "Environ", "Hostname", "Getpid", "Getwd"},
}

var impureImports = []string{"math/rand", "math/rand/v2", "crypto/rand"}

// excused lists impure calls with their reason.
var excused = map[string]string{
	"kernels/emu/emutest/emutest.go": "starts a test binary again, under another driver",
}

func TestPurePackagesHaveNoClockOrRandomness(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !isPure(s.dir) || excused[s.path] != "" {
			continue
		}
		for _, spec := range s.ast.Imports {
			for _, bad := range impureImports {
				if strings.Trim(spec.Path.Value, `"`) == bad {
					t.Errorf("%s: a pure package imports %s", place(spec.Pos()), bad)
				}
			}
		}
		eachCall(s, func(call *ast.SelectorExpr, pkg, name string) {
			for _, bad := range impureCalls[pkg] {
				if name == bad {
					t.Errorf("%s: a pure package calls %s.%s", place(call.Pos()), pkg, name)
				}
			}
		})
	}
}

// driven lists folders below pure ones that wait and connect.
var driven = []string{"api/client"}

func isPure(dir string) bool {
	for _, d := range driven {
		if under(dir, d) {
			return false
		}
	}
	for _, p := range pure {
		if under(dir, p) {
			return true
		}
	}
	return false
}

// eachCall visits selectors of the form package.Name.
func eachCall(s source, visit func(sel *ast.SelectorExpr, pkg, name string)) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Obj == nil {
			visit(sel, id.Name, sel.Sel.Name)
		}
		return true
	})
}

// The standard library's elementary functions change with the processor, so
// numeric code uses internal/fmath.
var unstableMath = []string{"Exp", "Exp2", "Expm1", "Log", "Log2", "Log10", "Log1p", "Sin", "Cos", "Tan", "Tanh", "Sinh", "Cosh", "Pow", "Atan", "Atan2", "Asin", "Acos", "Cbrt", "Hypot", "Gamma", "Lgamma", "Erf"}

func TestNumericCodeUsesOurElementaryFunctions(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !numeric(s.dir) {
			continue
		}
		eachCall(s, func(sel *ast.SelectorExpr, pkg, name string) {
			for _, bad := range unstableMath {
				if pkg == "math" && name == bad {
					t.Errorf("%s: math.%s depends on the processor, use internal/fmath", place(sel.Pos()), name)
				}
			}
		})
	}
}

// numericFolders hold arithmetic whose bits are promised.
var numericFolders = []string{"kernels", "model", "worker/authentic", "worker/train", "internal/fmath", "internal/philox", "internal/dataset", "internal/stain", "experiments/synthetic"}

func numeric(dir string) bool {
	for _, f := range numericFolders {
		if under(dir, f) {
			return !strings.Contains(dir, "asmgen")
		}
	}
	return false
}

// gorgonia's calls whose results depend on the order of a map or on text: see
// model/graph/doc.go.
var forbiddenGorgonia = []string{"NewConstant", "Grad", "RemoveNode", "Roots", "To", "Edges", "ToSlice", "Must", "NewVM", "NewTapeMachine", "NewLispMachine", "Compile"}

func TestForbiddenGorgoniaCalls(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !under(s.dir, "model/graph") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, isPackage := sel.X.(*ast.Ident)
			for _, bad := range forbiddenGorgonia {
				if sel.Sel.Name == bad && (!isPackage || id.Name == "G" || bad == "RemoveNode" || bad == "ToSlice") && bad != "Compile" {
					t.Errorf("%s: gorgonia's %s is not deterministic or not sound", place(sel.Pos()), bad)
				}
			}
			return true
		})
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		eachCall(s, func(sel *ast.SelectorExpr, pkg, name string) {
			if pkg == "time" && name == "Sleep" {
				t.Errorf("%s: a test sleeps; wait for what it waits for", place(sel.Pos()))
			}
		})
	}
}

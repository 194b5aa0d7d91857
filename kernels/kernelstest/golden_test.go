package kernelstest

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/drawn"
	"g2c/kernels"
	"g2c/kernels/tolerance"
)

// The goldens are PyTorch's results in float64, written by
// bench/peers/goldens.py. Operands are not stored: both sides draw them.

// goldenTolerance is relative to the larger of one and the value: both sides
// compute in float64.
const goldenTolerance = 2e-13

// goldens are the files' tensors, and the cases that were looked up.
type goldens struct {
	tensors map[string]tolerance.Tensor
	used    map[string]bool
	ops     map[string]bool
	number  int
}

// readGoldens reads every file of testdata: eight bytes of length, a header of
// JSON, float64 numbers.
func readGoldens(t *testing.T) *goldens {
	t.Helper()
	g := &goldens{tensors: map[string]tolerance.Tensor{}, used: map[string]bool{}, ops: map[string]bool{}}
	paths, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := binary.LittleEndian.Uint64(b)
		header := map[string]struct {
			DType   string
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}{}
		if err := json.Unmarshal(b[8:8+n], &header); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for name, h := range header {
			if h.DType != "F64" {
				t.Fatalf("%s: %s is %s", path, name, h.DType)
			}
			tensor := tolerance.Tensor{Type: kernels.Real(h.Shape...)}
			for at := h.Offsets[0]; at < h.Offsets[1]; at += 8 {
				tensor.V = append(tensor.V, math.Float64frombits(binary.LittleEndian.Uint64(b[8+int(n)+at:])))
			}
			g.tensors[name] = tensor
		}
	}
	return g
}

// golden is one case: it draws operands in the order of the generator's.
type golden struct {
	t    *testing.T
	all  *goldens
	name string
	seed int
}

// open starts the next case; cases are opened in the order of the generator's.
func (g *goldens) open(t *testing.T, name string) *golden {
	g.number++
	return &golden{t, g, name, g.number * 16}
}

func (g *golden) draw(dims ...int) tolerance.Tensor {
	t := tolerance.Tensor{Type: kernels.Real(dims...)}
	t.V = drawn.Numbers(g.seed, t.Type.Shape.Len())
	g.seed++
	return t
}

// affine changes a tensor to scale*x + shift.
func affine(x tolerance.Tensor, scale, shift float64) tolerance.Tensor {
	for i := range x.V {
		x.V[i] = scale*x.V[i] + shift
	}
	return x
}

// want is one of the case's tensors from the file.
func (g *golden) want(name string) tolerance.Tensor {
	full := g.name + "/" + name
	w, ok := g.all.tensors[full]
	if !ok {
		g.t.Fatalf("no golden %s", full)
	}
	g.all.used[full] = true
	return w
}

// run applies an operation with ref and holds its results to the tensors of the
// given names; an empty name passes over a result. It gives the results.
func (g *golden) run(op kernels.Op, names string, in ...tolerance.Tensor) []tolerance.Tensor {
	g.t.Helper()
	g.all.ops[op.Name()] = true
	got, err := testCase{op: op, in: in}.want()
	if err != nil {
		g.t.Fatalf("%s: %v", g.name, err)
	}
	for k, name := range strings.Split(names, ",") {
		if name == "" {
			continue
		}
		w := g.want(name)
		if !w.Type.Shape.Equal(got[k].Type.Shape) {
			g.t.Fatalf("%s/%s is %v, ref gives %v", g.name, name, w.Type.Shape, got[k].Type.Shape)
		}
		for i, v := range w.V {
			if !tolerance.Near(got[k].V[i], v, goldenTolerance*math.Max(1, math.Abs(v))) {
				g.t.Errorf("%s/%s[%d]: ref has %.17g, PyTorch %.17g", g.name, name, i, got[k].V[i], v)
			}
		}
	}
	return got
}

// TestPyTorch holds ref to PyTorch, operation by operation.
func TestPyTorch(t *testing.T) {
	all := readGoldens(t)
	goldenConvolutions(t, all)
	goldenNorms(t, all)
	goldenPools(t, all)
	goldenDense(t, all)
	goldenPointwise(t, all)
	goldenLosses(t, all)
	goldenOptimizers(t, all)
	goldenPixels(t, all)
	goldenCasts(t, all)
	goldenTransposes(t, all)
	goldenBaselines(t, all)
	goldenEntropies(t, all)
	goldenInsides(t, all)
	for name := range all.tensors {
		if !all.used[name] {
			t.Errorf("nothing is held to %s", name)
		}
	}
	for _, name := range contracts(t) {
		if !all.ops[name] {
			t.Errorf("operation %s has no golden", name)
		}
	}
}

package lockstep

import (
	"errors"
	"math"
	"strings"
	"testing"

	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/ref"
)

// program is a small training step: a convolution, its normalisation, a loss,
// gradients, an update in place; temporaries and slots, reals and integers.
func program(t *testing.T) (*kernels.Program, kernels.State) {
	t.Helper()
	spec, err := kernels.NewStateSpec(
		kernels.Group{Name: "weights", Slots: []kernels.Slot{{Name: "w", Type: kernels.Real(4, 3, 3, 2)}}},
		kernels.Group{Name: "gradients", Slots: []kernels.Slot{{Name: "dw", Type: kernels.Real(4, 3, 3, 2)}}},
		kernels.Group{Name: "moments", Slots: []kernels.Slot{{Name: "m", Type: kernels.Real(4, 3, 3, 2)}}},
		kernels.Group{Name: "rest", Slots: []kernels.Slot{
			{Name: "x", Type: kernels.Real(2, 6, 5, 2)}, {Name: "hyper", Type: kernels.Real(1)},
			{Name: "seed", Type: kernels.Real()}, {Name: "loss", Type: kernels.Real(2)},
		}},
		kernels.Group{Name: "labels", Slots: []kernels.Slot{{Name: "label", Type: kernels.Ints(2)}}},
		kernels.Group{Name: "pixels", Slots: []kernels.Slot{{Name: "pixel", Type: kernels.Bytes(3)}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	p := &kernels.Program{Name: "small"}
	value := func(slot string, typ kernels.Type) int {
		p.Values = append(p.Values, kernels.Value{Type: typ, Slot: slot})
		return len(p.Values) - 1
	}
	instr := func(op kernels.Op, in []int, out ...int) {
		p.Instrs = append(p.Instrs, kernels.Instr{Op: op, In: in, Out: out})
	}
	g := kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}
	two := kernels.Segments{Groups: 1, Shards: 2}
	image, stat := kernels.Real(2, 6, 5, 4), kernels.Real(2, 4)
	x, w, dw := value("x", kernels.Real(2, 6, 5, 2)), value("w", kernels.Real(4, 3, 3, 2)), value("dw", kernels.Real(4, 3, 3, 2))
	y, z, mean, variance := value("", image), value("", image), value("", stat), value("", stat)
	q, loss, prob, dq := value("", stat), value("loss", kernels.Real(2)), value("", stat), value("", stat)
	dz, dy, parts := value("", image), value("", image), value("", kernels.Real(2, 4, 3, 3, 2))
	label, seed := value("label", kernels.Ints(2)), value("seed", kernels.Real())
	wAll, mAll, gAll, hyper := value("weights", kernels.Real(80)), value("moments", kernels.Real(80)), value("gradients", kernels.Real(80)), value("hyper", kernels.Real(1))

	norm := kernels.InstanceNorm{Act: kernels.Leaky, Eps: 1e-5}
	instr(kernels.Conv2D{Geometry: g}, []int{x, w}, y)
	instr(norm, []int{y}, z, mean, variance)
	instr(kernels.GlobalAvgPool{}, []int{z}, q)
	instr(kernels.Focal{Segments: two, Gamma: 2, Scale: 0.5}, []int{q, label}, loss, prob)
	instr(kernels.FocalGrad{Gamma: 2, Scale: 0.5}, []int{q, label, seed}, dq)
	instr(kernels.GlobalAvgPoolGrad{H: 6, W: 5}, []int{dq}, dz)
	instr(kernels.InstanceNormGrad(norm), []int{dz, y, mean, variance}, dy)
	instr(kernels.Conv2DGradW{Geometry: g, Segments: two, R: 3, S: 3}, []int{x, dy}, parts)
	instr(kernels.TreeSum{}, []int{parts}, dw)
	instr(kernels.SGD{Momentum: 0.5}, []int{wAll, mAll, gAll, hyper}, wAll, mAll)
	p.Segments = []kernels.Segment{{Name: "all", To: len(p.Instrs)}}
	return p, fill(t, spec)
}

func fill(t *testing.T, spec *kernels.StateSpec) kernels.State {
	t.Helper()
	s, err := ref.New().NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	put := func(slot string, v []float64) {
		t.Helper()
		if err := s.PutF64(slot, v); err != nil {
			t.Fatal(err)
		}
	}
	for stream, slot := range []string{"x", "w", "m"} {
		typ, _ := spec.Type(slot)
		v := make([]float64, typ.Shape.Len())
		for i := range v {
			v[i] = float64(philox.Uniform(philox.Words(3, 1<<16, [4]uint32{uint32(i), uint32(stream), 0, 0})[0])) - 0.4 + 1e-9
		}
		put(slot, v)
	}
	put("seed", []float64{1})
	put("hyper", []float64{0.01})
	if err := s.PutI32("label", []int32{3, 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutU8("pixel", []uint8{1, 2, 255}); err != nil {
		t.Fatal(err)
	}
	return s
}

// faulty is ref with something done after one instruction.
type faulty struct {
	kernels.Device
	op     string
	damage func(e kernels.Exec, i int) error
}

type faultyExec struct {
	kernels.Exec
	faulty *faulty
}

func (f *faulty) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	e, err := f.Device.Load(p, s)
	return &faultyExec{e, f}, err
}

func (e *faultyExec) RunInstr(i int) error {
	if err := e.Exec.RunInstr(i); err != nil {
		return err
	}
	if e.Program().Instrs[i].Op.Name() != e.faulty.op {
		return nil
	}
	return e.faulty.damage(e, i)
}

// element changes an element in the middle of a result.
func element(k int, change func(v float64) float64) func(e kernels.Exec, i int) error {
	return func(e kernels.Exec, i int) error {
		id := e.Program().Instrs[i].Out[k]
		v := make([]float64, e.Program().Values[id].Type.Shape.Len())
		if err := e.GetValue(id, v); err != nil {
			return err
		}
		v[len(v)/2] = change(v[len(v)/2])
		return e.PutValue(id, v)
	}
}

func TestRefFollowsRef(t *testing.T) {
	p, state := program(t)
	for range 3 { // three steps: the update in place is in the state
		report, err := Run(p, state, ref.New(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Instrs) != len(p.Instrs) || len(report.Failures()) != 0 || report.Worst(1)[0].Worst != 0 {
			t.Fatalf("ref does not follow itself:\n%v", report)
		}
	}
}

// TestUpdateIsKept: a run leaves in the state what the step makes of it.
func TestUpdateIsKept(t *testing.T) {
	p, state := program(t)
	before, after := make([]float64, 72), make([]float64, 72)
	if err := state.GetF64("w", before); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(p, state, ref.New(), 1); err != nil {
		t.Fatal(err)
	}
	if err := state.GetF64("w", after); err != nil {
		t.Fatal(err)
	}
	for i := range before {
		if !(math.Abs(before[i]-after[i]) > 1e-6) || !(math.Abs(before[i]-after[i]) < 0.1) {
			t.Errorf("weight %d goes from %v to %v", i, before[i], after[i])
		}
	}
}

// TestOneFaultIsFound plants a fault in each operation in turn: it alone is
// reported, for the fault does not travel.
func TestOneFaultIsFound(t *testing.T) {
	p, _ := program(t)
	for i, in := range p.Instrs {
		for k := range in.Out {
			for name, change := range map[string]func(float64) float64{
				"a part in a thousand": func(v float64) float64 { return v*1.001 + math.Copysign(1e-3, v) },
				"a NaN":                func(float64) float64 { return math.NaN() },
				"an infinity":          func(float64) float64 { return math.Inf(-1) },
			} {
				_, state := program(t)
				report, err := Run(p, state, &faulty{ref.New(), in.Op.Name(), element(k, change)}, 1)
				if err != nil {
					t.Fatal(err)
				}
				bad := report.Failures()
				if len(bad) != 1 || bad[0].Index != i || bad[0].Result != k || bad[0].Bad != 1 || !(bad[0].Worst > 1) {
					t.Errorf("%s in result %d of %s:\n%v", name, k, in.Op.Name(), report)
				}
				if !strings.Contains(report.String(), p.Line(i)) {
					t.Errorf("the report does not name %s:\n%v", p.Line(i), report)
				}
			}
		}
	}
}

// TestRoundingPasses: results rounded to float32 once pass.
func TestRoundingPasses(t *testing.T) {
	p, state := program(t)
	for _, in := range p.Instrs {
		report, err := Run(p, state, &faulty{ref.New(), in.Op.Name(), element(0, func(v float64) float64 { return float64(float32(v)) })}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Failures()) != 0 {
			t.Error(report)
		}
	}
}

// TestNaNAgrees: where ref has a NaN a NaN is right, and lockstep goes on.
func TestNaNAgrees(t *testing.T) {
	p, state := program(t)
	v := make([]float64, 120)
	if err := state.GetF64("x", v); err != nil {
		t.Fatal(err)
	}
	v[7] = math.NaN()
	if err := state.PutF64("x", v); err != nil {
		t.Fatal(err)
	}
	report, err := Run(p, state, ref.New(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Failures()) != 0 {
		t.Error(report)
	}
}

// TestDeviceErrors: a device that fails is an error that names the instruction.
func TestDeviceErrors(t *testing.T) {
	p, state := program(t)
	broken := errors.New("broken")
	_, err := Run(p, state, &faulty{ref.New(), "tree_sum", func(kernels.Exec, int) error { return broken }}, 1)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "tree_sum") {
		t.Errorf("%v", err)
	}
}

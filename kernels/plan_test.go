package kernels_test

import (
	"testing"

	"g2c/kernels"
	"g2c/kernels/kernelstest"
)

var layout = kernels.Layout{F32: 4, I32: 4, U8: 1}

// values makes a program of instructions over temporaries of n reals each; value
// 0 is slot x. Each instruction is an operation, its operands and its results.
func values(n int, instrs ...kernels.Instr) *kernels.Program {
	p := &kernels.Program{Name: "values", Instrs: instrs, Segments: []kernels.Segment{{Name: "all", To: len(instrs)}}}
	last := 0
	for _, in := range instrs {
		for _, id := range in.Out {
			last = max(last, id)
		}
	}
	for range last + 1 {
		p.Values = append(p.Values, kernels.Value{Type: kernels.Real(n)})
	}
	p.Values[0].Slot = "x"
	return p
}

func do(op kernels.Op, out int, in ...int) kernels.Instr {
	return kernels.Instr{Op: op, In: in, Out: []int{out}}
}

func TestPlan(t *testing.T) {
	relu, grad := kernels.Activation{Act: kernels.ReLU}, kernels.ActivationGrad{Act: kernels.ReLU}
	const block = 128 // 20 reals, rounded up to 64 bytes
	for _, c := range []struct {
		name   string
		p      *kernels.Program
		blocks int64 // the arena, in blocks
	}{
		{"a chain in place", values(20, do(relu, 1, 0), do(relu, 2, 1), do(relu, 3, 2)), 1},
		{"a copy is not in place, but reuses what died", values(20, do(kernels.Copy{}, 1, 0), do(kernels.Copy{}, 2, 1), do(kernels.Copy{}, 3, 2)), 2},
		{"an operand that is read again", values(20, do(relu, 1, 0), do(relu, 2, 1), do(kernels.Add{}, 3, 1, 2)), 2},
		{"an operand that is not the one overwritten", values(20, do(relu, 1, 0), do(grad, 2, 0, 1)), 2},
		{"an operand twice", values(20, do(relu, 1, 0), do(kernels.Add{}, 2, 1, 1)), 2},
		{"a slot is not taken over", values(20, do(relu, 1, 0)), 1},
		{"a result that nobody reads", values(20, do(relu, 1, 0), do(relu, 2, 0), do(kernels.Copy{}, 3, 1)), 2},
	} {
		plan := kernels.NewPlan(c.p, layout)
		if err := kernelstest.CheckPlan(c.p, plan, layout); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if plan.Arena != c.blocks*block {
			t.Errorf("%s: the arena has %d bytes, want %d blocks of %d", c.name, plan.Arena, c.blocks, block)
		}
		if want := int64(len(c.p.Values)-1) * block; plan.Sum != want {
			t.Errorf("%s: all buffers take %d bytes, want %d", c.name, plan.Sum, want)
		}
	}
}

// TestCheckPlanNotices damages plans: the slow check must see it.
func TestCheckPlanNotices(t *testing.T) {
	p := values(20, do(kernels.Copy{}, 1, 0), do(kernels.Copy{}, 2, 0), do(kernels.Add{}, 3, 1, 2), do(kernels.Copy{}, 4, 3))
	for name, damage := range map[string]func(plan *kernels.Plan){
		"two values in one place":      func(plan *kernels.Plan) { plan.Offsets[2] = plan.Offsets[1] },
		"a value half over another":    func(plan *kernels.Plan) { plan.Offsets[2] = plan.Offsets[1] + 64; plan.Arena = 1 << 20 },
		"a copy in place":              func(plan *kernels.Plan) { plan.Offsets[4] = plan.Offsets[3] },
		"a sum over its other operand": func(plan *kernels.Plan) { plan.Offsets[3] = plan.Offsets[2] },
		"a value past the end":         func(plan *kernels.Plan) { plan.Arena -= 64 },
		"a value off its alignment":    func(plan *kernels.Plan) { plan.Offsets[1] = 4 * kernels.ArenaAlign / 16 },
		"a value without a place":      func(plan *kernels.Plan) { plan.Offsets[1] = -1 },
		"a slot with a place":          func(plan *kernels.Plan) { plan.Offsets[0] = 0 },
	} {
		plan := kernels.NewPlan(p, layout)
		if err := kernelstest.CheckPlan(p, plan, layout); err != nil {
			t.Fatal(err)
		}
		damage(plan)
		if err := kernelstest.CheckPlan(p, plan, layout); err == nil {
			t.Errorf("%s passes: %v", name, plan.Offsets)
		}
	}
}

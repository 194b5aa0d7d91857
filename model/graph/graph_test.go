package graph

import (
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/kernels"
)

// scalarState is a state with the seed, and with outputs and inputs of given
// types by name.
func scalarState(t *testing.T, slots ...kernels.Slot) *kernels.StateSpec {
	t.Helper()
	groups := []kernels.Group{{Name: "group/seed", Slots: []kernels.Slot{{Name: Seed, Type: kernels.Real()}}}}
	for _, s := range slots {
		groups = append(groups, kernels.Group{Name: "group/" + s.Name, Slots: []kernels.Slot{s}})
	}
	spec, err := kernels.NewStateSpec(groups...)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// dump builds, differentiates and compiles a probe. With collide every node has
// the same hash in gorgonia's eyes.
func dump(t *testing.T, p probe, collide bool) (string, error) {
	t.Helper()
	in := &inputs{ints: map[string]int{}}
	var loss *Value
	b, err := Build(p.shards, func(b *Builder) {
		b.collide = collide
		in.Builder = b
		loss = p.define(in)
		if len(loss.Shape()) > 0 {
			loss = b.MSE(loss, 0.3, 1)
		}
	})
	if err != nil {
		return "", err
	}
	grads, err := b.Differentiate(loss, in.wrt)
	if err != nil {
		return "", err
	}
	plan := Plan{Name: p.name, Outputs: []Output{{Slot: testLoss, Value: loss}}}
	slots := append(slices.Clone(in.slots), kernels.Slot{Name: testLoss, Type: kernels.Real()})
	for i, w := range in.wrt {
		plan.Outputs = append(plan.Outputs, Output{Slot: "grad/" + w.Name, Value: grads[i]})
		slots = append(slots, kernels.Slot{Name: "grad/" + w.Name, Type: w.slot.Type})
	}
	program, err := b.Compile(plan, scalarState(t, slots...))
	if err != nil {
		return "", err
	}
	return program.String(), nil
}

// TestCollisions forces the hash of every node of ours to collide: gorgonia then
// takes nodes for others, and the builder must either not be misled or say so.
func TestCollisions(t *testing.T) {
	same, refused := 0, 0
	for _, p := range probes() {
		want, err := dump(t, p, false)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		switch got, err := dump(t, p, true); {
		case err != nil:
			refused++
		case got != want:
			t.Errorf("%s: collisions change the program\n%s\nto\n%s", p.name, want, got)
		default:
			same++
		}
	}
	t.Logf("%d programs unharmed, %d refused", same, refused)
	if same == 0 || refused == 0 {
		t.Errorf("%d programs unharmed and %d refused: collisions were not forced", same, refused)
	}
}

// TestSharing: the same operation on the same operands is one node.
func TestSharing(t *testing.T) {
	_, err := Build(1, func(b *Builder) {
		x := b.Slot("x", kernels.Real(2, 3))
		if b.Affine(x, 2, 1) != b.Affine(x, 2, 1) {
			t.Error("one operation became two nodes")
		}
		if b.Affine(x, 2, 1) == b.Affine(x, 2, 1.5) {
			t.Error("two operations became one node")
		}
		if b.Param("w", 3) != b.Param("w", 3) || len(b.Params()) != 1 {
			t.Errorf("one parameter became %d", len(b.Params()))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSumOrder builds a value with many uses, the uses in different orders: the
// gradient's bits are the same, though another order of the sum has others.
func TestSumOrder(t *testing.T) {
	factors := []float64{1, 1e8, -1e8, 3e-7, 7.3, -0.11}
	grad := func(order []int) []float64 {
		l := load(t, probe{"uses", 1, func(in *inputs) *Value {
			x := in.act("x", 4, 3)
			terms := make([]*Value, len(factors))
			for _, k := range order {
				terms[k] = in.MSE(in.Affine(x, factors[k], 0.1), 0.5, 1)
			}
			sum := make([]*Value, len(order))
			for i, k := range order {
				sum[i] = terms[k]
			}
			return in.Add(sum...)
		}})
		l.loss(t)
		return append(l.get(t, "grad/x"), l.get(t, testLoss)...)
	}
	want := grad([]int{0, 1, 2, 3, 4, 5})
	for _, order := range [][]int{{5, 4, 3, 2, 1, 0}, {2, 0, 4, 1, 5, 3}, {1, 2, 3, 4, 5, 0}} {
		if got := grad(order); !slices.Equal(got, want) {
			t.Errorf("uses in the order %v give %v, want %v", order, got, want)
		}
	}
	a, b, c := 1e8*1e8, 3e-7, -1e8*1e8
	if a+b+c == a+c+b {
		t.Error("the factors do not tell orders apart")
	}
}

// TestErrors: what a graph refuses, and the words it uses.
func TestErrors(t *testing.T) {
	x := kernels.Real(2, 4)
	for _, c := range []struct {
		name, want string
		define     func(b *Builder)
	}{
		{"a slot of two types", "slot x is f32[2,4] and f32[4,2]", func(b *Builder) { b.Slot("x", x); b.Slot("x", kernels.Real(4, 2)) }},
		{"operands that do not fit", "linear: w is f32[3,5], want [3,4]", func(b *Builder) {
			b.Linear(b.Slot("x", x), b.Param("w", 3, 5), b.Param("b", 3), 1)
		}},
		{"samples that do not divide", "2 samples do not divide into 1 groups of 3 shards", func(b *Builder) {
			b.Shards = 3
			b.MSE(b.Slot("x", x), 0, 1)
		}},
		{"a loss of labels", "focal: operands", func(b *Builder) { b.Focal(b.Slot("x", x), b.Slot("y", x), 2, 2) }},
	} {
		if _, err := Build(1, c.define); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestDifferentiateErrors(t *testing.T) {
	x := kernels.Real(2, 4)
	apply := func(rule Rule) func(b *Builder) *Value {
		return func(b *Builder) *Value {
			return b.MSE(b.one(kernels.Affine{Scale: 1}, []bool{true}, rule, b.Param("w", 2, 4)), 0, 1)
		}
	}
	for _, c := range []struct {
		name, want string
		loss       func(b *Builder) *Value
	}{
		{"a loss that is no scalar", "want a scalar", func(b *Builder) *Value { return b.Affine(b.Param("w", 2, 4), 2, 0) }},
		{"a parameter without influence", "Non Differentiable WRTs: map[w", func(b *Builder) *Value {
			b.Param("w", 2, 4)
			return b.MSE(b.Slot("x", x), 0, 1)
		}},
		{"an operation without a gradient", "Non Differentiable WRTs: map[w", func(b *Builder) *Value { return b.MSE(b.Softmax(b.Param("w", 2, 4)), 0, 1) }},
		{"no rule", "has no gradient", apply(nil)},
		{"too few gradients", "0 gradients for 1 operands", apply(func(Gradient) []*Value { return nil })},
		{"a missing gradient", "no gradient by operand 0", apply(func(Gradient) []*Value { return []*Value{nil} })},
		{"a gradient of another shape", "gradient by operand 0 is", apply(func(g Gradient) []*Value {
			return []*Value{g.In[0].flat(g)}
		})},
	} {
		var loss *Value
		b, err := Build(1, func(b *Builder) { loss = c.loss(b) })
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, err := b.Differentiate(loss, b.Params()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// flat is a value that has another shape than the operand.
func (v *Value) flat(g Gradient) *Value {
	b := v.node.Op().(*op).builder
	return b.one(kernels.Slice{Axis: 1, From: 0, To: 1}, nil, nil, g.D)
}

func TestSecondDifferentiation(t *testing.T) {
	in := &inputs{}
	var loss *Value
	b, err := Build(1, func(b *Builder) {
		in.Builder = b
		loss = b.MSE(in.act("x", 2, 4), 0, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Differentiate(loss, in.wrt); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Differentiate(loss, in.wrt); err == nil || !strings.Contains(err.Error(), "second time") {
		t.Errorf("a second differentiation: %v", err)
	}
}

func TestCompileErrors(t *testing.T) {
	x := kernels.Real(2, 4)
	slots := []kernels.Slot{{Name: "x", Type: x}, {Name: "y", Type: x}, {Name: "short", Type: kernels.Real(3)}}
	for _, c := range []struct {
		name, want string
		plan       func(b *Builder, x *Value) Plan
	}{
		{"a slot bound twice", "slot y is bound twice", func(b *Builder, x *Value) Plan {
			return Plan{Outputs: []Output{{Slot: "y", Value: b.Affine(x, 2, 0)}, {Slot: "y", Value: b.Affine(x, 3, 0)}}}
		}},
		{"a slot read and written", "read and written", func(b *Builder, x *Value) Plan {
			return Plan{Outputs: []Output{{Slot: "x", Value: b.Affine(x, 2, 0)}}}
		}},
		{"a slot of another size", "wants slot short", func(b *Builder, x *Value) Plan {
			return Plan{Outputs: []Output{{Slot: "short", Value: b.Affine(x, 2, 0)}}}
		}},
		{"a slot that is not there", "wants slot z", func(b *Builder, x *Value) Plan {
			return Plan{Outputs: []Output{{Slot: "z", Value: b.Affine(x, 2, 0)}}}
		}},
		{"an update of nothing", "update of slot z", func(b *Builder, x *Value) Plan {
			return Plan{Outputs: []Output{{Slot: "y", Value: b.Affine(x, 2, 0)}}, Updates: []Update{{Op: kernels.Copy{}, In: []string{"z"}, Out: []string{"y"}}}}
		}},
	} {
		var plan Plan
		b, err := Build(1, func(b *Builder) { plan = c.plan(b, b.Slot("x", x)) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Compile(plan, scalarState(t, slots...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestOneValueInTwoSlots copies what is already in a slot.
func TestOneValueInTwoSlots(t *testing.T) {
	x := kernels.Real(2, 4)
	var plan Plan
	in := &inputs{}
	b, err := Build(1, func(b *Builder) {
		in.Builder = b
		v := in.act("x", 2, 4)
		y := b.Affine(v, 2, 0)
		plan.Outputs = []Output{{Slot: "y", Value: y}, {Slot: "z", Value: y}, {Slot: "copy", Value: v}}
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := scalarState(t, kernels.Slot{Name: "x", Type: x}, kernels.Slot{Name: "y", Type: x}, kernels.Slot{Name: "z", Type: x}, kernels.Slot{Name: "copy", Type: x})
	p, err := b.Compile(plan, spec)
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, in, p, spec)
	if err := l.exec.Run(); err != nil {
		t.Fatal(err)
	}
	for i, v := range l.get(t, "x") {
		if y, z, c := l.get(t, "y")[i], l.get(t, "z")[i], l.get(t, "copy")[i]; y != 2*v || z != y || c != v {
			t.Errorf("element %d: x %v, y %v, z %v, copy %v", i, v, y, z, c)
		}
	}
}

// TestDeadNodes: what no output needs is not computed.
func TestDeadNodes(t *testing.T) {
	x := kernels.Real(2, 4)
	var plan Plan
	b, err := Build(1, func(b *Builder) {
		v := b.Slot("x", x)
		b.Activate(v, kernels.Tanh)
		plan.Outputs = []Output{{Slot: "y", Value: b.Affine(v, 2, 0)}}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Compile(plan, scalarState(t, kernels.Slot{Name: "x", Type: x}, kernels.Slot{Name: "y", Type: x}))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Instrs) != 1 {
		t.Errorf("a dead node is computed:\n%v", p)
	}
}

// TestSeed: gradients scale with the seed, which lets a loss scale in.
func TestSeed(t *testing.T) {
	l := load(t, probe{"seed", 2, func(in *inputs) *Value { return in.Activate(in.act("x", 2, 3), kernels.Tanh) }})
	l.loss(t)
	one := l.get(t, "grad/x")
	l.put(t, Seed, []float64{8})
	l.loss(t)
	for i, g := range l.get(t, "grad/x") {
		if !(math.Abs(g-8*one[i]) <= 1e-15) {
			t.Errorf("element %d: %v under a seed of 8, %v under 1", i, g, one[i])
		}
	}
}

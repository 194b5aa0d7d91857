package graph

import (
	"fmt"
	"math"
	"testing"

	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/ref"
)

// probe is a small network that ends in one value; its loss is the MSE of that
// value unless it is a scalar already.
type probe struct {
	name   string
	shards int
	define func(in *inputs) *Value
}

// inputs declares the slots that a probe reads.
type inputs struct {
	*Builder
	slots []kernels.Slot
	wrt   []*Param
	ints  map[string]int // number of classes of an integer slot
}

// act is an activation: its gradient has its own shape, whatever the shards.
func (in *inputs) act(name string, dims ...int) *Value {
	s := in.Slot(name, kernels.Real(dims...))
	in.slots = append(in.slots, kernels.Slot{Name: name, Type: s.Type})
	in.wrt = append(in.wrt, &Param{Name: name, Value: s, slot: s})
	return s
}

// param is a parameter, lent to every shard.
func (in *inputs) param(name string, dims ...int) *Value {
	v := in.Param(name, dims...)
	in.slots = append(in.slots, kernels.Slot{Name: name, Type: kernels.Real(dims...)})
	in.wrt = append(in.wrt, in.Params()[len(in.Params())-1])
	return v
}

// data has no gradient.
func (in *inputs) data(name string, dims ...int) *Value {
	s := in.Slot(name, kernels.Real(dims...))
	in.slots = append(in.slots, kernels.Slot{Name: name, Type: s.Type})
	return s
}

func (in *inputs) labels(name string, n, classes int) *Value {
	in.ints[name] = classes
	s := in.Slot(name, kernels.Ints(n))
	in.slots = append(in.slots, kernels.Slot{Name: name, Type: s.Type})
	return s
}

// loaded is a probe on the reference device, with its gradients in slots.
type loaded struct {
	state kernels.State
	exec  kernels.Exec
	in    *inputs
}

const testLoss = "the loss"

func load(t *testing.T, p probe) *loaded {
	t.Helper()
	in := &inputs{ints: map[string]int{}}
	var loss *Value
	b, err := Build(p.shards, func(b *Builder) {
		in.Builder = b
		loss = p.define(in)
		if n := loss.Shape().Len(); len(loss.Shape()) > 0 {
			loss = b.MSE(loss, 0.3, float64(n)) // the plain sum of squares
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	grads, err := b.Differentiate(loss, in.wrt)
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Name: p.name, Outputs: []Output{{Slot: testLoss, Value: loss}}}
	groups := []kernels.Group{{Name: "scalars", Slots: []kernels.Slot{{Name: Seed, Type: kernels.Real()}, {Name: testLoss, Type: kernels.Real()}}}}
	for _, s := range in.slots {
		groups = append(groups, kernels.Group{Name: "group/" + s.Name, Slots: []kernels.Slot{s}})
	}
	for i, w := range in.wrt {
		plan.Outputs = append(plan.Outputs, Output{Slot: "grad/" + w.Name, Value: grads[i]})
		groups = append(groups, kernels.Group{Name: "group/grad/" + w.Name, Slots: []kernels.Slot{{Name: "grad/" + w.Name, Type: w.slot.Type}}})
	}
	spec, err := kernels.NewStateSpec(groups...)
	if err != nil {
		t.Fatal(err)
	}
	program, err := b.Compile(plan, spec)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, in, program, spec)
}

func open(t *testing.T, in *inputs, program *kernels.Program, spec *kernels.StateSpec) *loaded {
	t.Helper()
	d := ref.New()
	l := &loaded{in: in}
	var err error
	if l.state, err = d.NewState(spec); err != nil {
		t.Fatal(err)
	}
	if l.exec, err = d.Load(program, l.state); err != nil {
		t.Fatal(err)
	}
	l.put(t, Seed, []float64{1})
	for i, s := range in.slots {
		if s.Type.DType == kernels.I32 {
			v := make([]int32, s.Type.Shape.Len())
			for k := range v {
				v[k] = int32(k * 5 % in.ints[s.Name])
			}
			if err := l.state.PutI32(s.Name, v); err != nil {
				t.Fatal(err)
			}
			continue
		}
		l.put(t, s.Name, uniform(i, s.Type.Shape.Len()))
	}
	return l
}

// uniform draws n numbers in [-1,1).
func uniform(stream, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		w := philox.Words(11, 1<<16, [4]uint32{uint32(i / 4), uint32(stream), 0, 0})
		v[i] = 2*float64(philox.Uniform(w[i%4])) - 1
	}
	return v
}

func (l *loaded) put(t *testing.T, slot string, v []float64) {
	t.Helper()
	if err := l.state.PutF64(slot, v); err != nil {
		t.Fatal(err)
	}
}

func (l *loaded) get(t *testing.T, slot string) []float64 {
	t.Helper()
	typ, _ := l.state.Spec().Type(slot)
	v := make([]float64, typ.Shape.Len())
	if err := l.state.GetF64(slot, v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (l *loaded) loss(t *testing.T) float64 {
	t.Helper()
	if err := l.exec.Run(); err != nil {
		t.Fatal(err)
	}
	return l.get(t, testLoss)[0]
}

// TestDifferences compares every gradient with central differences in float64.
func TestDifferences(t *testing.T) {
	for _, p := range probes() {
		t.Run(fmt.Sprintf("%s/shards=%d", p.name, p.shards), func(t *testing.T) {
			l := load(t, p)
			l.loss(t)
			grads := map[string][]float64{}
			for _, w := range l.in.wrt {
				grads[w.Name] = l.get(t, "grad/"+w.Name)
			}
			for _, w := range l.in.wrt {
				l.compare(t, w.Name, grads[w.Name])
			}
		})
	}
}

// compare holds the gradient by one slot, every element, to differences of the
// loss. With a step of h = 2^-18 truncation and rounding both stay near 1e-9 for
// losses of the order of ten.
func (l *loaded) compare(t *testing.T, slot string, grad []float64) {
	t.Helper()
	const h, tolerance = 0x1p-18, 2e-7
	x := l.get(t, slot)
	moved := false
	for i := range x {
		old := x[i]
		x[i] = old + h
		l.put(t, slot, x)
		up := l.loss(t)
		x[i] = old - h
		l.put(t, slot, x)
		down := l.loss(t)
		x[i] = old
		want := (up - down) / (2 * h)
		if !(math.Abs(grad[i]-want) <= tolerance*(1+math.Abs(want))) {
			t.Errorf("gradient by %s[%d] is %.9g, differences say %.9g", slot, i, grad[i], want)
		}
		moved = moved || math.Abs(want) > 1e-4
	}
	l.put(t, slot, x)
	if !moved {
		t.Errorf("the loss hardly depends on %s: nothing is tested", slot)
	}
}

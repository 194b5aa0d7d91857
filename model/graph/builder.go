package graph

import (
	"fmt"
	"strings"

	"gonum.org/v1/gonum/graph"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"g2c/kernels"
)

// Builder makes one graph. Its methods panic with a build error where operands
// do not fit; Build turns that into an error.
type Builder struct {
	// Shards is V, the number of logical shards of the batch that the graph sees.
	Shards int
	// HalfGradients rounds every node of the sums over shards of parameters' gradients to
	// bf16. Other sums over shards stay float32.
	HalfGradients bool

	g       *G.ExprGraph
	serial  uint32
	shared  map[string]*Value
	values  map[*G.Node]*Value
	params  []*Param
	terms   map[*G.Node][]*G.Node // gradient terms by node, in the order made
	collide bool
	derived bool
	made    []made   // operations, by serial number less one
	whole   *Builder // of a part of its shards
}

// Value is a node of the graph with the type that kernels see. A replicated
// value has one more axis in gorgonia's eyes.
type Value struct {
	Type kernels.Type
	node *G.Node
	slot string
}

// Shape is the value's shape, as kernels see it.
func (v *Value) Shape() kernels.Shape { return v.Type.Shape }

// Param is a trainable slot.
type Param struct {
	Name string
	// Value is the parameter as operations use it: lent to every shard.
	Value *Value
	slot  *Value
}

// buildError is what the Builder panics with.
type buildError struct{ err error }

func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case buildError:
		*err = r.err
	default:
		panic(r)
	}
}

func fail(format string, a ...any) {
	panic(buildError{fmt.Errorf("graph: "+format, a...)})
}

// Fail ends the building of a graph, whose error it becomes.
func (b *Builder) Fail(format string, a ...any) { fail(format, a...) }

// Build runs define on a new Builder for the given number of logical shards.
func Build(shards int, define func(b *Builder)) (*Builder, error) {
	return build(shards, nil, define)
}

func build(shards int, whole *Builder, define func(b *Builder)) (b *Builder, err error) {
	b = &Builder{
		Shards: shards,
		whole:  whole,
		g:      G.NewGraph(),
		shared: map[string]*Value{},
		values: map[*G.Node]*Value{},
		terms:  map[*G.Node][]*G.Node{},
	}
	defer catch(&err)
	define(b)
	return b, nil
}

// Slot is an input bound to a slot of the State. The same name gives the same
// value.
func (b *Builder) Slot(name string, t kernels.Type) *Value {
	key := "slot " + name
	if v, ok := b.shared[key]; ok {
		if !v.Type.Equal(t) {
			fail("slot %s is %v and %v", name, v.Type, t)
		}
		return v
	}
	// gorgonia sees real numbers only; what the kernel sees is in our type.
	n := G.NewTensor(b.g, tensor.Float32, len(t.Shape), G.WithShape(t.Shape...), G.WithName(name))
	if _, taken := b.values[n]; taken {
		fail("gorgonia merged slot %s with another", name)
	}
	v := &Value{Type: t, node: n, slot: name}
	b.shared[key], b.values[n] = v, v
	return v
}

// Param is a trainable slot of real numbers, lent to every shard.
func (b *Builder) Param(name string, dims ...int) *Value {
	s := b.Slot(name, kernels.Real(dims...))
	for _, p := range b.params {
		if p.slot == s {
			return p.Value
		}
	}
	p := &Param{Name: name, Value: b.Replicate(s), slot: s}
	b.params = append(b.params, p)
	return p.Value
}

// Params lists the parameters in the order they were first used.
func (b *Builder) Params() []*Param { return b.params }

// Replicate lends a value to every shard: gorgonia sees (V,...), kernels see the
// value itself. Its gradient is the tree sum over shards.
func (b *Builder) Replicate(x *Value) *Value {
	shape := append(tensor.Shape{b.Shards}, x.Shape()...)
	o := &op{kind: replicate, shape: shape, results: []kernels.Type{x.Type}, diff: []bool{true}}
	o.rule = func(g Gradient) []*Value { return []*Value{b.treeSum(kernels.TreeSum{Half: b.HalfGradients}, g.D)} }
	return b.add(o, x)
}

// Apply applies a kernel operation. diff says by which operands it can be
// differentiated; rule gives those gradients. Operations with several results
// return one value for each.
func (b *Builder) Apply(k kernels.Op, diff []bool, rule Rule, in ...*Value) []*Value {
	types := make([]kernels.Type, len(in))
	for i, v := range in {
		types[i] = v.Type
	}
	results, err := k.Infer(types)
	if err != nil {
		fail("%w", err)
	}
	o := &op{kernel: k, results: results, diff: diff, rule: rule}
	if o.diff == nil {
		o.diff = make([]bool, len(in))
	}
	if len(results) == 1 {
		o.shape = tensor.Shape(results[0].Shape).Clone()
		return []*Value{b.add(o, in...)}
	}
	o.kind = tuple
	total := 0
	for _, t := range results {
		total += t.Shape.Len()
	}
	o.shape = tensor.Shape{total}
	packed := b.add(o, in...)
	out := make([]*Value, len(results))
	for i := range out {
		out[i] = b.pick(packed, i)
	}
	return out
}

// one applies an operation with one result.
func (b *Builder) one(k kernels.Op, diff []bool, rule Rule, in ...*Value) *Value {
	return b.Apply(k, diff, rule, in...)[0]
}

// pick is one result of a tuple. Only result 0 passes gradients on.
func (b *Builder) pick(packed *Value, i int) *Value {
	t := packed.node.Op().(*op).results[i]
	o := &op{kind: selection, index: i, shape: tensor.Shape(t.Shape).Clone(), results: []kernels.Type{t}, diff: []bool{i == 0}}
	if i == 0 {
		o.rule = func(g Gradient) []*Value { return []*Value{g.D} }
	}
	return b.add(o, packed)
}

// result is one result of the operation that made a node.
func (b *Builder) result(n *G.Node, i int) *Value {
	if o, ok := n.Op().(*op); ok && o.kind == tuple {
		return b.pick(b.value(n), i)
	}
	return b.value(n)
}

// value is the Value of any node, the sums that gorgonia adds included.
func (b *Builder) value(n *G.Node) *Value {
	if v, ok := b.values[n]; ok {
		return v
	}
	if !isGorgoniaSum(n) {
		fail("node %v was made by nobody", n)
	}
	v := &Value{Type: b.value(children(n)[0]).Type, node: n}
	b.values[n] = v
	return v
}

// add makes a node, or returns the one made before from the same operation and
// operands.
func (b *Builder) add(o *op, in ...*Value) *Value {
	key := o.key(in)
	if v, ok := b.shared[key]; ok {
		return v
	}
	b.serial++
	o.builder, o.serial = b, b.serial
	nodes := make(G.Nodes, len(in))
	for i, v := range in {
		nodes[i] = v.node
		o.ranks = append(o.ranks, len(v.node.Shape()))
	}
	n, err := G.ApplyOp(o, nodes...)
	if err != nil {
		fail("%v: %w", o, err)
	}
	if got, ok := n.Op().(*op); !ok || got != o || !sameNodes(children(n), nodes) {
		fail("gorgonia merged %v with another node", o)
	}
	v := &Value{node: n}
	if o.kind != tuple {
		v.Type = o.results[0]
	}
	b.shared[key], b.values[n] = v, v
	b.record(o, nodes)
	return v
}

// key tells operations with their operands apart exactly.
func (o *op) key(in []*Value) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d %v %v", o.kind, o, o.shape)
	for _, v := range in {
		fmt.Fprintf(&s, " %d", v.node.ID())
	}
	return s.String()
}

func children(n *G.Node) []*G.Node {
	from := graph.NodesOf(n.Graph().From(n.ID()))
	nodes := make([]*G.Node, len(from))
	for i, c := range from {
		nodes[i] = c.(*G.Node)
	}
	return nodes
}

func sameNodes(a []*G.Node, b G.Nodes) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

package graph

import (
	"errors"
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"g2c/kernels"
)

// kind is what a node of ours stands for.
type kind uint8

const (
	apply     kind = iota // one kernel operation with one result
	tuple                 // one kernel operation with several results, packed
	selection             // one result of a tuple
	replicate             // a value lent to every shard
)

// op is a gorgonia operation of ours. It implements gorgonia's Op and SDOp and
// computes nothing.
type op struct {
	builder *Builder
	serial  uint32
	kind    kind
	kernel  kernels.Op // apply, tuple
	index   int        // selection
	ranks   []int      // of the operands, as gorgonia sees them
	shape   tensor.Shape
	results []kernels.Type
	diff    []bool
	rule    Rule
}

// Rule gives the gradient of an operation by each operand, nil where there is
// none. It must not change the slices it is given.
type Rule func(g Gradient) []*Value

// Gradient is what a rule works from: the operands, the results and the gradient
// d by result 0, the only one that may be differentiated through.
type Gradient struct {
	In  []*Value
	Out func(i int) *Value
	D   *Value
}

// nodeType is gorgonia's type of a tensor; a scalar has a type of its own.
func nodeType(rank int) hm.Type {
	if rank == 0 {
		return tensor.Float32
	}
	return G.TensorType{Dims: rank, Of: tensor.Float32}
}

// Arity implements gorgonia.Op.
func (o *op) Arity() int { return len(o.ranks) }

// Type implements gorgonia.Op. gorgonia returns function types to a pool, so
// each call makes a new one.
func (o *op) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.ranks)+1)
	for _, r := range o.ranks {
		ts = append(ts, nodeType(r))
	}
	return hm.NewFnType(append(ts, nodeType(len(o.shape)))...)
}

// InferShape implements gorgonia.Op. The shape was inferred by the kernel's
// contract; here only the ranks are checked, which gorgonia does not do.
func (o *op) InferShape(in ...G.DimSizer) (tensor.Shape, error) {
	if len(in) != len(o.ranks) {
		return nil, fmt.Errorf("%v: %d operands, want %d", o, len(in), len(o.ranks))
	}
	for i, d := range in {
		if s, ok := d.(tensor.Shape); ok && len(s) != o.ranks[i] {
			return nil, fmt.Errorf("%v: operand %d has shape %v, want rank %d", o, i, s, o.ranks[i])
		}
	}
	return o.shape.Clone(), nil
}

var errGraphOnly = errors.New("graph: operations are compiled, not run by gorgonia")

// Do implements gorgonia.Op.
func (o *op) Do(...G.Value) (G.Value, error) { return nil, errGraphOnly }

// ReturnsPtr implements gorgonia.Op.
func (o *op) ReturnsPtr() bool { return false }

// CallsExtern implements gorgonia.Op.
func (o *op) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op.
func (o *op) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op: the serial number alone tells operations
// apart.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "g2c#%d", o.hashed()) }

// Hashcode implements gorgonia.Op.
func (o *op) Hashcode() uint32 { return o.hashed() }

// hashed is the serial number, or one number for all where a test forces every
// hash to collide.
func (o *op) hashed() uint32 {
	if o.builder.collide {
		return 1
	}
	return o.serial
}

// String implements fmt.Stringer.
func (o *op) String() string {
	switch o.kind {
	case selection:
		return fmt.Sprintf("select{%d}", o.index)
	case replicate:
		return "replicate"
	}
	return o.kernel.Name() + "{" + o.kernel.Attrs() + "}"
}

// DiffWRT implements gorgonia.SDOp.
func (o *op) DiffWRT(n int) []bool {
	d := make([]bool, n)
	copy(d, o.diff)
	return d
}

// SymDiff implements gorgonia.SDOp by the operation's rule.
func (o *op) SymDiff(in G.Nodes, out, d *G.Node) (grads G.Nodes, err error) {
	defer catch(&err)
	if o.rule == nil {
		return nil, fmt.Errorf("%v has no gradient", o)
	}
	b := o.builder
	g := Gradient{D: b.value(d), Out: func(i int) *Value { return b.result(out, i) }}
	for _, n := range in {
		g.In = append(g.In, b.value(n))
	}
	terms := o.rule(g)
	if len(terms) != len(in) {
		return nil, fmt.Errorf("%v: %d gradients for %d operands", o, len(terms), len(in))
	}
	grads = make(G.Nodes, len(in))
	for i, t := range terms {
		if t == nil {
			if o.diff[i] {
				return nil, fmt.Errorf("%v: no gradient by operand %d", o, i)
			}
			continue
		}
		if !t.node.Shape().Eq(in[i].Shape()) && o.kind != selection {
			return nil, fmt.Errorf("%v: gradient by operand %d is %v, operand is %v", o, i, t.node.Shape(), in[i].Shape())
		}
		grads[i] = t.node
		if o.diff[i] {
			b.terms[in[i]] = append(b.terms[in[i]], t.node)
		}
	}
	return grads, nil
}

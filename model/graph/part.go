package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
)

// made is an operation of a graph: what its counterpart in the graph of a part is
// held to, and named by.
type made struct {
	title, kernel string
	kind          kind
	operands      []int64
}

// BuildPart runs define on a new Builder for a part of the shards of a graph that is
// finished, its differentiation included. define must do what it did for the whole,
// on fewer samples. The order of sums goes by what the terms are, their shapes
// included; a part takes the whole's, so that its shards have the whole's bits.
func BuildPart(whole *Builder, shards int, define func(b *Builder)) (*Builder, error) {
	if shards < 1 || whole.Shards%shards != 0 {
		return nil, fmt.Errorf("graph: %d of %d shards", shards, whole.Shards)
	}
	return build(shards, whole, define)
}

// record keeps what an operation is, and holds it to its counterpart in the whole.
func (b *Builder) record(o *op, operands G.Nodes) {
	m := made{title: fmt.Sprintf("%v %v", o, o.shape), kind: o.kind}
	if o.kernel != nil {
		m.kernel = o.kernel.Name()
	}
	for _, n := range operands {
		m.operands = append(m.operands, n.ID())
	}
	b.made = append(b.made, m)
	if b.whole == nil {
		return
	}
	if len(b.made) > len(b.whole.made) || !m.corresponds(b.whole.made[len(b.made)-1]) {
		fail("%v of a part has no counterpart in the whole", o)
	}
}

func (m made) corresponds(whole made) bool {
	return m.kernel == whole.kernel && m.kind == whole.kind && slices.Equal(m.operands, whole.operands)
}

// title names an operation and the shape of its result as the whole graph has them.
func (o *op) title() string {
	from := o.builder
	if from.whole != nil {
		from = from.whole
	}
	return from.made[o.serial-1].title
}

package graph

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"
)

// Seed is the slot that holds the gradient of the loss by itself: one, or a loss
// scale.
const Seed = "loss_seed"

// Differentiate derives the gradient of a scalar by each parameter. A graph can
// be differentiated once: gorgonia would silently return the first gradients
// again.
func (b *Builder) Differentiate(loss *Value, params []*Param) (grads []*Value, err error) {
	defer catch(&err)
	if b.derived {
		return nil, fmt.Errorf("graph: differentiated a second time")
	}
	b.derived = true
	if len(loss.Shape()) != 0 {
		return nil, fmt.Errorf("graph: loss is %v, want a scalar", loss.Type)
	}
	wrt := make(G.Nodes, len(params))
	for i, p := range params {
		wrt[i] = p.slot.node
	}
	seed := b.Slot(Seed, loss.Type)
	nodes, err := G.Backpropagate(G.Nodes{loss.node}, G.Nodes{seed.node}, wrt)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	if err := b.verifySums(); err != nil {
		return nil, err
	}
	grads = make([]*Value, len(nodes))
	for i, n := range nodes {
		grads[i] = b.value(n)
		if !grads[i].Type.Equal(params[i].slot.Type) {
			return nil, fmt.Errorf("graph: gradient of %s is %v", params[i].Name, grads[i].Type)
		}
	}
	return grads, nil
}

// verifySums checks that the gradient of every node is the left fold of exactly
// the terms that the rules gave for it: gorgonia merges equal-looking sums by a
// hash that can collide.
func (b *Builder) verifySums() error {
	for n, terms := range b.terms {
		d := n.Deriv()
		if d == nil {
			continue // not between the parameters and the loss
		}
		for k := len(terms) - 1; k > 0; k-- {
			c := children(d)
			if !isGorgoniaSum(d) || len(c) != 2 || c[1] != terms[k] {
				return fmt.Errorf("graph: gradient of node %d is not the sum of its terms", n.ID())
			}
			d = c[0]
		}
		if d != terms[0] {
			return fmt.Errorf("graph: gradient of node %d lost its first term", n.ID())
		}
	}
	return nil
}

// isGorgoniaSum reports whether a node is an addition made by gorgonia.
func isGorgoniaSum(n *G.Node) bool {
	if n.Op() == nil {
		return false
	}
	if _, ours := n.Op().(*op); ours {
		return false
	}
	return strings.HasPrefix(n.Op().String(), "+")
}

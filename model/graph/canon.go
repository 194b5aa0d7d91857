package graph

import (
	"crypto/sha256"
	"fmt"
	"sort"

	G "gorgonia.org/gorgonia"
)

// hasher names nodes by what they compute: the hash of the operation and of its
// operands' names, of the slot for an input, and of the sorted terms for a sum.
// Two graphs that compute the same thing give it the same name, whatever the
// order they were made in.
type hasher map[*G.Node][sha256.Size]byte

func (h hasher) name(n *G.Node) [sha256.Size]byte {
	if s, ok := h[n]; ok {
		return s
	}
	d := sha256.New()
	switch o, ours := n.Op().(*op); {
	case isSum(n):
		terms := append([]*G.Node(nil), children(n)...)
		h.sort(terms)
		d.Write([]byte("sum"))
		h.write(d, terms)
	case ours:
		d.Write([]byte(o.title()))
		h.write(d, children(n))
	default:
		fmt.Fprintf(d, "slot %s", n.Name())
	}
	s := [sha256.Size]byte(d.Sum(nil))
	h[n] = s
	return s
}

func (h hasher) write(d interface{ Write([]byte) (int, error) }, nodes []*G.Node) {
	for _, n := range nodes {
		s := h.name(n)
		d.Write(s[:])
	}
}

// sort orders nodes by name.
func (h hasher) sort(nodes []*G.Node) {
	sort.SliceStable(nodes, func(i, j int) bool {
		a, b := h.name(nodes[i]), h.name(nodes[j])
		return string(a[:]) < string(b[:])
	})
}

// Package cow is an ordered map that can be copied in constant time: the two
// copies share what neither has changed since (copy on write). The state keeps
// its indexes in such maps, so a snapshot costs nothing, whatever its size.
//
// A Map belongs to one goroutine; copies of it may go to others. Values that are
// shared between copies must not be changed in place.
package cow

import "iter"

// width is the most entries of a node: a copied node is a few hundred bytes.
const width = 32

// Map is an ordered map. Make one with New.
type Map[K, V any] struct {
	compare func(a, b K) int
	owner   *owner
	root    *node[K, V]
	size    int
}

// owner marks the nodes that a map made itself and may change in place. It is
// not empty: pointers to empty values may be equal.
type owner struct{ _ byte }

// node is a leaf with values, or an inner node with kids. keys[i] of an inner node
// is not above any key below kids[i], and above every key below kids[i-1].
type node[K, V any] struct {
	owner  *owner
	keys   []K
	values []V
	kids   []*node[K, V]
}

// New is the empty map in the order of compare.
func New[K, V any](compare func(a, b K) int) *Map[K, V] {
	return &Map[K, V]{compare: compare, owner: new(owner), root: &node[K, V]{}}
}

// Copy is a second map with the same entries. From now on each map copies what it
// changes.
func (m *Map[K, V]) Copy() *Map[K, V] {
	m.owner = new(owner)
	c := *m
	c.owner = new(owner)
	return &c
}

// Len is the number of entries.
func (m *Map[K, V]) Len() int { return m.size }

// Get finds the value of a key.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	n := m.root
	for n.kids != nil {
		n = n.kids[m.kid(n, k)]
	}
	if i, ok := m.find(n, k); ok {
		return n.values[i], true
	}
	return v, false
}

// Has reports whether a key is there.
func (m *Map[K, V]) Has(k K) bool {
	_, ok := m.Get(k)
	return ok
}

// find is the place of a key in a node, or where it belongs.
func (m *Map[K, V]) find(n *node[K, V], k K) (int, bool) {
	low, high := 0, len(n.keys)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if m.compare(n.keys[mid], k) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(n.keys) && m.compare(n.keys[low], k) == 0
}

// kid is the kid of an inner node below which a key belongs.
func (m *Map[K, V]) kid(n *node[K, V], k K) int {
	i, exact := m.find(n, k)
	if exact || i == 0 {
		return i
	}
	return i - 1
}

// All lists the entries in order. The map must not change meanwhile.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.root.walk(yield) }
}

func (n *node[K, V]) walk(yield func(K, V) bool) bool {
	for i, v := range n.values {
		if !yield(n.keys[i], v) {
			return false
		}
	}
	for _, kid := range n.kids {
		if !kid.walk(yield) {
			return false
		}
	}
	return true
}

// From lists the entries that are not below a key, in order. The map must not
// change meanwhile.
func (m *Map[K, V]) From(k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.walkFrom(m.root, k, yield) }
}

func (m *Map[K, V]) walkFrom(n *node[K, V], k K, yield func(K, V) bool) bool {
	if n.kids == nil {
		i, _ := m.find(n, k)
		for ; i < len(n.keys); i++ {
			if !yield(n.keys[i], n.values[i]) {
				return false
			}
		}
		return true
	}
	i := m.kid(n, k)
	if !m.walkFrom(n.kids[i], k, yield) {
		return false
	}
	for _, kid := range n.kids[i+1:] {
		if !kid.walk(yield) {
			return false
		}
	}
	return true
}

// First is the lowest entry. Nodes are never empty but for an empty root.
func (m *Map[K, V]) First() (k K, v V, ok bool) {
	if m.size == 0 {
		return k, v, false
	}
	k, v = m.root.first()
	return k, v, true
}

func (n *node[K, V]) first() (K, V) {
	for n.kids != nil {
		n = n.kids[0]
	}
	return n.keys[0], n.values[0]
}

// After is the lowest entry above a key.
func (m *Map[K, V]) After(k K) (next K, v V, ok bool) {
	n := m.root
	var right *node[K, V] // the subtree that follows n
	for n.kids != nil {
		i := m.kid(n, k)
		if i+1 < len(n.kids) {
			right = n.kids[i+1]
		}
		n = n.kids[i]
	}
	i, exact := m.find(n, k)
	if exact {
		i++
	}
	switch {
	case i < len(n.keys):
		return n.keys[i], n.values[i], true
	case right != nil:
		next, v = right.first()
		return next, v, true
	}
	return next, v, false
}

// Before is the highest entry below a key.
func (m *Map[K, V]) Before(k K) (previous K, v V, ok bool) {
	n := m.root
	var left *node[K, V] // the subtree that comes before n
	for n.kids != nil {
		i := m.kid(n, k)
		if i > 0 {
			left = n.kids[i-1]
		}
		n = n.kids[i]
	}
	if i, _ := m.find(n, k); i > 0 {
		return n.keys[i-1], n.values[i-1], true
	}
	if left == nil {
		return previous, v, false
	}
	previous, v = left.last()
	return previous, v, true
}

// Last is the highest entry.
func (m *Map[K, V]) Last() (k K, v V, ok bool) {
	if m.size == 0 {
		return k, v, false
	}
	k, v = m.root.last()
	return k, v, true
}

func (n *node[K, V]) last() (K, V) {
	for n.kids != nil {
		n = n.kids[len(n.kids)-1]
	}
	return n.keys[len(n.keys)-1], n.values[len(n.keys)-1]
}

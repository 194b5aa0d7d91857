package cow

import "slices"

// Set gives a key a value.
func (m *Map[K, V]) Set(k K, v V) {
	m.root = m.own(m.root)
	if right := m.set(m.root, k, v); right != nil {
		m.root = &node[K, V]{
			owner: m.owner,
			keys:  []K{m.root.keys[0], right.keys[0]},
			kids:  []*node[K, V]{m.root, right},
		}
	}
}

// own is a node that this map may change: the node itself or a copy.
func (m *Map[K, V]) own(n *node[K, V]) *node[K, V] {
	if n.owner == m.owner {
		return n
	}
	c := &node[K, V]{owner: m.owner, keys: room(n.keys)}
	if n.kids != nil {
		c.kids = room(n.kids)
	} else {
		c.values = room(n.values)
	}
	return c
}

// room copies a list into one that a few more entries fit: half as many again, and no more
// than a node may have before it is split.
func room[T any](list []T) []T {
	return append(make([]T, 0, min(width+1, len(list)+len(list)/2+2)), list...)
}

// insert puts a value into a list. It grows as far as a node may: append would double it.
func insert[T any](list []T, i int, v T) []T {
	if len(list) == cap(list) {
		list = room(list)
	}
	return slices.Insert(list, i, v)
}

// set changes a node that this map owns and returns the right half if it had to
// be split.
func (m *Map[K, V]) set(n *node[K, V], k K, v V) *node[K, V] {
	if n.kids == nil {
		i, ok := m.find(n, k)
		if ok {
			n.values[i] = v
			return nil
		}
		n.keys = insert(n.keys, i, k)
		n.values = insert(n.values, i, v)
		m.size++
		return m.split(n, i)
	}
	i := m.kid(n, k)
	n.kids[i] = m.own(n.kids[i])
	right := m.set(n.kids[i], k, v)
	n.keys[i] = n.kids[i].keys[0]
	if right == nil {
		return nil
	}
	n.keys = insert(n.keys, i+1, right.keys[0])
	n.kids = insert(n.kids, i+1, right)
	return m.split(n, i+1)
}

// split cuts a node that grew too wide. One that grew at its end stays full on
// the left, since keys that count upwards would leave every node half empty.
func (m *Map[K, V]) split(n *node[K, V], grew int) *node[K, V] {
	if len(n.keys) <= width {
		return nil
	}
	at := len(n.keys) / 2
	if grew == len(n.keys)-1 {
		at = grew
	}
	right := &node[K, V]{owner: m.owner, keys: room(n.keys[at:])}
	clear(n.keys[at:])
	n.keys = n.keys[:at]
	if n.kids != nil {
		right.kids = room(n.kids[at:])
		clear(n.kids[at:])
		n.kids = n.kids[:at]
		return right
	}
	right.values = room(n.values[at:])
	clear(n.values[at:])
	n.values = n.values[:at]
	return right
}

// Delete takes a key out, if it is there.
func (m *Map[K, V]) Delete(k K) {
	if !m.Has(k) {
		return
	}
	m.root = m.own(m.root)
	m.delete(m.root, k)
	m.size--
	for len(m.root.kids) == 1 {
		m.root = m.root.kids[0]
	}
	if m.size == 0 {
		m.root = &node[K, V]{}
	}
}

// delete takes a key that is there out of a node that this map owns. Nodes that are left
// nearly empty become one: what stays for long, of much that came and went, is not to keep
// a node of its own each.
func (m *Map[K, V]) delete(n *node[K, V], k K) {
	if n.kids == nil {
		i, _ := m.find(n, k)
		n.keys = slices.Delete(n.keys, i, i+1)
		n.values = slices.Delete(n.values, i, i+1)
		return
	}
	i := m.kid(n, k)
	n.kids[i] = m.own(n.kids[i])
	m.delete(n.kids[i], k)
	if len(n.kids[i].keys) == 0 {
		n.keys = slices.Delete(n.keys, i, i+1)
		n.kids = slices.Delete(n.kids, i, i+1)
		return
	}
	n.keys[i] = n.kids[i].keys[0]
	if !m.merge(n, i-1) {
		m.merge(n, i)
	}
}

// merge makes one of two neighbours, kid i of a node that this map owns and the next, if
// together they fill no more than half a node. (Neighbours are equally deep.)
func (m *Map[K, V]) merge(n *node[K, V], i int) bool {
	if i < 0 || i+1 >= len(n.kids) || len(n.kids[i].keys)+len(n.kids[i+1].keys) > width/2 {
		return false
	}
	left, right := m.own(n.kids[i]), n.kids[i+1]
	left.keys = append(left.keys, right.keys...)
	left.values = append(left.values, right.values...)
	if right.kids != nil {
		left.kids = append(left.kids, right.kids...)
	}
	n.kids[i] = left
	n.keys = slices.Delete(n.keys, i+1, i+2)
	n.kids = slices.Delete(n.kids, i+1, i+2)
	return true
}

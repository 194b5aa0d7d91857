package cow

import (
	"cmp"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

var seed = flag.Uint64("seed", 1, "of the random maps")

// twin is a map beside the obvious one.
type twin struct {
	m *Map[int, int]
	d map[int]int
}

func (w twin) copy() twin { return twin{w.m.Copy(), maps.Clone(w.d)} }

func (w twin) check(t *testing.T) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(w.d))
	if w.m.Len() != len(keys) {
		t.Fatalf("%d entries, want %d", w.m.Len(), len(keys))
	}
	i := 0
	for k, v := range w.m.All() {
		if k != keys[i] || v != w.d[k] {
			t.Fatalf("entry %d is %d: %d, want %d: %d", i, k, v, keys[i], w.d[keys[i]])
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("%d entries listed of %d", i, len(keys))
	}
	if k, _, ok := w.m.First(); ok != (len(keys) > 0) || ok && k != keys[0] {
		t.Fatalf("first is %d", k)
	}
	if k, _, ok := w.m.Last(); ok != (len(keys) > 0) || ok && k != keys[len(keys)-1] {
		t.Fatalf("last is %d", k)
	}
	for from := -1; from < 1000; from += 83 {
		at, exact := slices.BinarySearch(keys, from)
		above := at
		if exact {
			above++
		}
		if k, _, ok := w.m.After(from); ok != (above < len(keys)) || ok && k != keys[above] {
			t.Fatalf("after %d: %d, %v", from, k, ok)
		}
		if k, _, ok := w.m.Before(from); ok != (at > 0) || ok && k != keys[at-1] {
			t.Fatalf("before %d: %d, %v", from, k, ok)
		}
		var got []int
		for k := range w.m.From(from) {
			got = append(got, k)
		}
		if !slices.Equal(got, keys[at:]) {
			t.Fatalf("from %d: %v, want %v", from, got, keys[at:])
		}
	}
}

// Random changes to several copies are random changes to several plain maps: no
// copy sees what is done to another.
func TestCopiesAreMapsOfTheirOwn(t *testing.T) {
	t.Logf("seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 0))
	worlds := []twin{{New[int, int](cmp.Compare), map[int]int{}}}
	for step := range 40_000 {
		w := worlds[r.IntN(len(worlds))]
		k := r.IntN(1000)
		if r.IntN(5) < 3 {
			w.m.Set(k, step)
			w.d[k] = step
		} else {
			w.m.Delete(k)
			delete(w.d, k)
		}
		if v, ok := w.m.Get(k); ok != w.m.Has(k) || v != w.d[k] {
			t.Fatalf("step %d: key %d is %d", step, k, v)
		}
		if step%1000 == 0 {
			c := w.copy()
			if len(worlds) < 8 {
				worlds = append(worlds, c)
			} else {
				worlds[r.IntN(8)] = c
			}
			for _, w := range worlds {
				w.check(t)
			}
		}
	}
}

func TestKeysThatCountUpwardsFillTheirNodes(t *testing.T) {
	m := New[int, int](cmp.Compare)
	for i := range 10_000 {
		m.Set(i, i)
	}
	if n, most := nodes(m.root), 10_000/width*width/(width-1)+3; n > most {
		t.Errorf("%d nodes, want at most %d", n, most)
	}
	for i := range 10_000 { // a queue: in at one end, out at the other
		m.Delete(i)
	}
	if m.Len() != 0 || m.root.kids != nil {
		t.Error("the empty map kept its nodes")
	}
}

// What stays, here and there, of much that came and went does not keep a node each.
func TestNodesGoWithTheirEntries(t *testing.T) {
	m := New[int, int](cmp.Compare)
	for i := range 100_000 {
		m.Set(i, i)
	}
	was := m.Copy()
	for i := range 100_000 {
		if i%100 != 0 {
			m.Delete(i)
		}
	}
	if n, most := nodes(m.root), 1000/(width/4)+4; n > most {
		t.Errorf("%d nodes for %d entries, want at most %d", n, m.Len(), most)
	}
	kept := map[int]int{}
	for i := 0; i < 100_000; i += 100 {
		kept[i] = i
	}
	twin{m, kept}.check(t)
	if was.Len() != 100_000 || !was.Has(99_999) {
		t.Error("its copy lost entries")
	}
}

func nodes(n *node[int, int]) int {
	sum := 1
	for _, kid := range n.kids {
		sum += nodes(kid)
	}
	return sum
}

func BenchmarkSetAfterCopy(b *testing.B) {
	m := New[int, int](cmp.Compare)
	for i := range 100_000 {
		m.Set(i, i)
	}
	for i := 0; b.Loop(); i++ {
		m.Copy()
		m.Set(i*7919%100_000, i)
	}
}

func BenchmarkGet(b *testing.B) {
	m := New[int, int](cmp.Compare)
	for i := range 100_000 {
		m.Set(i, i)
	}
	for i := 0; b.Loop(); i++ {
		m.Get(i * 7919 % 100_000)
	}
}

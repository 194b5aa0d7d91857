package allreduce

import (
	"slices"
	"testing"

	"g2c/api"
	"g2c/internal/clock"
	"g2c/kernels"
	"g2c/kernels/host"
)

// slotState has one slot of reals.
type slotState struct {
	kernels.State
	spec *kernels.StateSpec
	v    []float32
}

// Spec implements kernels.State.
func (s *slotState) Spec() *kernels.StateSpec { return s.spec }

// PutF32 implements kernels.State.
func (s *slotState) PutF32(_ string, v []float32) error {
	copy(s.v, v)
	return nil
}

// Snapshot implements kernels.Snapshotter.
func (s *slotState) Snapshot(_ []string, to [][]float32) (func() error, error) {
	copy(to[0], s.v)
	return arrivedAlready, nil
}

func newSlotState(t testing.TB, n int) *slotState {
	t.Helper()
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "g", Slots: []kernels.Slot{{Name: "a", Type: kernels.Real(n)}}})
	if err != nil {
		t.Fatal(err)
	}
	return &slotState{spec: spec, v: make([]float32, n)}
}

// lent is a state that lends its memory.
type lent struct{ *slotState }

// Tensor is a part of the slot, by name.
func (s lent) Tensor(name string) (host.Tensor[float32], error) {
	_, offset, n, _ := s.spec.Place(name)
	return host.Tensor[float32]{F: s.v[offset : offset+n]}, nil
}

// Pieces of slots that are lent are read where they lie, and those over the border of two
// or more are put together.
func TestPiecesOfLentSlots(t *testing.T) {
	lengths := []int{5, 40, 1, 16, 70, 3, 200, 2}
	var slots []kernels.Slot
	var names []string
	total := 0
	for i, n := range lengths {
		names = append(names, string(rune('a'+i)))
		slots = append(slots, kernels.Slot{Name: names[i], Type: kernels.Real(n)})
		total += n
	}
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "group", Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	_, _, n, _ := spec.Place("group")
	s := lent{&slotState{spec: spec, v: make([]float32, n)}}
	var want []float32
	for _, name := range names {
		part, _ := s.Tensor(name)
		for i := range part.F {
			part.F[i] = float32(len(want) + 1)
			want = append(want, part.F[i])
		}
	}
	g := gangInOne(t, gangOf(t, []int{2}, 2))[0]
	for _, most := range []int{16, 48, 1000} {
		g.most = most
		b := g.newBucket(0)
		if err := b.begin(total); err != nil {
			t.Fatal(err)
		}
		if _, err := b.part(0, names, s); err != nil {
			t.Fatal(err)
		}
		if got := slices.Concat(b.leaves[0]...); !slices.Equal(got, want) {
			t.Errorf("pieces of %d: %v", most, got)
		}
	}
}

var slotA = []string{"a"}

// gangInOne opens an exchange over pipes.
func gangInOne(t testing.TB, gang [][]api.Shards) []*Group[float32] {
	t.Helper()
	return gangWith(t, gang, clock.Real{})
}

// gangWith is gangInOne by a clock.
func gangWith(t testing.TB, gang [][]api.Shards, c clock.Clock) []*Group[float32] {
	t.Helper()
	links := make([][]Link, len(gang))
	for i := range links {
		links[i] = make([]Link, len(gang))
		for j := range i {
			links[i][j], links[j][i] = Pipe()
		}
	}
	var all []*Group[float32]
	for i := range gang {
		g, err := New[float32](Config{Gang: gang, Self: i, Links: links[i], Clock: c, Half: func(bucket int) bool { return bucket == 1 }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.Close() })
		all = append(all, g)
	}
	return all
}

// A round allocates nothing, in one process and over links.
func TestRoundsDoNotAllocate(t *testing.T) {
	for _, parts := range [][]int{{1}, {3}, {2, 1, 1}} {
		gang := gangOf(t, parts, 8)
		groups := gangInOne(t, gang)
		begin, end := []chan struct{}{}, make(chan error)
		for i, runs := range gang {
			for k := range runs {
				m, s, start := groups[i].Member(k), newSlotState(t, 3000), make(chan struct{})
				begin = append(begin, start)
				go func() {
					for range start {
						err := m.Give(0, slotA, s)
						if err == nil {
							err = m.Give(1, slotA, s)
						}
						for b := 0; b < 2 && err == nil; b++ {
							err = m.Take(b, slotA, s)
						}
						end <- err
					}
				}()
			}
		}
		round := func() {
			for _, start := range begin {
				start <- struct{}{}
			}
			for range begin {
				if err := <-end; err != nil {
					t.Error(err)
				}
			}
		}
		for range 5 {
			round()
		}
		if n := testing.AllocsPerRun(20, round); n > 0 {
			t.Errorf("%v slots: %v allocations a round", parts, n)
		}
		for _, start := range begin {
			close(start)
		}
	}
}

// Members of one process that give different lengths are refused.
func TestMembersAgreeOnLengths(t *testing.T) {
	g := gangInOne(t, gangOf(t, []int{2}, 2))[0]
	if err := g.Member(0).Give(0, slotA, newSlotState(t, 3)); err != nil {
		t.Fatal(err)
	}
	if err := g.Member(1).Give(0, slotA, newSlotState(t, 4)); err == nil {
		t.Error("4 elements beside 3")
	}
	if g.Err() == nil {
		t.Error("the exchange goes on")
	}
}

// What is taken was given, and who comes after the end is told.
func TestMisuse(t *testing.T) {
	g := gangInOne(t, gangOf(t, []int{2}, 2))[0]
	m, s := g.Member(0), newSlotState(t, 3)
	if err := m.Take(0, slotA, s); err == nil {
		t.Error("taken, not given")
	}
	if err := m.Give(-1, slotA, s); err == nil {
		t.Error("bucket -1")
	}
	if err := m.Give(maxBuckets, slotA, s); err == nil {
		t.Error("a bucket too many")
	}
	g.Close()
	if err := m.Give(0, slotA, s); err == nil {
		t.Error("given after the end")
	}
	if _, err := New[float32](Config{Gang: gangOf(t, []int{1, 1}, 2)}); err == nil {
		t.Error("a gang without links")
	}
}

// FuzzFrames sends a process whatever it may be: it must end, with an error or without.
func FuzzFrames(f *testing.F) {
	put := func(h Header, payload int) []byte {
		b := make([]byte, HeaderBytes+payload)
		h.Length = uint32(payload)
		h.Put(b)
		return b
	}
	f.Add(put(Header{Kind: Partial, Encoding: Float32, From: 1, To: 2}, 64))
	f.Add(put(Header{Kind: Sum, Encoding: Float32, Piece: 1}, 64))
	f.Add(append(put(Header{Kind: Alive}, 0), put(Header{Kind: Bye}, 0)...))
	f.Add(put(Header{Kind: Abort, Piece: 7}, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := Pipe()
		g, err := New[float32](Config{Gang: [][]api.Shards{{{From: 0, To: 1}}, {{From: 1, To: 2}}}, Links: []Link{nil, here}})
		if err != nil {
			t.Fatal(err)
		}
		m := g.Member(0)
		if err := m.Give(0, slotA, newSlotState(t, 32)); err != nil {
			t.Fatal(err)
		}
		for len(b) >= HeaderBytes {
			length := min(int(b[55]), len(b)-HeaderBytes)
			h, err := ParseHeader(b, HeaderBytes+length)
			if err == nil && there.Send(h, b[HeaderBytes:HeaderBytes+length], func() {}) != nil {
				break
			}
			b = b[HeaderBytes+length:]
		}
		there.Close()
		m.Take(0, slotA, newSlotState(t, 32)) // it may have become complete, or not
		g.Close()
	})
}

package train

import (
	"errors"
	"math"
	"sync"
	"testing"

	"g2c/kernels"
)

// twoSlots is a state of each device, with slots of some lengths.
func twoSlots(t *testing.T, members int) []kernels.State {
	t.Helper()
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "all", Slots: []kernels.Slot{
		{Name: "a", Type: kernels.Real(5)}, {Name: "b", Type: kernels.Real(37)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var all []kernels.State
	for _, d := range cpus(t, members) {
		s, err := d.NewState(spec)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// Sums are those of the tree, in every bucket of every step, for members that do not
// wait for each other in between.
func TestLocalSums(t *testing.T) {
	const members, rounds = 4, 20
	states := twoSlots(t, members)
	sums := newLocalSums[float32](members)
	defer sums.close()
	value := func(k, round, i int) float32 { return float32(math.Sin(float64(1 + k + 7*round + 31*i))) }
	var all sync.WaitGroup
	for k, s := range states {
		all.Go(func() {
			m := localMember[float32]{sums, k}
			for round := range rounds {
				v := make([]float32, 37)
				for i := range v {
					v[i] = value(k, round, i)
				}
				slots := [][]string{{"a"}, {"b"}}
				if err := errors.Join(s.PutF32("a", v[:5]), s.PutF32("b", v), m.Give(0, slots[0], s), m.Give(1, slots[1], s),
					m.Take(0, slots[0], s), m.Take(1, slots[1], s), s.GetF32("b", v)); err != nil {
					t.Error(err)
					return
				}
				for i, got := range v {
					want := (value(0, round, i) + value(1, round, i)) + (value(2, round, i) + value(3, round, i))
					if math.Float32bits(got) != math.Float32bits(want) {
						t.Errorf("member %d, round %d: element %d is %v, want %v", k, round, i, got, want)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// A part that does not arrive ends the exchange for all, with the reason.
func TestAPartThatDoesNotArriveEndsTheExchange(t *testing.T) {
	states := twoSlots(t, 2)
	sums := newLocalSums[float32](2)
	defer sums.close()
	var all sync.WaitGroup
	for k, s := range states {
		if k == 1 {
			s = lateState{s}
		}
		all.Go(func() {
			m := localMember[float32]{sums, k}
			if err := m.Give(0, []string{"b"}, s); err != nil {
				t.Error(err)
			}
			if err := m.Take(0, []string{"b"}, s); !errors.Is(err, errCard) {
				t.Errorf("member %d: %v", k, err)
			}
		})
	}
	all.Wait()
}

// lateState is a state whose copies fail behind the back of who asked for them.
type lateState struct{ kernels.State }

// Snapshot implements kernels.Snapshotter.
func (lateState) Snapshot([]string, [][]float32) (func() error, error) {
	return func() error { return errCard }, nil
}

package allreduce

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"g2c/internal/clock"
)

// Who gives late is waited for, by each of the others as long; who is waited for waits for
// nobody.
func TestLate(t *testing.T) {
	gang := gangOf(t, []int{1, 1, 1}, 8)
	c := clock.NewFake(time.UnixMilli(1))
	groups := gangWith(t, gang, c)
	begin, end := make([]chan struct{}, len(gang)), make(chan error)
	for i, runs := range gang {
		begin[i] = make(chan struct{})
		go func() {
			var members []*Member[float32]
			for k := range runs {
				members = append(members, groups[i].Member(k))
			}
			s := newSlotState(t, 3000)
			for range begin[i] {
				var err error
				for _, m := range members {
					err = errors.Join(err, m.Give(0, slotA, s))
				}
				for _, m := range members {
					err = errors.Join(err, m.Take(0, slotA, s))
				}
				end <- err
			}
		}()
		defer close(begin[i])
	}
	waits := func(g *Group[float32], late int) bool { // for that one alone
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.taking && !slices.ContainsFunc(g.others(), func(p *peer[float32]) bool { return p.number != late && p.owes > 0 })
	}
	for _, late := range []int{2, 0} {
		for i, start := range begin {
			if i != late {
				start <- struct{}{}
			}
		}
		for i, g := range groups {
			for i != late && !waits(g, late) {
				runtime.Gosched()
			}
		}
		c.Advance(3 * time.Second)
		begin[late] <- struct{}{}
		for range begin {
			if err := <-end; err != nil {
				t.Fatal(err)
			}
		}
		for i, g := range groups {
			want := make([]time.Duration, len(gang))
			if i != late {
				want[late] = 3 * time.Second
			}
			if l := g.Late(); l.Rounds != 1 || !slices.Equal(l.Waited, want) {
				t.Errorf("process %d waited %v in %d rounds, want %v in one", i, l.Waited, l.Rounds, want)
			}
		}
	}
}

package cpu

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// TestTeam: every item is done once, however many members there are, also on a
// single processor.
func TestTeam(t *testing.T) {
	for _, procs := range []int{1, runtime.NumCPU()} {
		old := runtime.GOMAXPROCS(procs)
		for members := 1; members <= 5; members++ {
			tm := newTeam(members)
			for items := range 40 {
				done := make([]atomic.Int32, items)
				tm.run(items, func(_, item int) { done[item].Add(1) })
				for i := range done {
					if n := done[i].Load(); n != 1 {
						t.Fatalf("%d members, %d items: item %d was done %d times", members, items, i, n)
					}
				}
			}
			tm.close()
		}
		runtime.GOMAXPROCS(old)
	}
}

// TestTeamSleeps: members without work go to sleep, are woken by the next task,
// and a caller who outlasts its patience is woken by the last of them.
func TestTeamSleeps(t *testing.T) {
	tm := newTeam(2)
	defer tm.close()
	for range 3 {
		for !tm.asleep[1].Load() {
			runtime.Gosched()
		}
		var joined atomic.Bool
		tm.run(2, func(member, _ int) {
			if member == 0 { // the other item is left to the member
				for !joined.Load() {
					runtime.Gosched()
				}
				return
			}
			joined.Store(true)
			for tm.state.Load()&sleepBit == 0 {
				runtime.Gosched()
			}
		})
	}
}

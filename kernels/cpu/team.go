package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// team runs tasks on its members: the caller, who is member 0, and goroutines
// that live as long as the team. A member without work spins for a moment, since
// the next task usually follows at once, and then sleeps.
//
// Each member first does a range of items that depends on their number alone, and
// then what is left of the others'. So what it reads is mostly what it wrote in the
// task before: between cores that share no cache that halves the time of a step.
//
// run is called by one goroutine at a time.
type team struct {
	members int
	task    func(member, item int)
	ranges  []itemRange // by member

	// state is the number of the task, a bit for a caller who sleeps, an open bit,
	// and the count of goroutines that joined it. They join while it is open; the
	// caller closes it when no item is left, and then waits for those who joined
	// only.
	state  atomic.Uint64
	left   chan struct{} // the last to leave wakes the caller who sleeps
	asleep []atomic.Bool
	wake   []chan struct{}
	stop   atomic.Bool
	wait   sync.WaitGroup
}

// itemRange is what is left of a member's range. It fills two cache lines: cores
// fetch lines in pairs, and nobody else's counter should come with it.
type itemRange struct {
	next atomic.Int64
	end  int64
	_    [112]byte
}

const (
	joinedMask = 1<<16 - 1
	openBit    = 1 << 16
	sleepBit   = 1 << 17
	taskShift  = 18

	// spins is how many looks at the state anyone takes before sleeping: some
	// 50 µs, with yields between them, so that a single processor is shared.
	spins        = 20000
	spinsToYield = 64
)

// newTeam starts members-1 goroutines.
func newTeam(members int) *team {
	t := &team{members: members, ranges: make([]itemRange, members), asleep: make([]atomic.Bool, members), wake: make([]chan struct{}, members), left: make(chan struct{})}
	for m := 1; m < members; m++ {
		t.wake[m] = make(chan struct{}, 1)
		t.wait.Add(1)
		go t.serve(m)
	}
	return t
}

// run calls task for every item from 0 to items-1, and returns when all are done.
func (t *team) run(items int, task func(member, item int)) {
	if t.members == 1 || items <= 1 {
		for i := range items {
			task(0, i)
		}
		return
	}
	t.task = task
	for m := range t.ranges {
		t.ranges[m].next.Store(int64(m * items / t.members))
		t.ranges[m].end = int64((m + 1) * items / t.members)
	}
	number := t.state.Load()>>taskShift + 1
	t.state.Store(number<<taskShift | openBit)
	for m := 1; m < min(t.members, items); m++ {
		if t.asleep[m].CompareAndSwap(true, false) {
			t.wake[m] <- struct{}{}
		}
	}
	t.work(0)
	t.state.And(^uint64(openBit))
	t.finish()
}

// finish waits until everyone who joined has left.
func (t *team) finish() {
	for i := range spins {
		if t.state.Load()&joinedMask == 0 {
			return
		}
		if i%spinsToYield == spinsToYield-1 {
			runtime.Gosched()
		}
	}
	if t.state.Or(sleepBit)&joinedMask != 0 {
		<-t.left
	}
}

// work takes items until none is left: the member's own, and then others'.
func (t *team) work(member int) {
	for m := range t.members {
		r := &t.ranges[(member+m)%t.members]
		for {
			i := r.next.Add(1) - 1
			if i >= r.end {
				break
			}
			t.task(member, int(i))
		}
	}
}

// serve is the life of a member.
func (t *team) serve(member int) {
	defer t.wait.Done()
	done := uint64(0)
	for {
		s := t.await(member, done)
		if t.stop.Load() {
			return
		}
		if !t.state.CompareAndSwap(s, s+1) {
			continue
		}
		done = s >> taskShift
		t.work(member)
		if s := t.state.Add(^uint64(0)); s&joinedMask == 0 && s&sleepBit != 0 {
			t.left <- struct{}{}
		}
	}
}

// await returns the state once a task is open that the member has not done, or
// the team stops.
func (t *team) await(member int, done uint64) uint64 {
	for i := 0; ; i++ {
		s := t.state.Load()
		if t.stop.Load() || (s&openBit != 0 && s>>taskShift != done) {
			return s
		}
		if i%spinsToYield == spinsToYield-1 {
			runtime.Gosched()
		}
		if i < spins {
			continue
		}
		t.asleep[member].Store(true)
		s = t.state.Load()
		if t.stop.Load() || (s&openBit != 0 && s>>taskShift != done) {
			if t.asleep[member].CompareAndSwap(true, false) {
				return s
			}
		}
		<-t.wake[member]
		i = 0
	}
}

// close stops the goroutines and waits for them.
func (t *team) close() {
	t.stop.Store(true)
	for m := 1; m < t.members; m++ {
		if t.asleep[m].CompareAndSwap(true, false) {
			t.wake[m] <- struct{}{}
		}
	}
	t.wait.Wait()
}

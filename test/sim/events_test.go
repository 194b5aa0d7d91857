package sim

import "time"

// queue is what will happen, by time. Events of one time happen in the order in which
// they were made, so that a seed gives the same world again.
type queue struct {
	now    time.Duration
	events []event // a binary heap
	made   uint64  // events ever
}

type event struct {
	at time.Duration
	n  uint64
	do func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.n < o.n }

// after has something happen in a while.
func (q *queue) after(d time.Duration, do func()) {
	q.made++
	q.events = append(q.events, event{q.now + max(d, 0), q.made, do})
	for i := len(q.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.events[i].before(&q.events[parent]) {
			break
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

// next has the next event happen. It reports false if there is none.
func (q *queue) next() bool {
	if len(q.events) == 0 {
		return false
	}
	first, last := q.events[0], len(q.events)-1
	q.events[0] = q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	q.sink()
	q.now = first.at
	first.do()
	return true
}

// sink puts the root of the heap where it belongs.
func (q *queue) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.events); child++ {
			if q.events[child].before(&q.events[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.events[i], q.events[least] = q.events[least], q.events[i]
		i = least
	}
}

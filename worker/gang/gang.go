// Package gang is what a training needs of the other processes that train its task: where
// it meets them, and what it gets of them. It knows no network; worker/agent/peers has one.
//
// A gang goes from meeting to meeting. At a meeting all members stand at a step boundary;
// who is furthest gives its state to the others; then they exchange sums, step by step,
// until the gang changes or one of them is lost. Every member has the whole state, so no
// step is lost while one of them lives.
package gang

import (
	"context"
	"errors"

	"g2c/checkpoint/store"
	"g2c/worker/allreduce"
)

// ErrOver is a meeting whose gang is another by now.
var ErrOver = errors.New("the gang has changed")

// Gang is the processes that train a task. It belongs to the goroutine that trains.
type Gang interface {
	// Changed says that the gang is another than at the last meeting: members meet at
	// their next step boundary.
	Changed() bool
	// Coming is the slots of each member of the newest gang, and this one's place: what the
	// next meeting will most likely come to. Members get ready for it.
	Coming() (slots []int, self int)
	// Meet waits until all members of the newest gang stand at a step boundary, this one
	// after so many steps. It goes on until there is a gang that meets: the error is ctx's.
	Meet(ctx context.Context, step int64) (*Meeting, error)
	// Broken says why what a meeting began has ended. A member at fault is suspected: the
	// next meeting is without it, or finds it well.
	Broken(m *Meeting, err error)
	// Waits says that this member waits for another, by its place, in that share of a step.
	Waits(m *Meeting, place int, share float64)
}

// Meeting is what a gang has come to.
type Meeting struct {
	Generation uint64
	Names      []string // of the members' workers, in the gang's order
	Slots      []int    // of each
	Self       int      // this member's place
	Source     int      // the place of the first that is furthest
	Step       int64    // how many steps that one has completed

	With // nil of a gang of one
}

// With is what a member gets of the others after a meeting.
type With interface {
	// Session names the exchange that is to begin.
	Session() allreduce.Session
	// Offer lets others fetch the state. It stays as it is until Done.
	Offer(state store.Body)
	// Fetch is the state of the source, as it was hashed there.
	Fetch(ctx context.Context) ([]byte, error)
	// Links leads to every other member, in the gang's order; it waits until all have come
	// so far.
	Links(ctx context.Context) ([]allreduce.Link, error)
	// Done says that the exchange goes on, or will not: nobody fetches anything any more.
	Done()
}

// First says whether the member writes what the gang has to store.
func (m *Meeting) First() bool { return m.Self == 0 }

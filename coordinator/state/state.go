// Package state is the coordinator's state as a function of the commands applied
// to it. There is no clock, randomness, environment, goroutine or order of a map
// in it: the same commands give the same state everywhere, and the same hash.
//
// Words (command has more):
//
//   - A task is live while it is pending, placed or running; the others have ended.
//   - A gang is the parts that a task's current generation runs on.
//   - An allocation is a worker's slots that a task has. It outlives the generation:
//     what a task was taken from is free only once the worker says that it has stopped,
//     or is known to be gone. So no slot is given twice.
//   - A task is wanted while an experiment that is not cancelled lists it. A wish is what
//     such an experiment wants of it: gang, device, paths. The trainer of a gang is its
//     first part.
//
// A State belongs to one goroutine. A Snapshot never changes and may go to others;
// records (Task, Worker, …) reached from either are never changed in place.
package state

import "g2c/coordinator/command"

// Status is where a task stands.
type Status string

// The statuses. Pending tasks wait for inputs, for time after a failure, or for a
// place.
const (
	Pending   Status = "pending"
	Placed    Status = "placed" // its workers have not said yet that it runs
	Running   Status = "running"
	Done      Status = "done"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Live says whether a status is not an end.
func (s Status) Live() bool { return s == Pending || s == Placed || s == Running }

// State is everything the coordinator remembers.
type State struct {
	data
	at        int64  // of the entry that is being applied
	principal string // of the same
	counting  uint64 // experiment that is being submitted, and not counted yet

	scratch []byte // for the encoding of records
	wish    Wish   // of a task that is placed, below level 4
}

// New is the empty state.
func New() *State { return &State{data: newData()} }

// Result is what became of an entry.
type Result struct {
	Index    uint64 // of the entry that decided: an earlier one for a repeated request
	Made     string // the id of the experiment that a Submit made
	Repeated bool   // the request had been applied before
	Err      error  // why it was refused: one of this package's errors

	Incarnation uint64 // that a worker has which joined
}

// Apply applies the entry at a place of the log. An entry that does not fit is
// refused, and changes nothing but the index and the audit.
func (s *State) Apply(index uint64, e command.Entry) Result {
	if index <= s.index {
		panic("state: an entry was applied twice")
	}
	s.index, s.at, s.principal = index, e.At, e.Principal
	if r, ok := s.repeated(e); ok {
		return r
	}
	r := Result{Index: index}
	if c, ok := e.Command.(command.Submit); ok {
		r.Made = c.Experiment
	}
	if r.Err = s.change(e.Command); r.Err == nil {
		r.Incarnation = s.joined(e.Command)
		s.narrow(e.Command)
		s.remember(e, r)
	}
	s.audited(e, r)
	return r
}

// joined is the incarnation of a worker that has just joined.
func (s *State) joined(c command.Command) uint64 {
	if j, ok := c.(command.Join); ok {
		w, _ := s.workers.Get(j.Worker)
		return w.Incarnation
	}
	return 0
}

// narrow notes that users, tokens or certificates are not what they were.
func (s *State) narrow(c command.Command) {
	switch c.(type) {
	case command.PutUser, command.DropUser, command.RevokeCertificate, command.Revoke:
		s.narrowed = s.index
	}
}

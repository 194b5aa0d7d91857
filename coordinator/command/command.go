// Package command is the vocabulary of changes to the coordinator's state: what
// is written to the log and replayed from it. A command says what happened; times
// and names arrive in it. It decides nothing: state.Apply does.
package command

import "g2c/api"

// Command is a change. The numbers of its kinds are for ever.
type Command interface{ Number() int }

// Submit asks for works, inputs before what reads them. Works that are known
// already gain the new experiment's interest and nothing else.
type Submit struct {
	Experiment string
	Works      []api.Work
}

// Join says that a worker offers slots of one numerics class.
type Join struct {
	Worker string
	Class  string
	Slots  int
}

// Leave says that a worker is gone; what it ran is pending again.
type Leave struct{ Worker string }

// Place gives a pending task to a worker's slots.
type Place struct {
	Task   api.Key
	Worker string
	Slots  int
}

// Done says that a task has its final manifest. A task that was never placed may
// be done too: the store is the truth.
type Done struct{ Task api.Key }

// Failed says that an attempt at a placed task ended in an error. A permanent
// error is not tried again.
type Failed struct {
	Task      api.Key
	Reason    string
	Permanent bool
}

// Interrupted says that a placed task was stopped on request, with its state
// saved: it is pending again, and the attempt does not count.
type Interrupted struct{ Task api.Key }

// Cancel withdraws an experiment. Tasks that no other experiment wants are
// cancelled, unless they are done.
type Cancel struct{ Experiment string }

// Number implements Command.
func (Submit) Number() int { return 1 }

// Number implements Command.
func (Join) Number() int { return 2 }

// Number implements Command.
func (Leave) Number() int { return 3 }

// Number implements Command.
func (Place) Number() int { return 4 }

// Number implements Command.
func (Done) Number() int { return 5 }

// Number implements Command.
func (Failed) Number() int { return 6 }

// Number implements Command.
func (Interrupted) Number() int { return 7 }

// Number implements Command.
func (Cancel) Number() int { return 8 }

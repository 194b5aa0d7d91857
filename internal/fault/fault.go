// Package fault holds the classes of error that users meet. A class decides
// the exit code and, on a cluster, the RPC status; the message says what, where
// and why, and a hint says what to do next. It does no input or output and has
// no state.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// The classes. Test for one with errors.Is.
var (
	// ErrTraining is training that went wrong, or a check that failed.
	ErrTraining = errors.New("training failed")
	// ErrSpec is a command line or a spec that makes no sense.
	ErrSpec = errors.New("bad spec or command")
	// ErrData is data that is missing, unreadable or contradictory.
	ErrData = errors.New("bad data")
	// ErrNotFound is a spec, model, store or task that does not exist.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable is something that cannot be reached or is not permitted.
	ErrUnavailable = errors.New("unavailable")
	// ErrInterrupted is work stopped on request, with its state saved.
	ErrInterrupted = errors.New("interrupted")
)

// The exit codes of g2c, in the order of the classes above.
const (
	ExitDone        = 0
	ExitTraining    = 1
	ExitSpec        = 2
	ExitData        = 3
	ExitNotFound    = 4
	ExitUnavailable = 5
	ExitInterrupted = 130
)

// Error is an error of a class with a hint.
type Error struct {
	Class error  // one of the classes above
	Msg   string // what, where and why
	Hint  string // what to do next; may be empty
	cause error  // what the message wraps; may be nil
}

// Error returns the message and the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + " (" + e.Hint + ")"
}

// Unwrap makes both the class and the cause visible to errors.Is.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Class}
	}
	return []error{e.Class, e.cause}
}

// WithHint sets what the user should do next and returns e.
func (e *Error) WithHint(format string, a ...any) *Error {
	e.Hint = fmt.Sprintf(format, a...)
	return e
}

// New makes an error of a class; each %w in the format keeps its argument in the
// chain.
func New(class error, format string, a ...any) *Error {
	err := fmt.Errorf(format, a...)
	cause := errors.Unwrap(err)
	if _, several := err.(interface{ Unwrap() []error }); several {
		cause = err
	}
	return &Error{Class: class, Msg: err.Error(), cause: cause}
}

// ExitCode is the exit code of g2c for an error; 0 for nil, 1 for an error of
// no class. A context that was cancelled is an interrupt wherever it was met:
// what stops before any state was made has none to save.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	for _, c := range []struct {
		class error
		code  int
	}{
		{ErrInterrupted, ExitInterrupted},
		{context.Canceled, ExitInterrupted},
		{ErrSpec, ExitSpec},
		{ErrData, ExitData},
		{ErrNotFound, ExitNotFound},
		{ErrUnavailable, ExitUnavailable},
	} {
		if errors.Is(err, c.class) {
			return c.code
		}
	}
	return ExitTraining
}

// Package rpcerr is the one table of errors that cross the wire: for each kind its
// name there, its gRPC code, and the class that decides the exit code. Status writes
// an error for the wire and FromStatus reads it, so that errors.Is finds the same
// kind and class on both sides.
//
// It knows nothing of what an error is about: servers wrap their own errors in a
// kind. It has no state.
package rpcerr

import (
	"google.golang.org/grpc/codes"

	"g2c/internal/fault"
)

// Kind is a kind of error that callers can tell from others. It is an error itself,
// to be wrapped and to be found with errors.Is.
type Kind struct {
	Reason string     // its name on the wire, for ever
	Code   codes.Code // of its status
	Class  error      // one of fault's
	Again  bool       // the same call may succeed by itself a little later
	text   string
}

// Error implements error.
func (k *Kind) Error() string { return k.text }

// Unwrap makes the class visible to errors.Is.
func (k *Kind) Unwrap() error { return k.Class }

// What a caller can meet. New kinds are added; a reason is never given another
// meaning.
var (
	// BadRequest is a call that makes no sense.
	BadRequest = kind("BAD_REQUEST", codes.InvalidArgument, fault.ErrSpec, "bad request")
	// BadWork is a work that does not fit its key or its form.
	BadWork = kind("BAD_WORK", codes.InvalidArgument, fault.ErrSpec, "bad work")
	// TooLarge is more than one call or one experiment may hold.
	TooLarge = kind("TOO_LARGE", codes.InvalidArgument, fault.ErrSpec, "too large")
	// RequestReused is a request id that came before with another request.
	RequestReused = kind("REQUEST_REUSED", codes.InvalidArgument, fault.ErrSpec, "request id was used for another request")
	// BadData is data that is not what it is said to be.
	BadData = kind("BAD_DATA", codes.InvalidArgument, fault.ErrData, "bad data")
	// DataMissing is data that no worker could open.
	DataMissing = kind("DATA_MISSING", codes.FailedPrecondition, fault.ErrData, "data is missing")
	// InputMissing is an input that is neither stored nor being made.
	InputMissing = kind("INPUT_MISSING", codes.FailedPrecondition, fault.ErrNotFound, "input is missing")

	// NotFound is a thing that there is not, or that the caller may not see.
	NotFound = kind("NOT_FOUND", codes.NotFound, fault.ErrNotFound, "not found")
	// Ambiguous is the beginning of more than one key.
	Ambiguous = kind("AMBIGUOUS", codes.InvalidArgument, fault.ErrSpec, "ambiguous")
	// Exists is a name that is taken.
	Exists = kind("EXISTS", codes.AlreadyExists, fault.ErrSpec, "exists already")
	// Conflict is an act that does not fit what has become of its object.
	Conflict = kind("CONFLICT", codes.FailedPrecondition, fault.ErrUnavailable, "does not fit the state")
	// Stale is word of a worker's process that is not the current one.
	Stale = kind("STALE", codes.FailedPrecondition, fault.ErrUnavailable, "stale")
	// Replaced is a worker's session after another process took its name.
	Replaced = kind("REPLACED", codes.Aborted, fault.ErrUnavailable, "another process took the worker's name")

	// Unauthenticated is a caller who did not show who they are.
	Unauthenticated = kind("UNAUTHENTICATED", codes.Unauthenticated, fault.ErrUnavailable, "not authenticated")
	// NotPermitted is a caller who may not do that.
	NotPermitted = kind("NOT_PERMITTED", codes.PermissionDenied, fault.ErrUnavailable, "not permitted")

	// TooMany is more of something than the coordinator holds.
	TooMany = kind("TOO_MANY", codes.ResourceExhausted, fault.ErrUnavailable, "too many")
	// TooFast is a caller who asks more often than they may.
	TooFast = again("TOO_FAST", codes.ResourceExhausted, "too many requests in too short a time")
	// NoLeader is a cluster without a leader, as far as the coordinator knows.
	NoLeader = again("NO_LEADER", codes.Unavailable, "no coordinator leads at the moment")
	// OutcomeUnknown is a write of which nobody knows whether it happened.
	OutcomeUnknown = again("OUTCOME_UNKNOWN", codes.Unavailable, "it is not known whether the write happened")
	// Unreachable is a coordinator that does not answer.
	Unreachable = again("UNREACHABLE", codes.Unavailable, "cannot be reached")
	// StoreFailed is the store of checkpoints and data failing.
	StoreFailed = again("STORE_FAILED", codes.Unavailable, "the coordinator's store failed")
	// TooSlow is a call that did not end in its time.
	TooSlow = kind("TOO_SLOW", codes.DeadlineExceeded, fault.ErrUnavailable, "no answer in time")
	// Interrupted is a call that its caller gave up.
	Interrupted = kind("INTERRUPTED", codes.Canceled, fault.ErrInterrupted, "interrupted")
	// Unsupported is a call that the coordinator's release does not know.
	Unsupported = kind("UNSUPPORTED", codes.Unimplemented, fault.ErrUnavailable, "the coordinator does not know this call")
	// Internal is a fault of the coordinator.
	Internal = kind("INTERNAL", codes.Internal, fault.ErrUnavailable, "internal error of the coordinator")
)

// kinds is the table, by reason.
var kinds = map[string]*Kind{}

func kind(reason string, code codes.Code, class error, text string) *Kind {
	if kinds[reason] != nil {
		panic("rpcerr: two kinds are called " + reason)
	}
	k := &Kind{Reason: reason, Code: code, Class: class, text: text}
	kinds[reason] = k
	return k
}

// again makes a kind that passes by itself.
func again(reason string, code codes.Code, text string) *Kind {
	k := kind(reason, code, fault.ErrUnavailable, text)
	k.Again = true
	return k
}

// Kinds lists every kind, by reason.
func Kinds() map[string]*Kind {
	all := make(map[string]*Kind, len(kinds))
	for reason, k := range kinds {
		all[reason] = k
	}
	return all
}

// byCode is the kind of a status that names none: of a library below, or of a
// release that knows more kinds.
func byCode(c codes.Code) *Kind {
	switch c {
	case codes.InvalidArgument, codes.OutOfRange:
		return BadRequest
	case codes.NotFound:
		return NotFound
	case codes.AlreadyExists:
		return Exists
	case codes.FailedPrecondition, codes.Aborted:
		return Conflict
	case codes.Unauthenticated:
		return Unauthenticated
	case codes.PermissionDenied:
		return NotPermitted
	case codes.ResourceExhausted:
		return TooMany
	case codes.Unavailable:
		return Unreachable
	case codes.DeadlineExceeded:
		return TooSlow
	case codes.Canceled:
		return Interrupted
	case codes.Unimplemented:
		return Unsupported
	}
	return Internal
}

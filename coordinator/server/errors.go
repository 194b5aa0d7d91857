package server

import (
	"context"
	"errors"

	"g2c/api/rpcerr"
	"g2c/checkpoint/store"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
)

// meanings say which kind of error on the wire each refusal of ours is.
var meanings = []struct {
	err  error
	kind *rpcerr.Kind
}{
	{state.ErrUnknownTask, rpcerr.NotFound},
	{state.ErrUnknownExperiment, rpcerr.NotFound},
	{state.ErrUnknownWorker, rpcerr.NotFound},
	{state.ErrUnknownToken, rpcerr.NotFound},
	{state.ErrUnknownProject, rpcerr.NotFound},
	{state.ErrUnknownUser, rpcerr.NotFound},
	{state.ErrExists, rpcerr.Exists},
	{state.ErrBadWork, rpcerr.BadWork},
	{state.ErrBadGang, rpcerr.BadWork},
	{state.ErrNotPending, rpcerr.Conflict},
	{state.ErrNotRunning, rpcerr.Conflict},
	{state.ErrNotReady, rpcerr.Conflict},
	{state.ErrNotWanted, rpcerr.Conflict},
	{state.ErrHeld, rpcerr.Conflict},
	{state.ErrStale, rpcerr.Stale},
	{state.ErrNoSlots, rpcerr.Conflict},
	{state.ErrWrongClass, rpcerr.Conflict},
	{state.ErrNoAddress, rpcerr.Conflict},
	{state.ErrClosed, rpcerr.Conflict},
	{state.ErrQuota, rpcerr.Conflict},
	{state.ErrRequestReused, rpcerr.RequestReused},
	{state.ErrLimit, rpcerr.TooMany},
	{command.ErrMalformed, rpcerr.BadRequest},
	{command.ErrNewer, rpcerr.Conflict},
	{replica.ErrAway, rpcerr.Conflict},
	{replica.ErrClosed, rpcerr.NoLeader},
	{store.ErrFull, rpcerr.StoreFailed},
	{store.ErrDenied, rpcerr.StoreFailed},
}

// hints say what to do about some of them.
var hints = map[error]string{
	state.ErrUnknownWorker:  "`g2c workers ls` lists them",
	state.ErrUnknownToken:   "`g2c token ls` lists them",
	state.ErrUnknownUser:    "`g2c users ls` lists them",
	state.ErrUnknownProject: "`g2c projects set NAME` makes one, and `g2c projects ls` lists them",
}

// explain gives an error its kind on the wire, if it has none.
func explain(err error) error {
	var k *rpcerr.Kind
	var not *replica.NotLeader
	switch {
	case err == nil, errors.As(err, &k), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &not):
		return rpcerr.New(rpcerr.NoLeader, "%w", err)
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			return rpcerr.New(m.kind, "%w", err).WithHint("%s", hints[m.err])
		}
	}
	return err
}

// storeFailed says that the store did, what was being done, and why.
func storeFailed(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return rpcerr.New(rpcerr.StoreFailed, "%s: %w", what, err).WithHint("look at the coordinator's store and its log")
}

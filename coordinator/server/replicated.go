package server

import (
	"cmp"
	"context"
	"errors"

	"g2c/api/rpcerr"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
	"g2c/internal/clock"
)

// replicated is the state as the coordinators share it: reads that are certain, and writes of
// which it is known what became of them.
type replicated struct {
	replica.Replica
	clock clock.Clock
}

// nowMS is the time, as the state counts it.
func (s *replicated) nowMS() int64 { return s.clock.Now().UnixMilli() }

// latest is Replica.Read. A leadership that ends meanwhile may end it like a caller who
// gives up, which is another thing.
func (s *replicated) latest(ctx context.Context) (*state.Snapshot, error) {
	snapshot, err := s.Read(ctx)
	if err != nil && ctx.Err() == nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil, rpcerr.New(rpcerr.NoLeader, "%s cannot be sure that it leads: %w", s.ID(), err)
	}
	return snapshot, explain(err)
}

func (s *replicated) leadsNoMore() error {
	return rpcerr.New(rpcerr.NoLeader, "%s leads no more", s.ID())
}

// propose has an entry applied here, and waits until this replica has it. An error
// says that it is not known what became of it if its kind is OutcomeUnknown, and
// otherwise that it was not written.
func (s *replicated) propose(ctx context.Context, e command.Entry) (state.Result, error) {
	results, err := s.proposeAll(ctx, []command.Entry{e})
	if err != nil {
		return state.Result{}, err
	}
	return results[0], nil
}

// proposeAll is propose for several entries, in order: an error ends it, and results
// are of those before.
func (s *replicated) proposeAll(ctx context.Context, entries []command.Entry) ([]state.Result, error) {
	results, err := s.ProposeAll(ctx, entries)
	if n := len(results); n > 0 {
		select {
		case <-s.Advanced(results[n-1].Index - 1):
		case <-ctx.Done():
			err = cmp.Or(err, ctx.Err())
		}
	}
	var not *replica.NotLeader
	switch {
	case err == nil:
		return results, nil
	case errors.As(err, &not), errors.Is(err, command.ErrMalformed), errors.Is(err, command.ErrNewer), errors.Is(err, replica.ErrAway), errors.Is(err, replica.ErrClosed):
		return results, explain(err)
	}
	return results, rpcerr.New(rpcerr.OutcomeUnknown, "write to the log: %w", err).WithHint("repeat it with the same request_id")
}

// raiseFresh raises the level of a cluster in which nothing was ever submitted. It says
// whether the cluster still waits for that, and why.
func (s *replicated) raiseFresh(ctx context.Context) (waits bool, err error) {
	snapshot := s.Snapshot()
	if snapshot.Level() >= command.Level || snapshot.Submitted() {
		return false, nil
	}
	_, err = s.propose(ctx, command.Entry{Command: command.Raise{Level: command.Level}})
	return err != nil, err
}

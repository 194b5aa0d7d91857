package server

import (
	"cmp"
	"context"
	"errors"

	"g2c/api"
	"g2c/api/rpcerr"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
)

// maxRequestID bounds the name of a request, which the state remembers.
const maxRequestID = 128

// write has somebody's wish applied under its request id.
func (s *Server) write(ctx context.Context, request string, c command.Command) (state.Result, error) {
	if request == "" || len(request) > maxRequestID {
		return state.Result{}, rpcerr.New(rpcerr.BadRequest, "a write needs a request_id of 1 to %d bytes, not %d", maxRequestID, len(request)).
			WithHint("make a new random one for each write, and keep it when you repeat the write")
	}
	w := whoOf(ctx)
	r, err := s.propose(ctx, command.Entry{Request: request, Principal: w.principal, Command: c})
	if err != nil {
		return r, err
	}
	verb, subject := command.Describe(c)
	log := s.cfg.Log.With("principal", w.principal, "verb", verb, "subject", subject, "index", r.Index, "repeated", r.Repeated)
	if r.Err != nil {
		log = log.With("refused", r.Err)
	}
	log.Info("write")
	return r, r.Err
}

// propose has an entry applied here, and waits until this replica has it. An error
// says that it is not known what became of it if its kind is OutcomeUnknown, and
// otherwise that it was not written.
func (s *Server) propose(ctx context.Context, e command.Entry) (state.Result, error) {
	results, err := s.proposeAll(ctx, []command.Entry{e})
	if err != nil {
		return state.Result{}, err
	}
	return results[0], nil
}

// proposeAll is propose for several entries, in order: an error ends it, and results
// are of those before.
func (s *Server) proposeAll(ctx context.Context, entries []command.Entry) ([]state.Result, error) {
	results, err := s.cfg.Replica.ProposeAll(ctx, entries)
	if n := len(results); n > 0 {
		select {
		case <-s.cfg.Replica.Advanced(results[n-1].Index - 1):
		case <-ctx.Done():
			err = cmp.Or(err, ctx.Err())
		}
	}
	var not *replica.NotLeader
	switch {
	case err == nil:
		return results, nil
	case errors.As(err, &not), errors.Is(err, command.ErrMalformed), errors.Is(err, command.ErrNewer), errors.Is(err, replica.ErrClosed):
		return results, explain(err)
	}
	return results, rpcerr.New(rpcerr.OutcomeUnknown, "write to the log: %w", err).WithHint("repeat it with the same request_id")
}

// leave is the command that removes a worker. It names the process that is meant, where
// the cluster knows one from the next.
func leave(snapshot *state.Snapshot, worker string) command.Leave {
	c := command.Leave{Worker: worker}
	if w := snapshot.Worker(worker); w != nil && snapshot.Level() >= api.LevelWishes {
		c.Incarnation = w.Incarnation
	}
	return c
}

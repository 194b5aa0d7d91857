package server

import (
	"context"
	"errors"

	"g2c/api/rpcerr"
	"g2c/coordinator/state"
)

// read is the state with everything acknowledged before the call, as the caller sees
// it.
func (s *Server) read(ctx context.Context) (*view, error) {
	v, _, err := s.readDuring(ctx)
	return v, err
}

// readDuring is read for a call that goes on, which ends with the leadership.
func (s *Server) readDuring(ctx context.Context) (*view, *leadership, error) {
	r, err := s.leadingNow()
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := s.latest(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &view{Snapshot: snapshot, who: whoOf(ctx), live: r}, r, nil
}

// latest is Replica.Read. A leadership that ends meanwhile may end it like a caller who
// gives up, which is another thing.
func (s *Server) latest(ctx context.Context) (*state.Snapshot, error) {
	snapshot, err := s.cfg.Replica.Read(ctx)
	if err != nil && ctx.Err() == nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil, rpcerr.New(rpcerr.NoLeader, "%s cannot be sure that it leads: %w", s.cfg.Replica.ID(), err)
	}
	return snapshot, explain(err)
}

// now is the state as far as this replica has it, as the caller sees it: after a
// write of this call's own it has that.
func (s *Server) now(ctx context.Context) (*view, error) {
	r, err := s.leadingNow()
	if err != nil {
		return nil, err
	}
	return &view{Snapshot: s.cfg.Replica.Snapshot(), who: whoOf(ctx), live: r}, nil
}

// leadingNow is the leadership, if there is one.
func (s *Server) leadingNow() (*leadership, error) {
	if r, _ := s.leading(); r != nil {
		return r, nil
	}
	return nil, s.leadsNoMore()
}

func (s *Server) leadsNoMore() error {
	return rpcerr.New(rpcerr.NoLeader, "%s leads no more", s.cfg.Replica.ID())
}

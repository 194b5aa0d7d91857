package server

import (
	"context"

	"g2c/api/rpcerr"
)

// read is the state with everything acknowledged before the call, as the caller sees
// it.
func (s *Server) read(ctx context.Context) (*view, error) {
	r, _ := s.reigning()
	if r == nil {
		return nil, rpcerr.New(rpcerr.NoLeader, "%s leads no more", s.cfg.Replica.ID())
	}
	snapshot, err := s.cfg.Replica.Read(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return &view{reign: r, Snapshot: snapshot, who: whoOf(ctx)}, nil
}

// now is the state as far as this replica has it, as the caller sees it: after a
// write of this call's own it has that.
func (s *Server) now(ctx context.Context) (*view, error) {
	r, _ := s.reigning()
	if r == nil {
		return nil, rpcerr.New(rpcerr.NoLeader, "%s leads no more", s.cfg.Replica.ID())
	}
	return &view{reign: r, Snapshot: s.cfg.Replica.Snapshot(), who: whoOf(ctx)}, nil
}

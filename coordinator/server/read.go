package server

import (
	"context"
	"log/slog"
)

// records is the state as callers read and write it: each sees what it may, and each write has
// a request id and a principal.
type records struct {
	*replicated
	terms *terms
	log   *slog.Logger
}

// read is the state with everything acknowledged before the call, as the caller sees
// it.
func (s *records) read(ctx context.Context) (*view, error) {
	v, _, err := s.readDuring(ctx)
	return v, err
}

// readDuring is read for a call that goes on, which ends with the leadership.
func (s *records) readDuring(ctx context.Context) (*view, *leadership, error) {
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

// now is the state as far as this replica has it, as the caller sees it: after a
// write of this call's own it has that.
func (s *records) now(ctx context.Context) (*view, error) {
	r, err := s.leadingNow()
	if err != nil {
		return nil, err
	}
	return &view{Snapshot: s.Snapshot(), who: whoOf(ctx), live: r}, nil
}

// leadingNow is the leadership, if there is one.
func (s *records) leadingNow() (*leadership, error) {
	if r, _ := s.terms.now(); r != nil {
		return r, nil
	}
	return nil, s.leadsNoMore()
}

package server

import (
	"context"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
)

// suspect has a gang go on without the members that do not answer one of them. A lease
// takes long to end, and a gang stands still meanwhile; what is lost if the suspects live
// is a generation. They keep their slots until they say that they have left them, or their
// lease ends. Of two that suspect each other the one that is heard first stays.
func (s *session) suspect(m *apiv1.Suspect) error {
	k, err := api.ParseKey(m.Task)
	if err != nil {
		return rpcerr.New(rpcerr.BadRequest, "suspicion of %s: %w", s.worker, err)
	}
	if len(m.Workers) > command.MaxParts {
		return rpcerr.New(rpcerr.TooLarge, "%d suspects, at most %d", len(m.Workers), command.MaxParts)
	}
	c, ok := scheduler.Regroup(s.cfg.Replica.Snapshot(), k, m.Generation, s.worker, m.Workers)
	if !ok {
		return nil // the gang is another already, or too small without them: their leases decide
	}
	s.cfg.Log.Warn("members of a gang do not answer: it goes on without them", "task", k.Short(), "generation", m.Generation,
		"suspects", m.Workers, "reported by", s.worker, "why", clip(m.Reason, maxReason))
	ctx, cancel := context.WithTimeout(s.ctx, reportTimeout)
	defer cancel()
	r, err := s.propose(ctx, command.Entry{Command: c})
	if r.Err != nil {
		s.cfg.Log.Debug("the state moved on before a gang was regrouped", "task", k.Short(), "why", r.Err)
	}
	return err
}

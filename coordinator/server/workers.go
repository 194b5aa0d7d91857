package server

import (
	"context"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// workers is apiv1.WorkerServiceServer.
type workers struct {
	apiv1.UnimplementedWorkerServiceServer
	*records
	host *hosting
}

// ListWorkers implements apiv1.WorkerServiceServer.
func (s *workers) ListWorkers(ctx context.Context, req *apiv1.ListWorkersRequest) (*apiv1.ListWorkersResponse, error) {
	v, from, err := s.pageBegins(ctx, req.PageToken)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(v.Workers(from), req.PageSize, func(w *state.Worker) string { return w.ID }, v.worker)
	return &apiv1.ListWorkersResponse{Workers: page, NextPageToken: next}, nil
}

// SetWorkerMode implements apiv1.WorkerServiceServer.
func (s *workers) SetWorkerMode(ctx context.Context, req *apiv1.SetWorkerModeRequest) (*apiv1.SetWorkerModeResponse, error) {
	mode, ok := modeOf(req.Mode)
	if !ok || req.Id == "" {
		return nil, rpcerr.New(rpcerr.BadRequest, "worker %.100q, mode %v: name a worker and one of the modes", req.Id, req.Mode)
	}
	if mode == command.Maintenance && req.UntilMs <= req.FromMs {
		return nil, rpcerr.New(rpcerr.BadRequest, "maintenance of %s ends before it begins", req.Id)
	}
	r, err := s.write(ctx, req, command.SetMode{
		Worker: req.Id, Mode: mode, From: req.FromMs, Until: req.UntilMs, Reason: clip(req.Reason, maxReason),
	})
	if err != nil {
		return nil, err
	}
	v, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	resp := &apiv1.SetWorkerModeResponse{Index: r.Index}
	if w := v.Worker(req.Id); w != nil {
		resp.Worker = v.worker(w)
	}
	return resp, nil
}

// RemoveWorker implements apiv1.WorkerServiceServer.
func (s *workers) RemoveWorker(ctx context.Context, req *apiv1.RemoveWorkerRequest) (*apiv1.RemoveWorkerResponse, error) {
	_, during, err := s.readDuring(ctx)
	if err != nil {
		return nil, err
	}
	turn := during.registry.turn(req.Id) // it cannot join meanwhile
	turn.Lock()
	defer turn.Unlock()
	if during.connected(req.Id) {
		return nil, rpcerr.New(rpcerr.Conflict, "worker %s is connected", req.Id).WithHint("drain it and stop its process first")
	}
	if req.Id == "" {
		return nil, rpcerr.New(rpcerr.BadRequest, "no worker is named")
	}
	snapshot := s.Snapshot()
	var incarnation uint64
	if w := snapshot.Worker(req.Id); w != nil {
		incarnation = w.Incarnation
	}
	r, err := s.write(ctx, req, leave(snapshot, req.Id, incarnation))
	return &apiv1.RemoveWorkerResponse{Index: r.Index}, err
}

// leave is the command that forgets one process of a worker, and none that came after it.
func leave(snapshot *state.Snapshot, worker string, incarnation uint64) command.Leave {
	if snapshot.Level() < api.LevelWishes {
		incarnation = 0
	}
	return command.Leave{Worker: worker, Incarnation: incarnation}
}

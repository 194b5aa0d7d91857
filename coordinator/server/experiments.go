package server

import (
	"context"
	"errors"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// experiments is apiv1.ExperimentServiceServer.
type experiments struct {
	apiv1.UnimplementedExperimentServiceServer
	*records
	auth      standing
	artifacts *artifacts
	bulk      *share // bytes of memory for messages of submissions
}

// GetExperiment implements apiv1.ExperimentServiceServer.
func (s *experiments) GetExperiment(ctx context.Context, req *apiv1.GetExperimentRequest) (*apiv1.GetExperimentResponse, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	e, err := v.experimentOf(req.Id)
	if err != nil {
		return nil, err
	}
	return &apiv1.GetExperimentResponse{Experiment: v.experiment(e), Index: v.Index()}, nil
}

// ListExperiments implements apiv1.ExperimentServiceServer.
func (s *experiments) ListExperiments(ctx context.Context, req *apiv1.ListExperimentsRequest) (*apiv1.ListExperimentsResponse, error) {
	from, err := pageFromNumber(req.PageToken)
	if err != nil {
		return nil, err
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	resp := &apiv1.ListExperimentsResponse{}
	for e := range v.Experiments(from) {
		if !v.who.sees(e.Project) || req.Project != "" && e.Project != req.Project {
			continue
		}
		if len(resp.Experiments) == pageSize(req.PageSize) {
			resp.NextPageToken = pageTokenOfNumber(e.Seq)
			break
		}
		resp.Experiments = append(resp.Experiments, v.experiment(e))
	}
	return resp, nil
}

// CancelExperiment implements apiv1.ExperimentServiceServer.
func (s *experiments) CancelExperiment(ctx context.Context, req *apiv1.CancelExperimentRequest) (*apiv1.CancelExperimentResponse, error) {
	m, index, err := s.change(ctx, req.Id, req, command.Cancel{Experiment: req.Id, Reason: clip(req.Reason, maxReason)})
	return &apiv1.CancelExperimentResponse{Experiment: m, Index: index}, err
}

// HoldExperiment implements apiv1.ExperimentServiceServer.
func (s *experiments) HoldExperiment(ctx context.Context, req *apiv1.HoldExperimentRequest) (*apiv1.HoldExperimentResponse, error) {
	m, index, err := s.change(ctx, req.Id, req, command.Hold{Experiment: req.Id, Reason: clip(req.Reason, maxReason)})
	return &apiv1.HoldExperimentResponse{Experiment: m, Index: index}, err
}

// ReleaseExperiment implements apiv1.ExperimentServiceServer.
func (s *experiments) ReleaseExperiment(ctx context.Context, req *apiv1.ReleaseExperimentRequest) (*apiv1.ReleaseExperimentResponse, error) {
	m, index, err := s.change(ctx, req.Id, req, command.Release{Experiment: req.Id})
	return &apiv1.ReleaseExperimentResponse{Experiment: m, Index: index}, err
}

// RetryExperiment implements apiv1.ExperimentServiceServer.
func (s *experiments) RetryExperiment(ctx context.Context, req *apiv1.RetryExperimentRequest) (*apiv1.RetryExperimentResponse, error) {
	m, index, err := s.change(ctx, req.Id, req, command.Retry{Experiment: req.Id})
	return &apiv1.RetryExperimentResponse{Experiment: m, Index: index}, err
}

// change writes a command about an experiment that the caller may see, and returns
// what has become of it.
func (s *experiments) change(ctx context.Context, id string, m request, c command.Command) (*apiv1.Experiment, uint64, error) {
	if id == "" {
		return nil, 0, rpcerr.New(rpcerr.BadRequest, "no experiment is named").WithHint("`g2c ps` lists them")
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, 0, err
	}
	if _, err := v.experimentOf(id); err != nil {
		return nil, 0, err
	}
	if _, err := s.write(ctx, m, c); errors.Is(err, state.ErrNotWanted) {
		return nil, 0, rpcerr.New(rpcerr.Conflict, "%s was cancelled: %w", id, err).WithHint("submit the spec again: what is done stays done")
	} else if err != nil {
		return nil, 0, err
	}
	if v, err = s.now(ctx); err != nil {
		return nil, 0, err
	}
	e, err := v.experimentOf(id)
	if err != nil {
		return nil, 0, err
	}
	return v.experiment(e), v.Index(), nil
}

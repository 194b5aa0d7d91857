package server

import (
	"context"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
)

// ListProjects implements apiv1.ClusterServiceServer.
func (s *cluster) ListProjects(ctx context.Context, req *apiv1.ListProjectsRequest) (*apiv1.ListProjectsResponse, error) {
	v, from, err := s.pageBegins(ctx, req.PageToken)
	if err != nil {
		return nil, err
	}
	seen := func(yield func(string) bool) {
		for p := range v.Projects() {
			if p.Name >= from && v.who.sees(p.Name) && !yield(p.Name) {
				return
			}
		}
	}
	page, next := pageOf(seen, req.PageSize, func(name string) string { return name }, v.project)
	return &apiv1.ListProjectsResponse{Projects: page, NextPageToken: next}, nil
}

func (v *view) project(name string) *apiv1.Project {
	p := v.Project(name)
	return &apiv1.Project{Name: name, Weight: uint32(p.Weight), Quota: uint32(p.Quota), Used: uint32(v.Usage(name))}
}

// SetProject implements apiv1.ClusterServiceServer.
func (s *cluster) SetProject(ctx context.Context, req *apiv1.SetProjectRequest) (*apiv1.SetProjectResponse, error) {
	if req.Name == "" || len(req.Name) > maxNameBytes || req.Weight < 1 || req.Weight > command.MaxWeight || int32(req.Quota) < 0 {
		return nil, rpcerr.New(rpcerr.BadRequest, "project %.100q with weight %d and quota %d: a weight is 1 to %d", req.Name, req.Weight, req.Quota, command.MaxWeight)
	}
	r, err := s.write(ctx, req, command.SetProject{Project: req.Name, Weight: int(req.Weight), Quota: int(req.Quota)})
	if err != nil {
		return nil, err
	}
	v, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	return &apiv1.SetProjectResponse{Project: v.project(req.Name), Index: r.Index}, nil
}

// ListAudits implements apiv1.ClusterServiceServer.
func (s *cluster) ListAudits(ctx context.Context, req *apiv1.ListAuditsRequest) (*apiv1.ListAuditsResponse, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	resp := &apiv1.ListAuditsResponse{}
	for a := range v.Audits(req.After + 1) {
		if len(resp.Audits) == pageSize(req.PageSize) {
			resp.More = true
			break
		}
		resp.Audits = append(resp.Audits, &apiv1.Audit{
			Number: a.Number, Index: a.Index, AtMs: a.At, Principal: a.Principal, Verb: a.Verb, Subject: a.Subject, Outcome: a.Outcome,
		})
	}
	return resp, nil
}

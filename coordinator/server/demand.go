package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/scheduler"
)

// ListDemand implements apiv1.WorkerServiceServer. Who has not planned yet has no word on
// demand: a pool is not to shrink since a leader is new.
func (s *workers) ListDemand(ctx context.Context, req *apiv1.ListDemandRequest) (*apiv1.ListDemandResponse, error) {
	from, err := pageFrom(req.PageToken)
	if err != nil {
		return nil, err
	}
	v, during, err := s.readDuring(ctx)
	if err != nil {
		return nil, err
	}
	plan := during.plan.Load()
	if plan == nil {
		return nil, rpcerr.New(rpcerr.NoLeader, "%s has just begun to lead, and has made no plan yet", s.ID())
	}
	needs := plan.Needs()
	at, _ := slices.BinarySearchFunc(needs, from, func(n scheduler.Need, from string) int { return cmp.Compare(nameOf(n), from) })
	seen := func(yield func(scheduler.Need) bool) {
		for _, n := range needs[at:] {
			if v.who.sees(n.Project) && !yield(n) {
				return
			}
		}
	}
	page, next := pageOf(seen, req.PageSize, nameOf, demand)
	return &apiv1.ListDemandResponse{Demand: page, NextPageToken: next, Index: plan.Index()}, nil
}

// nameOf names a need in the order of needs.
func nameOf(n scheduler.Need) string {
	return strings.Join([]string{n.Project, n.Class, n.Device, fmt.Sprintf("%020d", n.Memory), fmt.Sprintf("%020d", n.WorkerSlots)}, "\x00")
}

func demand(n scheduler.Need) *apiv1.Demand {
	return &apiv1.Demand{
		Project: n.Project, Numerics: n.Class, Device: n.Device, MemoryBytes: n.Memory, WorkerSlots: uint32(n.WorkerSlots),
		Running: uint32(n.Running), Waiting: uint32(n.Waiting), Useful: uint32(n.Useful),
	}
}

// emptyWait is how long a call waits for a worker to be empty: shorter than callers wait for
// one coordinator.
const emptyWait = 2 * time.Second

// AwaitEmpty implements apiv1.WorkerServiceServer.
func (s *workers) AwaitEmpty(ctx context.Context, req *apiv1.AwaitEmptyRequest) (*apiv1.AwaitEmptyResponse, error) {
	v, during, err := s.readDuring(ctx)
	if err != nil {
		return nil, err
	}
	over := s.clock.After(emptyWait)
	for late := false; ; {
		w := v.Worker(req.Id)
		if w == nil {
			return nil, rpcerr.New(rpcerr.NotFound, "there is no worker %.100q", req.Id).WithHint("`g2c workers ls` lists them")
		}
		if empty := len(w.Allocations) == 0; empty || late {
			return &apiv1.AwaitEmptyResponse{Worker: v.worker(w), Empty: empty}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-during.ctx.Done():
			return nil, s.leadsNoMore()
		case <-over:
			late = true
		case <-s.Advanced(v.Index()):
		}
		v = &view{Snapshot: s.Snapshot(), who: v.who, live: during}
	}
}

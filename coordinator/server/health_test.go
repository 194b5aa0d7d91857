package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/coordinator/state"
)

// posed is a replica that says of itself what a test wants.
type posed struct {
	replica.Replica
	status replica.Status
	err    error // of what is written; nil for what the replica says
}

func (s *posed) Status() replica.Status { return s.status }

func (s *posed) ProposeAll(ctx context.Context, entries []command.Entry) ([]state.Result, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.Replica.ProposeAll(ctx, entries)
}

// A coordinator is ready once it votes, knows a leader and has caught up.
func TestReady(t *testing.T) {
	r := &posed{Replica: replica.NewMemory("c1", time.Now)}
	s, err := server.New(config(r))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	voter, learner := []replica.Peer{{ID: "c0", Role: replica.Learner}, {ID: "c1", Role: replica.Voter}}, []replica.Peer{{ID: "c0", Role: replica.Voter}, {ID: "c1", Role: replica.Learner}}
	for _, c := range []struct {
		status replica.Status
		says   string // empty for ready
	}{
		{replica.Status{Leader: "c0", Peers: voter, CaughtUp: true}, ""},
		{replica.Status{Peers: voter, CaughtUp: true}, "knows of no leader"},
		{replica.Status{Leader: "c0", Peers: learner, CaughtUp: true}, "does not vote"},
		{replica.Status{Leader: "c0", Peers: voter[:1], CaughtUp: true}, "does not vote"},
		{replica.Status{Leader: "c0", Peers: voter}, "has not caught up"},
		{replica.Status{Leader: "c0", Peers: voter, CaughtUp: true, Committed: 20_000, Applied: 9}, "19991 entries behind"},
	} {
		r.status = c.status
		if err := s.Ready(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.status, err, c.says)
		}
	}
}

// A level that one coordinator cannot be asked about was not raised, and that is said.
func TestRaiseWhileOneIsAway(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	if _, err := m.Propose(t.Context(), command.Entry{Command: command.Raise{Level: command.Level}}); err != nil {
		t.Fatal(err)
	}
	r := &posed{Replica: m, status: m.Status(), err: fmt.Errorf("level 6: %w: c3 is to say whether it reads it", replica.ErrAway)}
	n := serve(t, config(r))
	_, err := call(t, nil, n).Cluster().RaiseLevel(t.Context(), &apiv1.RaiseLevelRequest{RequestId: client.RequestID(), Level: command.Level})
	if !errors.Is(err, rpcerr.Conflict) || errors.Is(err, rpcerr.OutcomeUnknown) || !strings.Contains(err.Error(), "c3") {
		t.Errorf("it ends with %v", err)
	}
}

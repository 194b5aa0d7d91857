package server

import (
	"context"
	"encoding/hex"
	"net"

	"google.golang.org/grpc"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
)

// cluster is apiv1.ClusterServiceServer.
type cluster struct {
	apiv1.UnimplementedClusterServiceServer
	*records
	change replica.Members // nil where the coordinators cannot change
}

// Status implements apiv1.ClusterServiceServer. Without a leader it says what is
// known here.
func (s *cluster) Status(context.Context, *apiv1.StatusRequest) (*apiv1.StatusResponse, error) {
	snapshot, st := s.Snapshot(), s.Replica.Status()
	n := snapshot.Counts()
	m := &apiv1.StatusResponse{
		Node: s.ID(), Leader: st.Leader, Term: st.Term, Committed: st.Committed, Applied: st.Applied,
		StateHash: hex.EncodeToString(st.Hash[:]), Level: uint32(snapshot.Level()),
		Pending: uint32(n.Pending), Running: uint32(n.Placed + n.Running),
	}
	for _, p := range st.Peers {
		m.Members = append(m.Members, &apiv1.Member{Id: p.ID, Address: p.Address, Role: p.Role, Healthy: p.Healthy, Replaced: p.Replaced})
	}
	r, _ := s.terms.now()
	for w := range snapshot.Workers("") {
		m.Workers++
		if !w.Lost {
			m.Slots += uint32(w.Slots)
			m.SlotsFree += uint32(w.Free())
		}
		if r != nil && r.connected(w.ID) {
			m.WorkersConnected++
		}
	}
	return m, nil
}

// members is how the coordinators are changed, if they can be.
func (s *cluster) members() (replica.Members, error) {
	if s.change == nil {
		return nil, rpcerr.New(rpcerr.Unsupported, "this cluster is one coordinator for good").WithHint("start a new one with --bootstrap and restore a backup into it")
	}
	return s.change, nil
}

// fresh refuses a request whose id came before with another content: an act is done
// before it is recorded.
func (s *cluster) fresh(ctx context.Context, m request) error {
	content, err := contentOf(m)
	if err != nil {
		return err
	}
	return s.unused(ctx, m.GetRequestId(), content)
}

// audit records an act that no command of the state does.
func (s *cluster) audit(ctx context.Context, m request, verb, subject string, act error) error {
	outcome := "ok"
	if act != nil {
		outcome = clip(act.Error(), maxReason)
	}
	// An act is done or not, whatever becomes of its record: that is for the log then.
	if _, err := s.write(ctx, m, command.Audit{Verb: verb, Subject: subject, Outcome: outcome}); err != nil {
		s.log.Warn("an act was not recorded", "principal", whoOf(ctx).principal, "verb", verb, "subject", subject, "outcome", outcome, "why", err)
	}
	return act
}

// AddMember implements apiv1.ClusterServiceServer.
func (s *cluster) AddMember(ctx context.Context, req *apiv1.AddMemberRequest) (*apiv1.AddMemberResponse, error) {
	m, err := s.members()
	if err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(req.Address); err != nil || req.Id == "" || len(req.Id) > maxNameBytes {
		return nil, rpcerr.New(rpcerr.BadRequest, "a member has an id and an address of the form host:port, not %.100q and %.100q", req.Id, req.Address)
	}
	if w := whoOf(ctx); w.caller.Role == Coordinator && w.caller.Name != req.Id {
		return nil, rpcerr.New(rpcerr.NotPermitted, "%s asks for %s to take part: a coordinator asks for itself", w.caller, req.Id)
	}
	if err := s.fresh(ctx, req); err != nil {
		return nil, err
	}
	err = m.Add(ctx, replica.Peer{ID: req.Id, Address: req.Address, Role: replica.Learner})
	return &apiv1.AddMemberResponse{}, s.audit(ctx, req, "add member", req.Id+"@"+req.Address, err)
}

// RemoveMember implements apiv1.ClusterServiceServer.
func (s *cluster) RemoveMember(ctx context.Context, req *apiv1.RemoveMemberRequest) (*apiv1.RemoveMemberResponse, error) {
	m, err := s.members()
	if err != nil {
		return nil, err
	}
	if req.Id == "" || len(req.Id) > maxNameBytes {
		return nil, rpcerr.New(rpcerr.BadRequest, "no member is called %.100q", req.Id)
	}
	if err := s.fresh(ctx, req); err != nil {
		return nil, err
	}
	err = m.Remove(ctx, req.Id)
	return &apiv1.RemoveMemberResponse{}, s.audit(ctx, req, "remove member", req.Id, err)
}

// TransferLeadership implements apiv1.ClusterServiceServer.
func (s *cluster) TransferLeadership(ctx context.Context, req *apiv1.TransferLeadershipRequest) (*apiv1.TransferLeadershipResponse, error) {
	m, err := s.members()
	if err != nil {
		return nil, err
	}
	// Afterwards this coordinator cannot record anything.
	if _, err := s.write(ctx, req, command.Audit{Verb: "transfer leadership", Subject: s.ID(), Outcome: "asked for"}); err != nil {
		return nil, err
	}
	return &apiv1.TransferLeadershipResponse{}, m.Transfer(ctx)
}

// RaiseLevel implements apiv1.ClusterServiceServer.
func (s *cluster) RaiseLevel(ctx context.Context, req *apiv1.RaiseLevelRequest) (*apiv1.RaiseLevelResponse, error) {
	if req.Level < 1 || req.Level > command.Level {
		return nil, rpcerr.New(rpcerr.BadRequest, "level %d: this release reads 1 to %d", req.Level, command.Level).
			WithHint("bring every coordinator to the newer release first")
	}
	r, err := s.write(ctx, req, command.Raise{Level: int(req.Level)})
	return &apiv1.RaiseLevelResponse{Index: r.Index}, err
}

// chunkBytes is how much of a file goes in one message.
const chunkBytes = 1 << 20

// Backup implements apiv1.ClusterServiceServer.
func (s *cluster) Backup(_ *apiv1.BackupRequest, stream grpc.ServerStreamingServer[apiv1.BackupResponse]) error {
	m, err := s.members()
	if err != nil {
		return err
	}
	s.log.Info("backup", "principal", whoOf(stream.Context()).principal)
	out := &chunks{send: func(b []byte) error { return stream.Send(&apiv1.BackupResponse{Chunk: b}) }}
	if err := m.Backup(stream.Context(), out); err != nil {
		return err
	}
	return out.flush()
}

// chunks is a writer of messages.
type chunks struct {
	send func([]byte) error
	buf  []byte
}

// Write implements io.Writer.
func (c *chunks) Write(p []byte) (int, error) {
	c.buf = append(c.buf, p...)
	for len(c.buf) >= chunkBytes {
		if err := c.send(c.buf[:chunkBytes]); err != nil {
			return 0, err
		}
		c.buf = append([]byte(nil), c.buf[chunkBytes:]...) // what was sent may still be read
	}
	return len(p), nil
}

func (c *chunks) flush() error {
	if len(c.buf) == 0 {
		return nil
	}
	return c.send(c.buf)
}

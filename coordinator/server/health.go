package server

import (
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"g2c/api/rpcerr"
	"g2c/coordinator/replica"
)

// maxLag is how many committed entries a coordinator may have left to apply and
// still be called healthy.
const maxLag = 10_000

// Healthy says whether this coordinator can answer: it leads or knows who does, and
// is not far behind.
func (s *Server) Healthy() error {
	st := s.Status()
	switch {
	case st.Leader == "":
		return rpcerr.New(rpcerr.NoLeader, "%s knows of no leader", s.ID())
	case st.Committed > st.Applied+maxLag:
		return rpcerr.New(rpcerr.Conflict, "%s is %d entries behind", s.ID(), st.Committed-st.Applied)
	}
	return nil
}

// Ready says whether this coordinator counts among those that a cluster needs: it votes, it
// can answer, and it has had all that a leader had since it started. Of a cluster whose
// coordinators are replaced one after the other, the next may go once all are ready.
func (s *Server) Ready() error {
	if err := s.Healthy(); err != nil {
		return err
	}
	st := s.Status()
	votes := slices.ContainsFunc(st.Peers, func(p replica.Peer) bool { return p.ID == s.ID() && p.Role == replica.Voter })
	switch {
	case !votes:
		return rpcerr.New(rpcerr.Conflict, "%s does not vote: it learns, or was taken out", s.ID())
	case !st.CaughtUp:
		return rpcerr.New(rpcerr.Conflict, "%s has not caught up with a leader since it started", s.ID())
	}
	return nil
}

// PeerBackoff is how a coordinator tries to reach another: soon, since a call waits.
func PeerBackoff() grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second},
		MinConnectTimeout: 2 * time.Second,
	}
}

// PeerCallOptions let answers of any size that the API has through.
func PeerCallOptions() []grpc.CallOption {
	return []grpc.CallOption{grpc.MaxCallRecvMsgSize(2 * maxMessageBytes), grpc.MaxCallSendMsgSize(2 * maxMessageBytes)}
}

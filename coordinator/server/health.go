package server

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"g2c/api/rpcerr"
)

// maxLag is how many committed entries a coordinator may have left to apply and
// still be called healthy.
const maxLag = 10_000

// Healthy says whether this coordinator can answer: it leads or knows who does, and
// is not far behind.
func (s *Server) Healthy() error {
	st := s.cfg.Replica.Status()
	switch {
	case st.Leader == "":
		return rpcerr.New(rpcerr.NoLeader, "%s knows of no leader", s.cfg.Replica.ID())
	case st.Committed > st.Applied+maxLag:
		return rpcerr.New(rpcerr.Conflict, "%s is %d entries behind", s.cfg.Replica.ID(), st.Committed-st.Applied)
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

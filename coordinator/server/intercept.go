package server

import (
	"context"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// Limits of the transport.
const (
	// maxMessageBytes bounds one message: the works of a submit and the chunks of an
	// upload come in several.
	maxMessageBytes = 4 << 20
	// maxCalls bounds the calls of one connection at a time. One more waits, without a
	// word, until another ends.
	maxCalls = 1024
	// callTimeout is that of calls whose caller names none.
	callTimeout = 30 * time.Second
	// leaderWait is how long a call waits for this coordinator to begin the leadership it
	// was elected for.
	leaderWait = 3 * time.Second
)

// transportLimits keep connections from costing what their calls do not.
func transportLimits() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.WaitForHandlers(true), // Close comes after them
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(2 * maxMessageBytes),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.MaxConcurrentStreams(maxCalls),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 5 * time.Second, Timeout: 5 * time.Second}),
	}
}

// call is what the interceptors know of a call.
type call struct {
	method    string
	aclRule   aclRule
	caller    Caller
	forwarded bool
}

// receive finds out who calls, and refuses who calls too often.
func (s *Server) receive(ctx context.Context, method string) (call, error) {
	p, ok := acl[method]
	if !ok {
		return call{}, rpcerr.New(rpcerr.Unsupported, "this coordinator has no call %s", method)
	}
	c, forwarded, err := s.auth.callerOf(ctx)
	if err != nil {
		if s.limiter.allow(c.String()) { // a flood is not to fill the log
			s.cfg.Log.Warn("call refused", "method", method, "caller", c, "why", err)
			s.refused.add(c.String(), method, err)
		}
		return call{}, err
	}
	if !s.limiter.allow(c.String()) {
		return call{}, rpcerr.New(rpcerr.TooFast, "%s makes more than %v calls a second", c, s.cfg.Limits.CallsPerSecond).WithHint("wait a moment")
	}
	return call{method, p, c, forwarded}, nil
}

// admit finds out what the caller may do, and whether that is enough.
func (s *Server) admit(ctx context.Context, c call) (context.Context, error) {
	w, err := s.auth.know(ctx, c.caller)
	if err == nil {
		err = c.aclRule.allow(c.method, w)
	}
	if err != nil {
		s.cfg.Log.Warn("call refused", "method", c.method, "caller", c.caller, "why", err)
		s.refused.add(c.caller.String(), c.method, err)
		return nil, err
	}
	return withWho(ctx, w), nil
}

// ended is deferred by a call: it makes a panic an error, and an error one for the wire.
func (s *Server) ended(method string, began time.Time, err *error) {
	if p := recover(); p != nil {
		*err = s.panicked(method, p)
	}
	*err = rpcerr.Status(explain(*err)).Err()
	s.metrics.called(method, *err, s.cfg.Clock.Now().Sub(began))
}

// unary is the interceptor of calls with one answer.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer s.ended(info.FullMethod, s.cfg.Clock.Now(), &err)
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	c, err := s.receive(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	if err := s.inFlight.take(c.caller.String(), 1); err != nil {
		return nil, err
	}
	defer s.inFlight.give(c.caller.String(), 1)
	if !c.aclRule.here {
		if !c.aclRule.orHere || header(ctx, apiv1.HereHeader) == "" {
			resp, done, err := s.elsewhere(ctx, c, req)
			if done {
				return resp, err
			}
			if err != nil && !c.aclRule.orHere {
				return nil, err
			}
		}
		if err := grpc.SetHeader(ctx, s.signature()); err != nil {
			return nil, err
		}
	}
	if ctx, err = s.admit(ctx, c); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// stream is the interceptor of all other calls.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer s.ended(info.FullMethod, s.cfg.Clock.Now(), &err)
	ctx := ss.Context()
	c, err := s.receive(ctx, info.FullMethod)
	if err != nil {
		return err
	}
	caller := c.caller.String()
	if err := s.streams.take(caller, 1); err != nil {
		return err
	}
	defer s.streams.give(caller, 1)
	if c.aclRule.bulk { // of the message that is being read, here or on its way to the leader
		if err := s.bulk.take(caller, maxMessageBytes); err != nil {
			return err
		}
		defer s.bulk.give(caller, maxMessageBytes)
	}
	if !c.aclRule.here {
		conn, err := s.leaderConn(ctx, c)
		if err != nil {
			return err
		}
		if conn != nil {
			defer s.peers.give(conn)
		}
		if err := ss.SetHeader(s.signature()); err != nil {
			return err
		}
		if conn != nil {
			return relay(s.passOn(ctx, c), conn.ClientConn, ss, info)
		}
	}
	if ctx, err = s.admit(ctx, c); err != nil {
		return err
	}
	return handler(srv, &knownStream{ss, ctx})
}

// knownStream is a stream whose context says who is at its other end.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s *knownStream) Context() context.Context { return s.ctx }

// signature is the header of answers: callers find the leader by it.
func (s *Server) signature() metadata.MD {
	return metadata.Pairs(apiv1.NodeHeader, s.ID(), apiv1.LeaderHeader, s.Leader().ID)
}

// panicked keeps a fault in one call from ending the process, and says so loudly.
func (s *Server) panicked(method string, p any) error {
	s.cfg.Log.Error("call panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
	return rpcerr.New(rpcerr.Internal, "%s panicked: %v", method, p)
}

package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// orHereTimeout is how long a leader may take before a call that can be answered here
// as well is.
const orHereTimeout = 1500 * time.Millisecond

// leaderConn is a connection to whoever leads, to be given back: nil if it is this
// coordinator. A call that was passed on once is not passed on again.
func (s *Server) leaderConn(ctx context.Context, c call) (*peerConn, error) {
	ctx, cancel := context.WithTimeout(ctx, leaderWait)
	defer cancel()
	for {
		r, changed := s.terms.now()
		if r != nil && r.ctx.Err() == nil {
			return nil, nil
		}
		leader := s.Leader()
		switch {
		case leader.ID == "":
			return nil, rpcerr.New(rpcerr.NoLeader, "%s knows of no leader", s.ID()).
				WithHint("it passes when most of the coordinators reach each other; `g2c status` shows them")
		case leader.ID != s.ID() && c.forwarded:
			return nil, rpcerr.New(rpcerr.NoLeader, "%s was asked to lead and does not: %s does", s.ID(), leader.ID)
		case leader.ID != s.ID():
			return s.peers.take(leader)
		}
		select { // elected, and about to leadership
		case <-changed:
		case <-ctx.Done():
			return nil, rpcerr.New(rpcerr.NoLeader, "%s was elected and does not lead yet", leader.ID)
		}
	}
}

// elsewhere has the leader answer a call, if it is not this coordinator; done says
// that it was asked.
func (s *Server) elsewhere(ctx context.Context, c call, req any) (resp any, done bool, err error) {
	conn, err := s.leaderConn(ctx, c)
	if conn == nil || err != nil {
		return nil, false, err
	}
	defer s.peers.give(conn)
	_, answer, err := messagesOf(c.method)
	if err != nil {
		return nil, true, err
	}
	asking := ctx
	if c.aclRule.orHere {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, orHereTimeout)
		defer cancel()
	}
	if err := conn.Invoke(s.passOn(asking, c), c.method, req, answer); err != nil {
		here := c.aclRule.orHere && (rpcerr.Retriable(err) || errors.Is(rpcerr.FromStatus(err), rpcerr.TooSlow))
		return nil, !here, err
	}
	return answer, true, grpc.SetHeader(ctx, s.signature())
}

// passOn is the context of a call as another coordinator is to see it: with its
// caller, token and deadline.
func (s *Server) passOn(ctx context.Context, c call) context.Context {
	pairs := c.caller.headers()
	if secret := header(ctx, apiv1.AuthorizationHeader); secret != "" {
		pairs = append(pairs, apiv1.AuthorizationHeader, secret)
	}
	return metadata.NewOutgoingContext(ctx, metadata.Pairs(pairs...))
}

// messagesOf makes an empty request and an empty answer of a method.
func messagesOf(method string) (request, answer proto.Message, err error) {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, nil, rpcerr.New(rpcerr.Unsupported, "call %s: %w", method, err)
	}
	m, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, nil, rpcerr.New(rpcerr.Unsupported, "%s is no call", method)
	}
	in, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	return in.New().Interface(), out.New().Interface(), nil
}

// relay carries a stream's messages both ways until either end is done.
func relay(ctx context.Context, conn *grpc.ClientConn, from grpc.ServerStream, info *grpc.StreamServerInfo) error {
	request, answer, err := messagesOf(info.FullMethod)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	to, err := conn.NewStream(ctx, &grpc.StreamDesc{StreamName: info.FullMethod, ServerStreams: info.IsServerStream, ClientStreams: info.IsClientStream}, info.FullMethod)
	if err != nil {
		return err
	}
	// The upward half ends by itself when this function returns: from's context ends.
	go func() {
		if upward(from, to, request) != nil {
			cancel()
		}
	}()
	for {
		m := answer.ProtoReflect().New().Interface()
		err := to.RecvMsg(m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := from.SendMsg(m); err != nil {
			return err
		}
		if !info.IsServerStream {
			return nil
		}
	}
}

// upward carries what the caller says, until it says no more.
func upward(from grpc.ServerStream, to grpc.ClientStream, request proto.Message) error {
	for {
		m := request.ProtoReflect().New().Interface()
		err := from.RecvMsg(m)
		if errors.Is(err, io.EOF) {
			return to.CloseSend()
		}
		if err != nil {
			return err
		}
		if err := to.SendMsg(m); err != nil {
			return nil // the answer says why
		}
	}
}

package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"g2c/api/rpcerr"
)

// Times between rounds of attempts.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = time.Second
)

// pacer waits between attempts: not at all until every server was asked once, then
// longer each round.
type pacer struct {
	c     *Client
	tries int
	wait  time.Duration
}

// next waits for the next attempt after one that failed, or returns the context's error.
func (p *pacer) next(ctx context.Context, failed error) error {
	p.tries++
	if p.tries%len(p.c.conns) != 0 {
		return ctx.Err()
	}
	if p.wait == 0 {
		p.wait = firstWait
	}
	d := p.wait/2 + rand.N(p.wait) // a crowd of callers does not come back all at once
	if p.wait < lastWait && 2*p.wait >= lastWait && p.c.cfg.Waiting != nil {
		p.c.cfg.Waiting(failed)
	}
	p.wait = min(2*p.wait, lastWait)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.c.cfg.Clock.After(d):
		return nil
	}
}

// repeat does something until it succeeds, fails for good, or the context ends.
func (c *Client) repeat(ctx context.Context, do func(ctx context.Context) error) error {
	if _, has := ctx.Deadline(); !has && c.cfg.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Patience)
		defer cancel()
	}
	p := pacer{c: c}
	for {
		err := do(ctx)
		if err == nil || !rpcerr.Retriable(err) {
			return err
		}
		if p.next(ctx, err) != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return rpcerr.FromStatus(ctx.Err())
			}
			return c.unreachable(err)
		}
	}
}

// Invoke implements grpc.ClientConnInterface: it makes a call, at another server if
// one does not answer, until the context ends.
func (c *Client) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.repeat(c.signed(ctx), func(ctx context.Context) error { return c.once(ctx, method, args, reply, opts) })
}

// once makes a call at one server.
func (c *Client) once(ctx context.Context, method string, args, reply any, opts []grpc.CallOption) error {
	server, conn := c.where()
	attempt, cancel := context.WithTimeout(ctx, c.cfg.Attempt)
	defer cancel()
	var header metadata.MD
	err := rpcerr.FromStatus(conn.Invoke(attempt, method, args, reply, append(opts[:len(opts):len(opts)], grpc.Header(&header))...))
	c.learn(server, header)
	if errors.Is(err, rpcerr.TooSlow) && ctx.Err() == nil {
		err = rpcerr.New(rpcerr.Unreachable, "%s does not answer within %v", c.cfg.Servers[server], c.cfg.Attempt)
	}
	if rpcerr.Retriable(err) && !errors.Is(err, rpcerr.TooFast) {
		c.leave(server)
	}
	return err
}

// NewStream implements grpc.ClientConnInterface: it opens a stream at the server that
// leads, as far as is known. A stream that breaks is its caller's to open again: then
// it goes to another server; and so if its context ended with the cause rpcerr.TooSlow.
func (c *Client) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	server, conn := c.where()
	s, err := conn.NewStream(c.signed(ctx), desc, method, opts...)
	if err != nil {
		err = rpcerr.FromStatus(err)
		if rpcerr.Retriable(err) {
			c.leave(server)
		}
		return nil, err
	}
	return &stream{ClientStream: s, client: c, server: server}, nil
}

// stream is a stream whose errors have kinds, and that tells the client of what it
// learns. As any stream, it has one reader.
type stream struct {
	grpc.ClientStream
	client  *Client
	server  int
	learned bool
}

// RecvMsg implements grpc.ClientStream.
func (s *stream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if !s.learned {
		s.learned = true
		if header, herr := s.ClientStream.Header(); herr == nil {
			s.client.learn(s.server, header)
		}
	}
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	err = rpcerr.FromStatus(err)
	// Who gives a stream up since its server has fallen silent says so by the cause.
	silent := errors.Is(context.Cause(s.ClientStream.Context()), rpcerr.TooSlow)
	if silent || rpcerr.Retriable(err) && !errors.Is(err, rpcerr.TooFast) {
		s.client.leave(s.server)
	}
	return err
}

// SendMsg implements grpc.ClientStream. As gRPC has it, io.EOF says that the stream
// is broken, and RecvMsg says why.
func (s *stream) SendMsg(m any) error {
	err := s.ClientStream.SendMsg(m)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return rpcerr.FromStatus(err)
}

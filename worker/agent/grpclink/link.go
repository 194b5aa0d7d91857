package grpclink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	"g2c/worker/allreduce"
)

// stream is what both sides of a stream can do.
type stream interface {
	SendMsg(any) error
	RecvMsg(any) error
}

// link is an allreduce.Link over a stream.
type link struct {
	stream
	last incoming
	end  sync.Once
	over chan struct{} // closed with the link
	stop func()        // of the stream, at this side
}

func newLink(s stream, stop func()) *link {
	return &link{stream: s, over: make(chan struct{}), stop: stop}
}

// Send implements allreduce.Link.
func (l *link) Send(h allreduce.Header, payload []byte, sent func()) error {
	o, copied := newOutgoing(h, payload, sent)
	if err := l.SendMsg(o); err != nil {
		if errors.Is(err, io.EOF) { // the reason is what Receive gets
			return errBroken
		}
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if copied {
		sent()
	}
	return nil
}

var errBroken = errors.New("the connection is broken")

// Receive implements allreduce.Link.
func (l *link) Receive() (allreduce.Frame, error) {
	l.last.release()
	if err := l.RecvMsg(&l.last); err != nil {
		if errors.Is(err, io.EOF) {
			return allreduce.Frame{}, errBroken
		}
		return allreduce.Frame{}, fmt.Errorf("%w: %w", errBroken, err)
	}
	if l.last.err != nil {
		return allreduce.Frame{}, fmt.Errorf("%w: %w", allreduce.ErrFrame, l.last.err)
	}
	return allreduce.Frame{Header: l.last.header, Parts: l.last.parts}, nil
}

// Close implements allreduce.Link.
func (l *link) Close() error {
	l.end.Do(func() {
		close(l.over)
		l.stop()
	})
	return nil
}

const (
	service = "g2c.v1.Gradients"
	method  = "Exchange"
)

var streams = grpc.StreamDesc{StreamName: method, ServerStreams: true, ClientStreams: true}

// Dial makes the link of a session from one process of a gang to another, at the other end
// of a connection. It waits until that expects it: see Server.
func Dial(ctx context.Context, cc grpc.ClientConnInterface, s allreduce.Session, from, to int) (allreduce.Link, error) {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := context.AfterFunc(ctx, stop) // of the making, not of the link
	l, err := dial(life, cc, stop, hello(s, from, to))
	if !ended() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("link to runner %d of the gang: %w", to, err)
	}
	return l, nil
}

func dial(ctx context.Context, cc grpc.ClientConnInterface, stop func(), h allreduce.Header) (*link, error) {
	s, err := cc.NewStream(ctx, &streams, "/"+service+"/"+method, grpc.CallContentSubtype(codecName), grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	l := newLink(s, stop)
	if err := l.Send(h, nil, func() {}); err != nil && !errors.Is(err, errBroken) {
		return nil, err
	}
	// The server sends its header when it has matched the stream. From then on gRPC does
	// not send a message again, so that payloads may change once they are sent.
	header, err := s.Header()
	if err == nil && header.Get(matched) == nil {
		err = s.RecvMsg(&l.last) // how it was refused
		if err == nil {
			err = errBroken
		}
	}
	return l, err
}

// matched is the key of the header of a stream that was expected.
const matched = "g2c-expected"

// hello is the first frame of a stream.
func hello(s allreduce.Session, from, to int) allreduce.Header {
	return allreduce.Header{Session: s, Kind: allreduce.Hello, Piece: uint16(from), Bucket: uint16(to)}
}

package grpclink_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"g2c/api"
	"g2c/internal/clock"
	"g2c/worker/agent/grpclink"
	"g2c/worker/agent/grpclink/linktest"
	"g2c/worker/allreduce"
)

var session = allreduce.Session{Key: api.Key{9}, Generation: 3}

// dialled is what came of a dial.
type dialled struct {
	link allreduce.Link
	err  error
}

func dial(ctx context.Context, cc *grpc.ClientConn, from int) <-chan dialled {
	out := make(chan dialled, 1)
	go func() {
		l, err := grpclink.Dial(ctx, cc, session, from, 0)
		out <- dialled{l, err}
	}()
	return out
}

// asleep waits until so many wait for a clock.
func asleep(t *testing.T, c *clock.Fake, want int) {
	t.Helper()
	for {
		n, more := c.Waiters()
		if n >= want {
			return
		}
		select {
		case <-more:
		case <-t.Context().Done():
			t.Fatal("nobody waits")
		}
	}
}

// fakeServer has a clock that stands. A stream waits for it twice: for its first frame,
// and to be expected.
func fakeServer(t *testing.T) (*grpclink.Server, *clock.Fake, *grpc.ClientConn) {
	t.Helper()
	c := clock.NewFake(time.Unix(0, 0))
	s := &grpclink.Server{Clock: c}
	return s, c, linktest.Serve(t, s)
}

func TestAStreamWaitsToBeExpected(t *testing.T) {
	s, c, cc := fakeServer(t)
	out := dial(t.Context(), cc, 1)
	asleep(t, c, 2)
	there, err := s.Expect(t.Context(), session, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	here := <-out
	if here.err != nil {
		t.Fatal(here.err)
	}
	if err := here.link.Send(allreduce.Header{Session: session, Kind: allreduce.Alive}, nil, func() {}); err != nil {
		t.Fatal(err)
	}
	if f, err := there.Receive(); err != nil || f.Kind != allreduce.Alive || f.Session != session {
		t.Errorf("%v %v", f, err)
	}
	there.Close()
	if _, err := here.link.Receive(); err == nil {
		t.Error("the link goes on at its other side")
	}
	here.link.Close()
}

func TestWhomNobodyExpectsIsRefused(t *testing.T) {
	_, c, cc := fakeServer(t)
	out := dial(t.Context(), cc, 1)
	asleep(t, c, 2)
	c.Advance(grpclink.DefaultPatience)
	if d := <-out; status.Code(errors.Unwrap(d.err)) != codes.NotFound || !strings.Contains(d.err.Error(), "generation 3") {
		t.Errorf("%v", d.err)
	}
}

func TestASecondStreamIsRefused(t *testing.T) {
	_, c, cc := fakeServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := dial(ctx, cc, 1)
	asleep(t, c, 2)
	if d := <-dial(t.Context(), cc, 1); status.Code(errors.Unwrap(d.err)) != codes.AlreadyExists {
		t.Errorf("%v", d.err)
	}
	cancel()
	if d := <-first; !errors.Is(d.err, context.Canceled) && status.Code(errors.Unwrap(d.err)) != codes.Canceled {
		t.Errorf("%v", d.err)
	}
}

func TestAStrangerIsRefused(t *testing.T) {
	s := &grpclink.Server{Allow: func(_ context.Context, s allreduce.Session, from int) error {
		return status.Errorf(codes.PermissionDenied, "runner %d is not of generation %d", from, s.Generation)
	}}
	cc := linktest.Serve(t, s)
	if d := <-dial(t.Context(), cc, 5); status.Code(errors.Unwrap(d.err)) != codes.PermissionDenied {
		t.Errorf("%v", d.err)
	}
}

func TestExpectingEnds(t *testing.T) {
	s := &grpclink.Server{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Expect(ctx, session, 1, 0)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A process that does not come ends the making of all links, and is named.
func TestJoinNamesWhoIsMissing(t *testing.T) {
	s := &grpclink.Server{}
	linktest.Serve(t, s)
	down := errors.New("no route")
	_, err := grpclink.Join(t.Context(), s, session, 1, []string{"a", "b", "c"}, func(int) (grpc.ClientConnInterface, error) { return nil, down })
	var at *allreduce.PeerError
	if !errors.As(err, &at) || at.Peer != 0 || at.Name != "a" || !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}

// A first frame that is none, or nothing at all, ends the stream.
func TestAStreamBeginsWithAHello(t *testing.T) {
	_, c, cc := fakeServer(t)
	open := func() grpc.ClientStream {
		stream, err := cc.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/g2c.v1.Gradients/Exchange", grpc.CallContentSubtype("g2c-test-bytes"))
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	end := func(stream grpc.ClientStream) error {
		var b []byte
		return stream.RecvMsg(&b)
	}
	for _, frame := range [][]byte{{}, {1, 2, 3}, make([]byte, 100), frameOf(allreduce.Sum, 0), frameOf(allreduce.Hello, 4)} {
		stream := open()
		if err := stream.SendMsg(&frame); err != nil {
			t.Fatal(err)
		}
		if err := end(stream); status.Code(err) == codes.OK || errors.Is(err, context.Canceled) {
			t.Errorf("%x: %v", frame, err)
		}
	}
	asleep(t, c, 5)
	silent := open()
	asleep(t, c, 6)
	c.Advance(grpclink.DefaultPatience)
	if err := end(silent); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v", err)
	}
}

func frameOf(k allreduce.Kind, payload int) []byte {
	b := make([]byte, allreduce.HeaderBytes+payload)
	h := allreduce.Header{Session: session, Kind: k, Length: uint32(payload)}
	h.Put(b)
	return b
}

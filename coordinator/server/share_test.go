package server

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
)

// A caller takes its part of what there is, others theirs, all together what there is,
// and what was given back can be taken again.
func TestShares(t *testing.T) {
	s := newShare("streams", 5, 2)
	for _, step := range []struct {
		caller string
		n      int64
		ok     bool
	}{
		{"a", 2, true}, {"a", 1, false}, {"b", 3, false}, {"b", 1, true}, {"c", 2, true}, {"b", 1, false}, // 5 in all
		{"a", -1, true}, {"b", 1, true}, {"d", 1, false},
	} {
		var err error
		if step.n < 0 {
			s.give(step.caller, -step.n)
		} else {
			err = s.take(step.caller, step.n)
		}
		if (err == nil) != step.ok || err != nil && !errors.Is(err, rpcerr.TooFast) {
			t.Fatalf("%s takes %d: %v", step.caller, step.n, err)
		}
	}
	for caller, n := range map[string]int64{"a": 1, "b": 2, "c": 2} {
		s.give(caller, n)
	}
	if s.inAll() != 0 || len(s.by) != 0 {
		t.Errorf("all was given back, and %d are left of %d callers", s.inAll(), len(s.by))
	}
}

// dripping is an upload whose chunks come one a time.
type dripping struct {
	grpc.ServerStream
	clock *clock.Fake
	every time.Duration
	left  int
	chunk []byte
}

func (d *dripping) Recv() (*apiv1.UploadDataRequest, error) {
	if d.left == 0 {
		return nil, io.EOF
	}
	d.left--
	d.clock.Advance(d.every)
	return &apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Chunk{Chunk: d.chunk}}, nil
}

func (d *dripping) SendAndClose(*apiv1.UploadDataResponse) error { return nil }

// An upload that comes drop by drop does not hold its place for ever, one at the least
// rate may take as long as it takes, and what is not as long as was said is refused.
func TestUploadsHaveALeastRate(t *testing.T) {
	const rate = 1000
	for _, c := range []struct {
		name  string
		every time.Duration
		n     int
		want  *rpcerr.Kind
	}{
		{"a drop now and then", 20 * time.Second, 1000, rpcerr.TooSlow},
		{"the least rate", 10 * time.Second, 1000, nil},
		{"too short", time.Second, 999, rpcerr.BadRequest},
		{"too long", time.Second, 1001, rpcerr.BadRequest},
	} {
		fake := clock.NewFake(time.Unix(0, 0))
		in := &incoming{
			data:   &data{records: &records{replicated: &replicated{clock: fake}}, limits: Limits{UploadRate: rate}},
			stream: &dripping{clock: fake, every: c.every, left: c.n, chunk: make([]byte, 10*rate)},
			size:   1000 * 10 * rate, began: fake.Now(),
		}
		var out bytes.Buffer
		var took int64
		err := in.receive(&out, func(n int64) { took += n })
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if took != int64(out.Len()) || in.left() != in.size-took {
			t.Errorf("%s: %d bytes were taken, %d came", c.name, took, out.Len())
		}
		if d := fake.Now().Sub(in.began); c.want == rpcerr.TooSlow && d > 2*time.Minute {
			t.Errorf("%s: refused after %v only", c.name, d)
		}
	}
}

package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
	"g2c/internal/pki"
	"g2c/worker/agent"
	"g2c/worker/agent/grpclink"
	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

// certified is a town whose workers have certificates.
func certified(t *testing.T, names ...string) *town {
	t.Helper()
	w := &town{t: t, deadline: 10 * time.Second, ca: t.TempDir() + "/ca", workers: map[string]*resident{}}
	if err := pki.InitCA(w.ca); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		w.add(n)
	}
	return w
}

// calls is somebody's connection to a worker.
func (w *town) calls(role pki.Role, name, worker string) *grpc.ClientConn {
	w.t.Helper()
	c, err := grpc.NewClient("passthrough:///"+w.workers[worker].address, grpc.WithTransportCredentials(w.dials(role, name, worker)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// refused wants an error of a code that says something.
func refused(t *testing.T, what string, err error, code codes.Code, says string) {
	t.Helper()
	if at := errors.Unwrap(err); status.Code(err) == codes.Unknown && at != nil {
		err = at
	}
	if status.Code(err) != code || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%s: %v, want %v: %s", what, err, code, says)
	}
}

// says opens a meeting, says something, and gives what it ends with.
func says(ctx context.Context, c *grpc.ClientConn, messages ...*apiv1.MeetRequest) error {
	stream, err := apiv1.NewPeerServiceClient(c).Meet(ctx)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetMet() != nil {
			return errors.New("it is told the outcome of a meeting")
		}
	}
}

func helloOf(task string, generation uint64, worker string) *apiv1.MeetRequest {
	return &apiv1.MeetRequest{Message: &apiv1.MeetRequest_Hello{Hello: &apiv1.MeetHello{Task: task, Generation: generation, Worker: worker}}}
}

func arrivedAt(step uint64) *apiv1.MeetRequest {
	return &apiv1.MeetRequest{Message: &apiv1.MeetRequest_Arrived{Arrived: &apiv1.Arrived{Step: step}}}
}

// Whoever is no member of a generation, by its certificate, gets nothing of it by any call.
// The members meet as if nobody had tried, and suspect nobody.
func TestStrangersAreRefused(t *testing.T) {
	w := certified(t, "a", "b", "x")
	w.assign(2, "a", "b")
	task := key.String()
	for _, c := range []struct {
		what         string
		role         pki.Role
		name, claims string // of the caller, and the name that it says
		to           string
		task         string
		generation   uint64
		place        int // that it takes in an exchange
		code         codes.Code
		says         string
	}{
		{"a worker outside the gang", pki.Worker, "x", "x", "a", task, 2, -1, codes.PermissionDenied, "not in generation 2"},
		{"a place that nobody has", pki.Worker, "x", "x", "a", task, 2, 7, codes.PermissionDenied, "generation 2"},
		{"the name of another", pki.Worker, "x", "b", "a", task, 2, 1, codes.PermissionDenied, "says that it is \"b\""},
		{"a name that is none", pki.Worker, "x", strings.Repeat("\n", 1000), "a", task, 2, 0, codes.PermissionDenied, "says that it is"},
		{"a client of a member's name", pki.Client, "b", "b", "a", task, 2, 1, codes.Unauthenticated, "client/b is no worker"},
		{"a coordinator of a member's name", pki.Coordinator, "b", "b", "a", task, 2, 1, codes.Unauthenticated, "coordinator/b is no worker"},
		{"a generation that is over", pki.Worker, "b", "b", "a", task, 1, 1, codes.FailedPrecondition, "generation 2 here, not 1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cc := w.calls(c.role, c.name, c.to)
			refused(t, "Meet", says(ctx, cc, helloOf(c.task, c.generation, c.claims), arrivedAt(9)), c.code, c.says)
			s, err := apiv1.NewPeerServiceClient(cc).FetchState(ctx, &apiv1.FetchStateRequest{Task: c.task, Generation: c.generation, Worker: c.claims})
			if err == nil {
				_, err = s.Recv()
			}
			refused(t, "FetchState", err, c.code, c.says)
			if c.place >= 0 {
				_, err := grpclink.Dial(ctx, cc, allreduce.Session{Key: key, Generation: c.generation << roundBits}, c.place, 0)
				if status.Code(errors.Unwrap(err)) != c.code {
					t.Errorf("Exchange: %v, want %v", err, c.code)
				}
			}
		})
	}
	t.Run("a key that is none", func(t *testing.T) {
		refused(t, "Meet", says(t.Context(), w.calls(pki.Worker, "b", "a"), helloOf("../../etc", 2, "b")), codes.InvalidArgument, "")
	})
	t.Run("who does not host", func(t *testing.T) {
		refused(t, "Meet", says(t.Context(), w.calls(pki.Worker, "a", "b"), helloOf(task, 2, "a")), codes.FailedPrecondition, "does not host")
	})
	t.Run("another authority", func(t *testing.T) {
		other := certified(t, "b")
		c, err := grpc.NewClient("passthrough:///"+w.workers["a"].address, grpc.WithTransportCredentials(other.dials(pki.Worker, "b", "a")))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		refused(t, "Meet", says(t.Context(), c, helloOf(task, 2, "b")), codes.Unavailable, "")
	})
	w.meetsWell(2, "a", "b")
}

// meetsWell has members meet, link, and suspect nobody.
func (w *town) meetsWell(generation uint64, names ...string) {
	w.t.Helper()
	var waits []<-chan came
	for i, n := range names {
		waits = append(waits, w.meets(w.t.Context(), n, int64(3+i)))
	}
	var ms []*gang.Meeting
	for _, c := range waits {
		ms = append(ms, w.met(c))
	}
	if ms[0].Generation != generation || ms[0].Step != int64(2+len(names)) {
		w.t.Errorf("%+v", ms[0])
	}
	w.linked(ms...)
	for name, r := range w.workers {
		if len(r.suspects) > 0 {
			w.t.Errorf("%s suspects %+v", name, <-r.suspects)
		}
	}
}

// What is no call at all changes nothing: bytes at random, connections that say nothing,
// before and after their handshake. None of it is left when the worker ends.
func TestNoiseChangesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("town", func(t *testing.T) {
		w := certified(t, "a", "b")
		w.assign(1, "a", "b")
		noise := []byte("GET / HTTP/1.1\r\n\r\n")
		for i := range 20 {
			c, err := net.Dial("tcp", w.workers["ab"[i%2:i%2+1]].address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if i < 10 {
				c.Write(bytes.Repeat(append(noise, byte(i), 0x16, 3, 1), 100*i)) // it may be hung up on
			}
		}
		for range 5 { // streams on which nothing is said
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := apiv1.NewPeerServiceClient(w.calls(pki.Worker, "b", "a")).Meet(ctx); err != nil {
				t.Fatal(err)
			}
		}
		w.meetsWell(1, "a", "b")
	})
	late := time.After(30 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-late:
			all := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, all[:runtime.Stack(all, true)])
		default:
			runtime.Gosched()
		}
	}
}

// A member that says what does not belong in a meeting is told so, and is suspected once it
// has been let in.
func TestMembersThatSayWhatDoesNotBelong(t *testing.T) {
	task := key.String()
	for name, c := range map[string]struct {
		messages []*apiv1.MeetRequest
		in       bool // it is let in first
		says     string
	}{
		"nothing first":      {[]*apiv1.MeetRequest{{}}, false, "begins with a hello"},
		"it arrives first":   {[]*apiv1.MeetRequest{arrivedAt(3)}, false, "begins with a hello"},
		"it lives first":     {[]*apiv1.MeetRequest{{Message: &apiv1.MeetRequest_Alive{}}}, false, "begins with a hello"},
		"two hellos":         {[]*apiv1.MeetRequest{helloOf(task, 1, "b"), helloOf(task, 1, "b")}, true, "a member says"},
		"nothing":            {[]*apiv1.MeetRequest{helloOf(task, 1, "b"), {}}, true, "a member says"},
		"it arrives twice":   {[]*apiv1.MeetRequest{helloOf(task, 1, "b"), arrivedAt(3), arrivedAt(3)}, true, "arrives once"},
		"steps that are not": {[]*apiv1.MeetRequest{helloOf(task, 1, "b"), arrivedAt(1 << 63)}, true, "stands after step"},
	} {
		t.Run(name, func(t *testing.T) {
			w := certified(t, "a", "b")
			a := agent.Assignment{Task: key, Generation: 1, Slots: 1, Gang: []agent.Part{
				{Worker: "a", Slots: 1, Address: w.workers["a"].address}, {Worker: "b", Slots: 1, Address: w.workers["b"].address},
			}}
			w.workers["a"].told(t, a)
			refused(t, "Meet", says(t.Context(), w.calls(pki.Worker, "b", "a"), c.messages...), codes.InvalidArgument, c.says)
			if c.in {
				w.workers["a"].suspected(t, "b", 1)
			} else if len(w.workers["a"].suspects) > 0 {
				t.Errorf("it suspects %+v", <-w.workers["a"].suspects)
			}
			w.workers["b"].told(t, a)
			x, y := w.meets(t.Context(), "a", 1), w.meets(t.Context(), "b", 2)
			w.linked(w.met(x), w.met(y)) // b is well by now
		})
	}
}

// Who opens a meeting and says nothing, or comes with a generation of which nobody has heard,
// waits for a while and is told.
func TestWhoIsSilentIsHungUpOn(t *testing.T) {
	c := clock.NewFake(time.Unix(0, 0))
	w := &town{t: t, deadline: 10 * time.Second, clock: c, workers: map[string]*resident{}}
	w.add("a")
	cc := w.calls(pki.Worker, "b", "a")
	said := make(chan error, 1)
	sleeps := func(want int) {
		for {
			n, more := c.Waiters()
			if n >= want {
				return
			}
			<-more
		}
	}
	go func() { said <- says(t.Context(), cc) }()
	sleeps(1)
	c.Advance(w.deadline)
	if err := <-said; err == nil || !strings.Contains(err.Error(), errSilent.Error()) {
		t.Errorf("%v", err)
	}
	n, _ := c.Waiters()
	go func() { said <- says(t.Context(), cc, helloOf(api.Key{9}.String(), 5, "b")) }()
	sleeps(n + 2) // its first message has come, and it waits: with the deadline of that, three
	for waits := true; waits; {
		c.Advance(loading)
		select {
		case err := <-said:
			refused(t, "Meet", err, codes.NotFound, "no generation 5")
			waits = false
		default:
			runtime.Gosched()
		}
	}
}

// liar is a host that says what it likes.
type liar struct {
	apiv1.UnimplementedPeerServiceServer
	met   *apiv1.Met
	state func(grpc.ServerStreamingServer[apiv1.FetchStateResponse]) error
}

// Meet implements apiv1.PeerServiceServer.
func (l *liar) Meet(stream grpc.BidiStreamingServer[apiv1.MeetRequest, apiv1.MeetResponse]) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return nil // whoever came has gone
		}
		if m.GetArrived() == nil {
			continue
		}
		if err := stream.Send(&apiv1.MeetResponse{Message: &apiv1.MeetResponse_Met{Met: l.met}}); err != nil {
			return err
		}
	}
}

// FetchState implements apiv1.PeerServiceServer.
func (l *liar) FetchState(_ *apiv1.FetchStateRequest, stream grpc.ServerStreamingServer[apiv1.FetchStateResponse]) error {
	return l.state(stream)
}

// lied has b come to the meeting of a host that lies.
func lied(t *testing.T, l *liar) (*town, <-chan came) {
	t.Helper()
	w := newTown(t, "b")
	w.workers["b"].cfg.Deadline = 2 * time.Second
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	apiv1.RegisterPeerServiceServer(s, l)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	b := w.workers["b"]
	b.told(t, agent.Assignment{Task: key, Generation: 4, Slots: 1, Gang: []agent.Part{
		{Worker: "a", Slots: 1, Address: listener.Addr().String()}, {Worker: "b", Slots: 1, Address: b.address},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return w, w.meets(ctx, "b", 5)
}

// A host whose outcome cannot be is suspected, and not believed.
func TestAHostThatLies(t *testing.T) {
	for name, met := range map[string]*apiv1.Met{
		"nobody":               {Step: 5},
		"somebody else":        {Source: "c", Step: 6},
		"a step behind":        {Source: "a", Step: 4},
		"a step that is none":  {Source: "a", Step: 1 << 63},
		"a round without end":  {Source: "a", Step: 5, Round: 1 << 31},
		"an outcome without a": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w, waits := lied(t, &liar{met: met})
			w.workers["b"].suspected(t, "a", 4)
			select {
			case m := <-waits:
				t.Errorf("it met: %+v", m)
			default:
			}
			w.assign(5, "b")
			if m := w.met(waits); m.Generation != 5 || m.Step != 5 {
				t.Errorf("%+v", m)
			}
		})
	}
}

// A state that comes over as another, ends early or stops in the middle is an error that
// names who sent it; what the member has stays.
func TestAStateThatIsNone(t *testing.T) {
	data := func(b string) *apiv1.FetchStateResponse {
		return &apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Data{Data: []byte(b)}}
	}
	hash := func(b []byte) *apiv1.FetchStateResponse {
		return &apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Sha256{Sha256: b}}
	}
	for name, c := range map[string]struct {
		parts []*apiv1.FetchStateResponse
		hangs bool
		says  string
	}{
		"a flipped byte":    {[]*apiv1.FetchStateResponse{data("stats"), hash(sumOf("state"))}, false, "its hash differs"},
		"no hash":           {[]*apiv1.FetchStateResponse{data("state")}, false, "after 5 bytes of the state"},
		"nothing":           {nil, false, "after 0 bytes of the state"},
		"half a hash":       {[]*apiv1.FetchStateResponse{data("state"), hash(sumOf("state")[:16])}, false, "its hash differs"},
		"an empty part":     {[]*apiv1.FetchStateResponse{data("state"), {}}, false, "a part of the state"},
		"it stops half way": {[]*apiv1.FetchStateResponse{data("st")}, true, errSilent.Error()},
		"it never begins":   {nil, true, errSilent.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			w, waits := lied(t, &liar{met: &apiv1.Met{Source: "a", Step: 7}, state: func(s grpc.ServerStreamingServer[apiv1.FetchStateResponse]) error {
				for _, p := range c.parts {
					if err := s.Send(p); err != nil {
						return err
					}
				}
				if c.hangs {
					<-s.Context().Done()
				}
				return nil
			}})
			m := w.met(waits)
			_, err := m.Fetch(t.Context())
			var at *allreduce.PeerError
			if !errors.As(err, &at) || at.Peer != 0 || at.Name != "a" || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want an error of a that says %q", err, c.says)
			}
			w.workers["b"].gang.Broken(m, err)
			w.workers["b"].suspected(t, "a", 4)
		})
	}
}

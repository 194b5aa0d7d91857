package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"g2c/api"
	"g2c/internal/clock"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/worker/agent"
	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

var key = api.Key{1, 2, 3}

// town is some workers on loopback.
type town struct {
	t        *testing.T
	deadline time.Duration
	ca       string      // of the certificates that all have; none if empty
	clock    clock.Clock // of all; nil for the machine's
	workers  map[string]*resident
}

// resident is a worker of a town, with one run.
type resident struct {
	*Peers
	name, address string
	server        *grpc.Server
	from          *agent.Gang
	out           *agent.Output
	gang          *Gang
	suspects      chan agent.Suspicion
	gone          atomic.Bool // and says no more
}

// mortal is a connection of a worker. Whoever vanishes has no last words: a process that is
// killed does not see its connections break one by one, and blame those at their ends.
type mortal struct {
	net.Conn
	of *resident
}

// Write implements net.Conn.
func (m mortal) Write(b []byte) (int, error) {
	if m.of.gone.Load() {
		return 0, net.ErrClosed
	}
	return m.Conn.Write(b)
}

// mortals is a listener for them.
type mortals struct {
	net.Listener
	of *resident
}

// Accept implements net.Listener.
func (m mortals) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return mortal{c, m.of}, nil
}

func (r *resident) dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return mortal{c, r}, nil
}

func newTown(t *testing.T, names ...string) *town {
	w := &town{t: t, deadline: 10 * time.Second, workers: map[string]*resident{}}
	for _, n := range names {
		w.add(n)
	}
	return w
}

func (w *town) add(name string) *resident {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	r := &resident{name: name, address: listener.Addr().String(), suspects: make(chan agent.Suspicion, 1000)}
	cfg := Config{Worker: name, Deadline: w.deadline, Clock: w.clock, Dial: func(_ api.Key, worker, address string) (*grpc.ClientConn, error) {
		return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(w.dials(pki.Worker, name, worker)), grpc.WithContextDialer(r.dial))
	}}
	var listens credentials.TransportCredentials = insecure.NewCredentials()
	if w.ca != "" {
		cfg.Caller, listens = Certified, grpctls.Server(w.identity(pki.Worker, name))
	}
	r.Peers = New(cfg)
	r.server = grpc.NewServer(grpc.Creds(listens))
	r.Register(r.server)
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(mortals{listener, r}) }()
	w.workers[name] = r
	w.t.Cleanup(func() {
		r.leave()
		r.server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			w.t.Error(err)
		}
	})
	return r
}

// identity is the certificate of somebody, and its key.
func (w *town) identity(role pki.Role, name string) *pki.Identity {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), name)
	if err := pki.Issue(w.ca, dir, pki.Request{Role: role, Name: name, Hosts: []string{"127.0.0.1"}}); err != nil {
		w.t.Fatal(err)
	}
	id, err := pki.Load(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// dials is how somebody reaches a worker.
func (w *town) dials(role pki.Role, name, worker string) credentials.TransportCredentials {
	if w.ca == "" {
		return insecure.NewCredentials()
	}
	return grpctls.Client(w.identity(role, name), pki.Expect{Role: pki.Worker, Name: worker})
}

// leave ends the run.
func (r *resident) leave() {
	if r.gang != nil {
		r.gang.Close()
		r.gang = nil
	}
}

// die ends the process, as far as others can see.
func (r *resident) die() {
	r.vanish()
	r.leave()
}

// vanish breaks all connections.
func (r *resident) vanish() {
	r.gone.Store(true)
	r.server.Stop()
	r.gang.mu.Lock()
	defer r.gang.mu.Unlock()
	for _, c := range r.gang.conns {
		c.Close()
	}
}

// assign tells workers of a generation.
func (w *town) assign(generation uint64, names ...string) {
	w.t.Helper()
	a := agent.Assignment{Task: key, Generation: generation, Slots: 1}
	for _, n := range names {
		a.Gang = append(a.Gang, agent.Part{Worker: n, Slots: 1, Address: w.workers[n].address})
	}
	for _, n := range names {
		w.workers[n].told(w.t, a)
	}
}

func (r *resident) told(t *testing.T, a agent.Assignment) {
	t.Helper()
	if r.from != nil {
		r.from.Change(a)
		return
	}
	r.from = agent.NewGang(a)
	r.out = agent.NewOutput(time.Now, func() {
		if s := r.out.Suspicion(); s != nil {
			r.suspects <- *s
		}
	})
	var err error
	if r.gang, err = r.Open(r.from, r.out); err != nil {
		t.Fatal(err)
	}
}

// came is what a meeting came to for one of its members.
type came struct {
	*gang.Meeting
	err error
}

// meets has a worker come to the meeting after a step.
func (w *town) meets(ctx context.Context, name string, step int64) <-chan came {
	out := make(chan came, 1)
	g := w.workers[name].gang
	go func() {
		m, err := g.Meet(ctx, step)
		out <- came{m, err}
	}()
	return out
}

func (w *town) met(c <-chan came) *gang.Meeting {
	w.t.Helper()
	select {
	case m := <-c:
		if m.err != nil {
			w.t.Fatal(m.err)
		}
		return m.Meeting
	case <-time.After(30 * time.Second):
		w.t.Fatal("nobody met")
		return nil
	}
}

// linked makes all links of a gang, and sends a frame over each.
func (w *town) linked(ms ...*gang.Meeting) {
	w.t.Helper()
	all := make([][]allreduce.Link, len(ms))
	var making sync.WaitGroup
	for i, m := range ms {
		making.Go(func() {
			var err error
			if all[i], err = m.Links(w.t.Context()); err != nil {
				w.t.Errorf("links of %s: %v", m.Names[m.Self], err)
			}
			m.Done()
		})
	}
	making.Wait()
	for i, links := range all {
		for j, l := range links {
			if l == nil {
				continue
			}
			h := allreduce.Header{Session: ms[i].Session(), Kind: allreduce.Alive}
			if err := l.Send(h, nil, func() {}); err != nil {
				w.t.Errorf("%d to %d: %v", i, j, err)
			}
			if f, err := all[j][i].Receive(); err != nil || f.Session != ms[j].Session() {
				w.t.Errorf("%d to %d: %+v, %v", i, j, f.Header, err)
			}
		}
	}
	for _, links := range all {
		for _, l := range links {
			if l != nil {
				l.Close()
			}
		}
	}
}

func (r *resident) suspected(t *testing.T, worker string, generation uint64) {
	t.Helper()
	select {
	case s := <-r.suspects:
		if len(s.Workers) != 1 || s.Workers[0] != worker || s.Generation != generation {
			t.Fatalf("%s suspects %+v, want %s in generation %d", r.name, s, worker, generation)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%s does not suspect %s", r.name, worker)
	}
}

// Members come when they have come to a boundary; the first of the furthest is the source,
// and the others get its state.
func TestAGangMeets(t *testing.T) {
	w := newTown(t, "a", "b", "c")
	w.assign(7, "a", "b", "c")
	first, last := w.meets(t.Context(), "c", 6), w.meets(t.Context(), "a", 5)
	select {
	case m := <-first:
		t.Fatalf("it met without b: %+v", m)
	case m := <-last:
		t.Fatalf("it met without b: %+v", m)
	default:
	}
	second := w.meets(t.Context(), "b", 6)
	a, b, c := w.met(last), w.met(second), w.met(first)
	for i, m := range []*gang.Meeting{a, b, c} {
		if m.Generation != 7 || m.Self != i || m.Source != 1 || m.Step != 6 || fmt.Sprint(m.Names, m.Slots) != "[a b c] [1 1 1]" || m.First() != (i == 0) {
			t.Errorf("%+v", m)
		}
	}
	state := bytes.Repeat([]byte("state"), 1<<20)
	fetched := make(chan []byte, 1)
	go func() {
		got, err := a.Fetch(t.Context()) // before it is offered
		if err != nil {
			t.Error(err)
		}
		fetched <- got
	}()
	b.Offer(bytes.NewReader(state))
	if !bytes.Equal(<-fetched, state) {
		t.Error("the state came over as another")
	}
	w.linked(a, b, c)
	if w.workers["a"].gang.Changed() {
		t.Error("the gang has changed without an assignment")
	}
	w.assign(8, "a", "b")
	for !w.workers["a"].gang.Changed() || !w.workers["b"].gang.Changed() {
		runtime.Gosched()
	}
	second, last = w.meets(t.Context(), "b", 9), w.meets(t.Context(), "a", 9)
	w.linked(w.met(last), w.met(second))
	for name, r := range w.workers {
		if len(r.suspects) > 0 {
			t.Errorf("%s suspects %+v", name, <-r.suspects)
		}
	}
}

// Members that lost sight of each other meet again in the same generation, in another round.
func TestAGangMeetsAgain(t *testing.T) {
	w := newTown(t, "a", "b")
	w.assign(1, "a", "b")
	for round := range 3 {
		x, y := w.meets(t.Context(), "a", int64(round)), w.meets(t.Context(), "b", int64(round))
		a, b := w.met(x), w.met(y)
		if a.Session() != b.Session() || a.Session().Generation != 1<<roundBits+uint64(round) {
			t.Errorf("round %d is session %d", round, a.Session().Generation)
		}
		if round != 1 { // once an exchange never comes about
			w.linked(a, b)
		}
	}
}

// Whoever vanishes is suspected, at once and by name, and the generation without it meets.
func TestWhoVanishesIsSuspected(t *testing.T) {
	for _, dead := range []string{"a", "b"} {
		t.Run(dead, func(t *testing.T) {
			w := newTown(t, "a", "b", "c")
			w.assign(3, "a", "b", "c")
			var waits []<-chan came
			var rest []string
			for _, n := range []string{"a", "b", "c"} {
				if n != dead {
					rest = append(rest, n)
					waits = append(waits, w.meets(t.Context(), n, 4))
				}
			}
			if dead == "b" {
				for w.workers["a"].gang.newest().way.(*host).attends() < 2 {
					runtime.Gosched()
				}
			}
			w.workers[dead].die()
			w.workers[rest[0]].suspected(t, dead, 3)
			w.assign(4, rest...)
			var ms []*gang.Meeting
			for _, c := range waits {
				ms = append(ms, w.met(c))
			}
			if ms[0].Generation != 4 || len(ms[0].Names) != 2 {
				t.Errorf("%+v", ms[0])
			}
			w.linked(ms...)
		})
	}
}

// attends counts the members that have come.
func (h *host) attends() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.here)
}

// One that never comes is suspected after a deadline, one that lives and computes is not.
func TestWhoNeverComesIsSuspected(t *testing.T) {
	w := &town{t: t, deadline: 3 * time.Second, workers: map[string]*resident{}}
	for _, n := range []string{"a", "b", "c"} {
		w.add(n)
	}
	a := agent.Assignment{Task: key, Generation: 1, Slots: 1}
	for _, n := range []string{"a", "b", "c"} {
		a.Gang = append(a.Gang, agent.Part{Worker: n, Slots: 1, Address: w.workers[n].address})
	}
	w.workers["a"].told(t, a)
	w.workers["b"].told(t, a) // c's agent never hears of it
	h := w.workers["a"].gang.newest().way.(*host)
	for h.attends() < 1 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.meets(ctx, "a", 0)
	w.workers["a"].suspected(t, "c", 1)
	cancel()
}

// A generation that changes cancels a meeting, and what it began.
func TestAChangeCancels(t *testing.T) {
	w := newTown(t, "a", "b")
	w.assign(1, "a", "b")
	x, y := w.meets(t.Context(), "a", 1), w.meets(t.Context(), "b", 1)
	a, b := w.met(x), w.met(y)
	failed := make(chan error, 2)
	go func() {
		_, err := b.Fetch(t.Context()) // which nobody offers
		failed <- err
	}()
	go func() {
		_, err := a.Links(t.Context()) // b does not come so far
		failed <- err
	}()
	w.assign(2, "a")
	w.assign(3, "b")
	for range 2 {
		if err := <-failed; !errors.Is(err, gang.ErrOver) {
			t.Errorf("%v", err)
		}
	}
	if m := w.met(w.meets(t.Context(), "a", 1)); m.Generation != 2 || len(m.Names) != 1 || m.With != nil {
		t.Errorf("%+v", m)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	w.assign(4, "a", "b")
	for !w.workers["a"].gang.Changed() {
		runtime.Gosched()
	}
	waits := w.meets(ctx, "a", 1)
	cancel(agent.ErrSave)
	if m := <-waits; !errors.Is(m.err, agent.ErrSave) {
		t.Errorf("%v", m.err)
	}
}

// An end of an exchange is blamed on whom it names, but not on who took leave.
func TestBlame(t *testing.T) {
	w := newTown(t, "a", "b")
	w.assign(1, "a", "b")
	x, y := w.meets(t.Context(), "a", 1), w.meets(t.Context(), "b", 1)
	m, _ := w.met(x), w.met(y)
	g := w.workers["a"].gang
	g.Broken(m, errors.New("no room"))
	g.Broken(m, &allreduce.PeerError{Peer: 1, Name: "b", Err: allreduce.ErrLeft})
	g.Broken(m, &allreduce.PeerError{Peer: 0, Name: "a", Err: allreduce.ErrSilent})
	if len(w.workers["a"].suspects) > 0 {
		t.Errorf("it suspects %+v", <-w.workers["a"].suspects)
	}
	g.Broken(m, fmt.Errorf("step 3: %w", &allreduce.PeerError{Peer: 1, Name: "b", Err: allreduce.ErrSilent}))
	w.workers["a"].suspected(t, "b", 1)
}

// A state that is withdrawn, or gives way to that of another round, is read no further: its
// memory may hold another state by then.
func TestAStateIsReadWhileItIsOffered(t *testing.T) {
	m := &meeting{changed: make(chan struct{})}
	from, chunk := bytes.NewReader([]byte("0123456789")), make([]byte, 4)
	read := func(round uint32) error {
		_, err := m.read(round, from, chunk)
		return err
	}
	m.offer(bytes.NewReader(nil), 3)
	if err := read(3); err != nil || string(chunk) != "0123" {
		t.Errorf("%q, %v", chunk, err)
	}
	m.offer(bytes.NewReader(nil), 4)
	if err := read(3); !errors.Is(err, errWithdrawn) {
		t.Errorf("the state of round 4 was read as that of 3: %v", err)
	}
	m.withdraw()
	if err := read(4); !errors.Is(err, errWithdrawn) || string(chunk) != "0123" {
		t.Errorf("%q was read of what is withdrawn: %v", chunk, err)
	}
}

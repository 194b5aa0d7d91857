package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	apiv1 "g2c/api/v1"
)

// host is the first member of a gang: it gathers where all stand.
type host struct {
	*meeting

	mu      sync.Mutex
	changed chan struct{}        // closed and made anew with every change
	here    map[string]*attendee // members whose streams are open
	self    *arrival             // of this process; nil while it computes
	summons bool                 // all who do not train are there
	round   uint32
	last    *outcome // of the last round
	lose    context.CancelFunc
}

// attendee is another member's stream.
type attendee struct {
	training bool     // as an earlier generation, until it is called
	at       *arrival // nil while it computes
	told     bool     // the outcome of the round
}

// arrival is a member that stands at a step boundary.
type arrival struct{ step int64 }

func newHost(m *meeting) *host {
	return &host{meeting: m, changed: make(chan struct{}), here: map[string]*attendee{}, lose: func() {}}
}

// start implements way.
func (h *host) start() { go h.missing() }

// tell wakes whoever waits for a change. The lock is held.
func (h *host) tell() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// missing suspects members that have not come in a whole deadline, as long as a round waits
// for them.
func (h *host) missing() {
	var before []string
	waits := uint32(0)
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.gang.peers.cfg.Clock.After(h.gang.peers.cfg.Deadline / 2):
		}
		absent, round := h.absent()
		for _, worker := range absent {
			if round == waits && slices.Contains(before, worker) {
				h.gang.suspect(h.a.Generation, worker, fmt.Errorf("worker %s has not come to the meeting of generation %d", worker, h.a.Generation))
			}
		}
		before, waits = absent, round
	}
}

// absent lists the members that a round waits for and of which nothing was heard.
func (h *host) absent() (workers []string, round uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != nil && h.self == nil {
		return nil, h.round
	}
	for _, p := range h.a.Gang[1:] {
		if h.here[p.Worker] == nil {
			workers = append(workers, p.Worker)
		}
	}
	return workers, h.round
}

// arrive implements way.
func (h *host) arrive(ctx context.Context, step int64) (outcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.self = &arrival{step}
	round := h.round
	h.summon()
	h.conclude()
	for h.round == round {
		changed := h.changed
		h.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			h.mu.Lock()
			h.self = nil
			return outcome{}, ctx.Err()
		}
		h.mu.Lock()
		h.conclude()
	}
	return *h.last, nil
}

// called implements way.
func (h *host) called() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.summons
}

// summon calls those who train once all others are there. The lock is held.
func (h *host) summon() {
	if h.summons || !h.training && h.self == nil {
		return
	}
	for _, p := range h.a.Gang[1:] {
		if a := h.here[p.Worker]; a == nil || !a.training && a.at == nil {
			return
		}
	}
	h.summons = true
	h.tell()
}

// conclude ends the round if all have arrived. The lock is held.
func (h *host) conclude() {
	if h.self == nil {
		return
	}
	o := outcome{source: h.a.Gang[0].Worker, step: h.self.step, round: h.round}
	for _, p := range h.a.Gang[1:] {
		a := h.here[p.Worker]
		if a == nil || a.at == nil || a.told {
			return
		}
		if a.at.step > o.step {
			o.source, o.step = p.Worker, a.at.step
		}
	}
	h.lose()
	o.lost, h.lose = context.WithCancel(h.ctx)
	for _, a := range h.here {
		a.told = true
	}
	h.self, h.last = nil, &o
	h.round++
	h.tell()
}

// done implements way.
func (h *host) done() {}

// enter takes a member in. One that comes anew has left its earlier stream.
func (h *host) enter(worker string, training bool) *attendee {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := &attendee{training: training}
	h.here[worker] = a
	h.summon()
	h.tell()
	return a
}

// leave is the end of a member's stream. One that breaks off is suspected, and what began
// with it is over. One that takes leave has reported why, or is missed in time.
func (h *host) leave(worker string, a *attendee, err error) {
	h.mu.Lock()
	lost := h.here[worker] == a && err != nil
	if h.here[worker] == a {
		delete(h.here, worker)
	}
	if lost && a.told {
		h.lose()
	}
	h.tell()
	h.mu.Unlock()
	if lost && h.ctx.Err() == nil {
		h.gang.suspect(h.a.Generation, worker, err)
	}
}

// arrived notes where a member stands.
func (h *host) arrived(a *attendee, step int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.at != nil {
		return status.Error(codes.InvalidArgument, "a member arrives once")
	}
	if step < 0 {
		return status.Errorf(codes.InvalidArgument, "a member stands after step %d", step)
	}
	a.at = &arrival{step}
	h.summon()
	h.conclude()
	h.tell()
	return nil
}

// outcomeFor is the outcome that a member is to be told, nil while there is none; whether it
// is called; and what to wait for.
func (h *host) outcomeFor(a *attendee) (o *outcome, call bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.told {
		o = h.last
	}
	return o, a.training && h.summons, h.changed
}

// Meet implements apiv1.PeerServiceServer.
func (p *Peers) Meet(stream grpc.BidiStreamingServer[apiv1.MeetRequest, apiv1.MeetResponse]) error {
	first, err := nextOf(p, stream.Recv)
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if hello == nil {
		return status.Errorf(codes.InvalidArgument, "a meeting begins with a hello, not with %T", first.GetMessage())
	}
	m, err := p.comesTo(stream, hello)
	if err != nil {
		return err
	}
	h, ok := m.way.(*host)
	if !ok || hello.GetWorker() == p.cfg.Worker {
		return status.Errorf(codes.FailedPrecondition, "worker %s does not host generation %d for %.64q", p.cfg.Worker, hello.GetGeneration(), hello.GetWorker())
	}
	a := h.enter(hello.GetWorker(), hello.GetTraining())
	err = h.attend(stream, a)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	h.leave(hello.GetWorker(), a, err)
	return err
}

// comesTo is the meeting that a caller means. It is told that this process lives, until its
// coordinator has told it of the generation too.
func (p *Peers) comesTo(stream grpc.BidiStreamingServer[apiv1.MeetRequest, apiv1.MeetResponse], hello *apiv1.MeetHello) (m *meeting, err error) {
	found := make(chan struct{})
	go func() { // ends with the stream, or by its patience
		defer close(found)
		m, err = p.member(stream.Context(), hello.GetTask(), hello.GetGeneration(), hello.GetWorker())
	}()
	for {
		select {
		case <-found:
			return m, err
		case <-p.alive():
		}
		if err := stream.Send(sayAlive); err != nil {
			<-found // it ends with the stream
			return nil, err
		}
	}
}

// sayAlive is what is said when there is nothing else to say.
var sayAlive = &apiv1.MeetResponse{Message: &apiv1.MeetResponse_Alive{Alive: &apiv1.Alive{}}}

// attend hears a member and tells it the outcome, until it goes.
func (h *host) attend(stream grpc.BidiStreamingServer[apiv1.MeetRequest, apiv1.MeetResponse], a *attendee) error {
	heard := make(chan error, 1)
	go func() { heard <- h.hear(stream, a) }() // ends with the stream
	told, asked := false, false
	for {
		o, call, changed := h.outcomeFor(a)
		if call && !asked {
			asked = true
			if err := stream.Send(&apiv1.MeetResponse{Message: &apiv1.MeetResponse_Call{Call: &apiv1.Call{}}}); err != nil {
				return err
			}
		}
		if o != nil && !told {
			told = true
			met := &apiv1.Met{Source: o.source, Step: uint64(o.step), Round: o.round}
			if err := stream.Send(&apiv1.MeetResponse{Message: &apiv1.MeetResponse_Met{Met: met}}); err != nil {
				return err
			}
		}
		select {
		case err := <-heard:
			return err
		case <-changed:
		case <-h.ctx.Done():
			return status.Errorf(codes.Aborted, "%v", context.Cause(h.ctx))
		case <-h.gang.peers.alive():
			if err := stream.Send(sayAlive); err != nil {
				return err
			}
		}
	}
}

// hear reads what a member says until it says no more.
func (h *host) hear(stream grpc.BidiStreamingServer[apiv1.MeetRequest, apiv1.MeetResponse], a *attendee) error {
	for {
		m, err := nextOf(h.gang.peers, stream.Recv)
		if err != nil {
			return err
		}
		if err := h.heard(a, m); err != nil {
			return err
		}
	}
}

// heard acts on what a member says.
func (h *host) heard(a *attendee, m *apiv1.MeetRequest) error {
	switch m := m.GetMessage().(type) {
	case *apiv1.MeetRequest_Alive:
		return nil
	case *apiv1.MeetRequest_Arrived:
		return h.arrived(a, int64(m.Arrived.GetStep()))
	default:
		return status.Errorf(codes.InvalidArgument, "a member says %T", m)
	}
}

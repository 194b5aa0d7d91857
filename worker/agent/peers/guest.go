package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	apiv1 "g2c/api/v1"
)

// guest is a member that comes to another's meeting.
type guest struct {
	*meeting

	mu      sync.Mutex
	current *visit // nil before the first
	summons bool   // the host has called
}

// visit is a guest's stream to its host: for one round.
type visit struct {
	ctx     context.Context // ends with the stream
	end     context.CancelCauseFunc
	asked   bool       // its round is waited for, or was
	arrived chan int64 // capacity 1
	met     chan *apiv1.Met
}

func newGuest(m *meeting) *guest { return &guest{meeting: m} }

// start implements way.
func (g *guest) start() { go g.attend() }

// attend sees to it that the host hears of this process before it arrives: the host may not
// be reached at once, or vanish while others train.
func (g *guest) attend() {
	for {
		g.mu.Lock()
		if v := g.current; v != nil && v.asked { // the run itself is there
			g.mu.Unlock()
			return
		}
		v := g.open()
		g.mu.Unlock()
		select {
		case <-v.ctx.Done():
		case <-g.ctx.Done():
			return
		}
		g.mu.Lock()
		asked := v.asked
		g.mu.Unlock()
		if asked || g.ctx.Err() != nil {
			return
		}
		if err := context.Cause(v.ctx); !over(err) {
			g.gang.suspect(g.a.Generation, g.a.Gang[0].Worker, err)
		}
		select {
		case <-g.ctx.Done():
			return
		case <-g.gang.peers.cfg.Clock.After(g.gang.peers.cfg.Deadline / 20):
		}
	}
}

// called implements way. One that does not train comes anyway.
func (g *guest) called() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.summons || !g.training
}

// open is the stream of the round that is to come: the one that is open, unless its round
// was waited for, or it has ended. The lock is held.
func (g *guest) open() *visit {
	if v := g.current; v != nil && v.ctx.Err() == nil && !v.asked {
		return v
	}
	if g.current != nil {
		g.current.end(errChanged)
	}
	v := &visit{arrived: make(chan int64, 1), met: make(chan *apiv1.Met, 1)}
	v.ctx, v.end = context.WithCancelCause(g.ctx)
	g.current = v
	go func() { v.end(g.call(v)) }()
	return v
}

// arrive implements way.
func (g *guest) arrive(ctx context.Context, step int64) (outcome, error) {
	g.mu.Lock()
	v := g.open()
	v.asked = true
	g.mu.Unlock()
	v.arrived <- step
	select {
	case met := <-v.met:
		o, err := g.outcome(met, step)
		if err != nil {
			v.end(err)
			g.gang.suspect(g.a.Generation, g.a.Gang[0].Worker, err)
		}
		o.lost = v.ctx
		return o, err
	case <-v.ctx.Done():
		err := context.Cause(v.ctx)
		if g.ctx.Err() == nil && ctx.Err() == nil && !over(err) {
			g.gang.suspect(g.a.Generation, g.a.Gang[0].Worker, err)
		}
		return outcome{}, err
	case <-ctx.Done():
		v.end(ctx.Err())
		return outcome{}, ctx.Err()
	}
}

// outcome is what a host says that a round has come to, for one who stands after a step.
func (g *guest) outcome(met *apiv1.Met, step int64) (outcome, error) {
	o := outcome{source: met.GetSource(), step: int64(met.GetStep()), round: met.GetRound()}
	if g.place(o.source) < 0 || o.step < step || o.round >= 1<<roundBits {
		return outcome{}, fmt.Errorf("the host of generation %d says that %.64q stands after step %d, in round %d", g.a.Generation, o.source, met.GetStep(), o.round)
	}
	return o, nil
}

// over says whether an error only means that a generation is not the newest any more.
func over(err error) bool {
	code := status.Code(err)
	return code == codes.FailedPrecondition || code == codes.Aborted
}

// done implements way: the exchange watches over the others from now on.
func (g *guest) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current != nil {
		g.current.end(io.EOF)
	}
}

// call is a visit's stream, from beginning to end.
func (g *guest) call(v *visit) error {
	c, err := g.gang.conn(g.a.Gang[0])
	if err != nil {
		return err
	}
	// The stream outlives the visit by its farewell.
	ctx, cancel := context.WithCancel(context.WithoutCancel(v.ctx))
	defer cancel()
	stream, err := apiv1.NewPeerServiceClient(c).Meet(ctx)
	if err != nil {
		return err
	}
	hello := &apiv1.MeetHello{Task: g.gang.key.String(), Generation: g.a.Generation, Worker: g.gang.peers.cfg.Worker, Training: g.training}
	if err := stream.Send(&apiv1.MeetRequest{Message: &apiv1.MeetRequest_Hello{Hello: hello}}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	heard := make(chan error, 1)
	go func() { heard <- g.hear(stream, v) }() // ends with the stream
	for {
		var err error
		select {
		case err := <-heard:
			return err
		case <-v.ctx.Done():
			return g.farewell(stream, heard)
		case step := <-v.arrived:
			err = stream.Send(&apiv1.MeetRequest{Message: &apiv1.MeetRequest_Arrived{Arrived: &apiv1.Arrived{Step: uint64(step)}}})
		case <-g.gang.peers.alive():
			err = stream.Send(&apiv1.MeetRequest{Message: &apiv1.MeetRequest_Alive{Alive: &apiv1.Alive{}}})
		}
		if err != nil {
			return <-heard // what Recv says is why
		}
	}
}

// farewell ends a stream such that the host has heard all of it.
func (g *guest) farewell(stream grpc.BidiStreamingClient[apiv1.MeetRequest, apiv1.MeetResponse], heard <-chan error) error {
	if err := stream.CloseSend(); err != nil {
		return err
	}
	select {
	case err := <-heard:
		return err
	case <-g.gang.peers.cfg.Clock.After(g.gang.peers.cfg.Deadline):
		return errSilent
	}
}

// hear reads what the host says until it says no more.
func (g *guest) hear(stream grpc.BidiStreamingClient[apiv1.MeetRequest, apiv1.MeetResponse], v *visit) error {
	for {
		m, err := nextOf(g.gang.peers, stream.Recv)
		if err != nil {
			return err
		}
		switch m := m.GetMessage().(type) {
		case *apiv1.MeetResponse_Alive:
		case *apiv1.MeetResponse_Call:
			g.mu.Lock()
			g.summons = true
			g.mu.Unlock()
		case *apiv1.MeetResponse_Met:
			select {
			case v.met <- m.Met:
			default:
				return errors.New("the host ends a round twice")
			}
		default:
			return fmt.Errorf("the host says %T", m)
		}
	}
}

// errSilent is a member that says nothing for too long.
var errSilent = errors.New("nothing came for too long")

// alive is when it is time to say that this process lives: four times in a deadline.
func (p *Peers) alive() <-chan time.Time { return p.cfg.Clock.After(p.cfg.Deadline / 4) }

// nextOf is the next message of a stream, for which it waits no longer than a deadline.
func nextOf[M any](p *Peers, next func() (M, error)) (M, error) {
	type message struct {
		m   M
		err error
	}
	got := make(chan message, 1)
	go func() { // ends with the stream
		m, err := next()
		got <- message{m, err}
	}()
	select {
	case heard := <-got:
		return heard.m, heard.err
	case <-p.cfg.Clock.After(p.cfg.Deadline):
		var none M
		return none, errSilent
	}
}

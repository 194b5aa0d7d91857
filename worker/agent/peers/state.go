package peers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	apiv1 "g2c/api/v1"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/worker/agent"
)

// Limits of a state on its way.
const (
	stateChunk = 1 << 20
	maxState   = 64 << 30
)

// offer lets other members fetch the state under a round.
func (m *meeting) offer(state store.Body, round uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offered, m.round = state, round
	close(m.changed)
	m.changed = make(chan struct{})
}

// withdraw ends what was offered.
func (m *meeting) withdraw() { m.offer(nil, 0) }

// state waits for the state of a round, and says that this process lives meanwhile.
func (m *meeting) state(ctx context.Context, round uint32, alive func() error) (store.Body, error) {
	for {
		m.mu.Lock()
		state, at, changed := m.offered, m.round, m.changed
		m.mu.Unlock()
		if state != nil && at == round {
			return state, nil
		}
		select {
		case <-changed:
		case <-m.gang.peers.alive():
			if err := alive(); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-m.ctx.Done():
			return nil, status.Errorf(codes.Aborted, "%v", context.Cause(m.ctx))
		}
	}
}

// read reads some of a round's state while that is offered. Once it is withdrawn it may
// become another: what was read of it until then is not all of it, and has no hash.
func (m *meeting) read(round uint32, from io.Reader, chunk []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.offered == nil || m.round != round {
		return 0, errWithdrawn
	}
	return io.ReadFull(from, chunk)
}

// errWithdrawn is a state that is not offered any more.
var errWithdrawn = errors.New("the state is not offered any more")

// FetchState implements apiv1.PeerServiceServer.
func (p *Peers) FetchState(req *apiv1.FetchStateRequest, stream grpc.ServerStreamingServer[apiv1.FetchStateResponse]) error {
	m, err := p.member(stream.Context(), req.GetTask(), req.GetGeneration(), req.GetWorker())
	if err != nil {
		return err
	}
	state, err := m.state(stream.Context(), req.GetRound(), func() error {
		return stream.Send(&apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Data{}})
	})
	if err != nil {
		return err
	}
	hash := sha256.New()
	from := io.NewSectionReader(state, 0, state.Size())
	for {
		chunk := make([]byte, stateChunk) // the transport may keep it
		n, err := m.read(req.GetRound(), from, chunk)
		if n > 0 {
			hash.Write(chunk[:n])
			if err := stream.Send(&apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Data{Data: chunk[:n]}}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if errors.Is(err, errWithdrawn) {
			return status.Error(codes.Aborted, err.Error())
		}
		if err != nil {
			return status.Errorf(codes.Internal, "read the state: %v", err)
		}
	}
	return stream.Send(&apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Sha256{Sha256: hash.Sum(nil)}})
}

// fetch is the state of the task as a member has it. Of a member that has none yet, or is
// slow, comes something in every deadline.
func (m *meeting) fetch(ctx context.Context, from agent.Part, round uint32) ([]byte, error) {
	c, err := m.gang.conn(from)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the stream, if it is left early
	stream, err := apiv1.NewPeerServiceClient(c).FetchState(ctx, &apiv1.FetchStateRequest{
		Task: m.gang.key.String(), Generation: m.a.Generation, Round: round, Worker: m.gang.peers.cfg.Worker,
	})
	if err != nil {
		return nil, err
	}
	return gather(func() (*apiv1.FetchStateResponse, error) { return nextOf(m.gang.peers, stream.Recv) }, maxState)
}

// gather puts a state together and holds it to its hash.
func gather(next func() (*apiv1.FetchStateResponse, error), most int64) ([]byte, error) {
	var out bytes.Buffer
	hash := sha256.New()
	for {
		m, err := next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("after %d bytes of the state: %w", out.Len(), err)
		}
		switch part := m.GetPart().(type) {
		case *apiv1.FetchStateResponse_Data:
			if int64(out.Len())+int64(len(part.Data)) > most {
				return nil, fault.New(fault.ErrData, "the state is of more than %d bytes", most)
			}
			out.Write(part.Data)
			hash.Write(part.Data)
		case *apiv1.FetchStateResponse_Sha256:
			if !bytes.Equal(hash.Sum(nil), part.Sha256) {
				return nil, fault.New(fault.ErrData, "the state of %d bytes is not as it was sent: its hash differs", out.Len())
			}
			return out.Bytes(), nil
		default:
			return nil, fault.New(fault.ErrData, "a part of the state is %T", m.GetPart())
		}
	}
}

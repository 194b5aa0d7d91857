package server

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"g2c/api"
	"g2c/api/rpcerr"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// maxRequestID bounds the name of a request, which the state remembers.
const maxRequestID = 128

// request is a message that asks for a write.
type request interface {
	proto.Message
	GetRequestId() string
}

// contentOf is the hash of what a caller asks for, but for the number that it asks under:
// a repeat has the same. A command that is made of it may differ each time.
func contentOf(m request, more ...[]byte) ([32]byte, error) {
	m = proto.Clone(m).(request)
	r := m.ProtoReflect()
	r.Clear(r.Descriptor().Fields().ByName("request_id"))
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return [32]byte{}, rpcerr.New(rpcerr.BadRequest, "%w", err)
	}
	h := sha256.New()
	for _, part := range append([][]byte{[]byte(r.Descriptor().FullName()), b}, more...) {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil)), nil
}

// write has somebody's wish applied under its request id.
func (s *records) write(ctx context.Context, m request, c command.Command) (state.Result, error) {
	content, err := contentOf(m)
	if err != nil {
		return state.Result{}, err
	}
	return s.writeContent(ctx, m.GetRequestId(), content, c)
}

// writeContent is write for what came in several messages.
func (s *records) writeContent(ctx context.Context, id string, content [32]byte, c command.Command) (state.Result, error) {
	if err := s.unused(ctx, id, content); err != nil {
		return state.Result{}, err
	}
	w := whoOf(ctx)
	e := command.Entry{Request: id, Principal: w.principal, Command: c}
	if s.Snapshot().Level() >= api.LevelWishes {
		e.Content = content
	}
	r, err := s.propose(ctx, e)
	if err != nil {
		return r, err
	}
	verb, subject := command.Describe(c)
	log := s.log.With("principal", w.principal, "verb", verb, "subject", subject, "index", r.Index, "repeated", r.Repeated)
	if r.Err != nil {
		log = log.With("refused", r.Err)
	}
	log.Info("write")
	return r, r.Err
}

// unused refuses a request id that cannot be one, or that came before with another
// content: for calls that do something before they write.
func (s *records) unused(ctx context.Context, id string, content [32]byte) error {
	if id == "" || len(id) > maxRequestID {
		return rpcerr.New(rpcerr.BadRequest, "a write needs a request_id of 1 to %d bytes, not %d", maxRequestID, len(id)).
			WithHint("make a new random one for each write, and keep it when you repeat the write")
	}
	r := s.Snapshot().Request(whoOf(ctx).principal, id)
	if r != nil && r.Content != content && r.Content != [32]byte{} {
		return rpcerr.New(rpcerr.RequestReused, "request_id %q came before, and asked for something else", id).
			WithHint("make a new random one for each write")
	}
	return nil
}

package grpclink

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"g2c/worker/allreduce"
)

// codecName is the content subtype of messages.
const codecName = "g2c-frame"

func init() { encoding.RegisterCodecV2(codec{}) }

// codec passes frames through.
type codec struct{}

// Name implements encoding.CodecV2.
func (codec) Name() string { return codecName }

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	out, ok := v.(*outgoing)
	if !ok {
		return nil, fmt.Errorf("grpclink: %T is no frame", v)
	}
	return out.buffers, nil
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*incoming)
	if !ok {
		return fmt.Errorf("grpclink: %T is no frame", v)
	}
	in.take(data)
	return nil
}

// outgoing is a frame on its way out. It is the pool of its payload's buffer too, so that
// gRPC says when it is done with the payload. It is not used again: gRPC may look at the
// list of buffers after that.
type outgoing struct {
	head    [allreduce.HeaderBytes]byte
	payload []byte
	sent    func()
	pair    [2]mem.Buffer
	buffers mem.BufferSlice
}

// newOutgoing makes the message of a frame. A short payload, of whose end gRPC does not
// tell, is copied, and so sent as soon as the message is.
func newOutgoing(h allreduce.Header, payload []byte, sent func()) (o *outgoing, copied bool) {
	o = &outgoing{payload: payload, sent: sent}
	h.Put(o.head[:])
	o.pair[0] = mem.SliceBuffer(o.head[:])
	o.buffers = o.pair[:1]
	if mem.IsBelowBufferPoolingThreshold(len(payload)) {
		o.pair[0] = mem.SliceBuffer(append(o.head[:], payload...))
		return o, true
	}
	o.pair[1] = mem.NewBuffer(&o.payload, o)
	o.buffers = o.pair[:]
	return o, false
}

// Get implements mem.BufferPool.
func (o *outgoing) Get(int) *[]byte { panic("grpclink: a payload is given, not made") }

// Put implements mem.BufferPool: gRPC has written the payload, or given it up.
func (o *outgoing) Put(*[]byte) { o.sent() }

// incoming is the frame that was received last.
type incoming struct {
	header allreduce.Header
	err    error // what is wrong with it: the stream outlives that
	parts  [][]byte
	held   mem.BufferSlice
}

// take keeps a message, and finds its header and the parts of its payload.
func (i *incoming) take(data mem.BufferSlice) {
	var head [allreduce.HeaderBytes]byte
	n := data.CopyTo(head[:])
	if i.header, i.err = allreduce.ParseHeader(head[:n], data.Len()); i.err != nil {
		return
	}
	data.Ref()
	i.held = data
	skip := len(head)
	for _, b := range data {
		part := b.ReadOnlyData()
		if skip < len(part) {
			i.parts = append(i.parts, part[skip:])
		}
		skip = max(skip-len(part), 0)
	}
}

// release lets gRPC have the message's buffers.
func (i *incoming) release() {
	i.held.Free()
	clear(i.parts)
	i.held, i.parts = nil, i.parts[:0]
}

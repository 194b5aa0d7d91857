package grpclink

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"g2c/worker/allreduce"
)

// bytesCodec sends what it is given, under the name of frames to a server.
type bytesCodec struct{}

func init() { encoding.RegisterCodecV2(bytesCodec{}) }

// Name implements encoding.CodecV2.
func (bytesCodec) Name() string { return "g2c-test-bytes" }

// Marshal implements encoding.CodecV2.
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.(*[]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
	}
	return codec{}.Marshal(v)
}

// Unmarshal implements encoding.CodecV2.
func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if b, ok := v.(*[]byte); ok {
		*b = data.Materialize()
		return nil
	}
	return codec{}.Unmarshal(data, v)
}

// FuzzMessages reads messages however they were cut into buffers: what is read is what
// was sent, and nothing is read past it.
func FuzzMessages(f *testing.F) {
	head := make([]byte, allreduce.HeaderBytes)
	h := allreduce.Header{Kind: allreduce.Sum, Encoding: allreduce.Float32, Length: 8}
	h.Put(head)
	f.Add(append(head, 1, 2, 3, 4, 5, 6, 7, 8), uint8(7))
	f.Add([]byte{}, uint8(1))
	f.Fuzz(func(t *testing.T, message []byte, cut uint8) {
		var data mem.BufferSlice
		for rest := message; len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			data, rest = append(data, mem.SliceBuffer(rest[:n])), rest[n:]
		}
		var in incoming
		if err := (codec{}).Unmarshal(data, &in); err != nil {
			t.Fatal(err)
		}
		if in.err == nil {
			if got := bytes.Join(in.parts, nil); !bytes.Equal(got, message[allreduce.HeaderBytes:]) || int(in.header.Length) != len(got) {
				t.Errorf("%x of %x", got, message)
			}
		} else if len(in.parts) > 0 {
			t.Errorf("%v, and %d parts", in.err, len(in.parts))
		}
		in.release()
	})
}

// A payload is said to be sent once, whether it is copied or not.
func TestOutgoing(t *testing.T) {
	for _, n := range []int{0, 10, 1 << 20} {
		sent := 0
		o, copied := newOutgoing(allreduce.Header{Kind: allreduce.Sum, Length: uint32(n)}, make([]byte, n), func() { sent++ })
		if got := o.buffers.Len(); got != allreduce.HeaderBytes+n {
			t.Errorf("%d bytes of %d", got, n)
		}
		o.buffers.Free()
		if want := map[bool]int{true: 0, false: 1}[copied]; sent != want {
			t.Errorf("%d bytes: sent %d times, want %d", n, sent, want)
		}
	}
}

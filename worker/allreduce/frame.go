package allreduce

import (
	"encoding/binary"
	"fmt"

	"g2c/api"
)

// HeaderBytes is the length of a header on the wire. With the five bytes that gRPC puts
// before a message they are 64, so that elements begin at a multiple of their size in
// every buffer that a message is received in.
//
//	 0       1      2         3                    35              43        47
//	+-------+------+---------+--------------------+---------------+---------+
//	| 1     | kind | element | task key (32)      | generation (8)| round(4)|
//	+-------+------+---------+---+----------------+---------------+---------+
//	| bucket (2)   | piece (2)   | shards from (2), to (2)        | length (4)
//	+--------------+-------------+--------------------------------+---------
//	 47             49            51                55              59
//
// Numbers are little-endian; the length is that of the payload, in bytes. Elements are
// little-endian too.
const HeaderBytes = 59

const frameVersion = 1

// Limits of what a header can say.
const (
	maxShards   = 1<<16 - 1
	maxBuckets  = 1 << 16
	maxPieces   = 1 << 16
	maxTextByte = 1 << 10 // of what an end says
)

// Kind is what a frame is.
type Kind uint8

// The kinds of frames.
const (
	// Hello is the first frame of a stream that carries a link: Piece is who speaks,
	// Bucket whom it means.
	Hello Kind = iota + 1
	// Partial is a sum over the shards From to To of a piece that the receiver owns.
	Partial
	// Sum is the sum over all shards of a piece that the sender owns.
	Sum
	// Alive says nothing else: the sender has nothing to send.
	Alive
	// Abort ends the exchange for all: Piece is the process that began it, and the
	// payload says why.
	Abort
	// Bye says that the sender needs nothing more and sends nothing more.
	Bye
	// Seen answers Bye: everything before it has arrived.
	Seen
	kinds
)

// Encoding is how elements lie in a payload.
type Encoding uint8

// The encodings of elements. None is that of frames without any.
const (
	None Encoding = iota
	Float32
	Float64
	BF16
	encodings
)

// Session names an exchange: the task, and which of its gangs.
type Session struct {
	Key        api.Key
	Generation uint64
}

// Header says what a frame is.
type Header struct {
	Session
	Kind     Kind
	Encoding Encoding
	Round    uint32 // counted from 0 in each session
	Bucket   uint16
	Piece    uint16
	From, To uint16 // the shards of a partial
	Length   uint32 // of the payload, in bytes
}

// Put writes a header to the first HeaderBytes of b.
func (h *Header) Put(b []byte) {
	_ = b[HeaderBytes-1]
	b[0], b[1], b[2] = frameVersion, byte(h.Kind), byte(h.Encoding)
	copy(b[3:35], h.Key[:])
	little := binary.LittleEndian
	little.PutUint64(b[35:], h.Generation)
	little.PutUint32(b[43:], h.Round)
	little.PutUint16(b[47:], h.Bucket)
	little.PutUint16(b[49:], h.Piece)
	little.PutUint16(b[51:], h.From)
	little.PutUint16(b[53:], h.To)
	little.PutUint32(b[55:], h.Length)
}

// ParseHeader reads a header of a frame of so many bytes, the header's among them. What
// it accepts has a known version, kind and encoding, and the length that the frame has.
func ParseHeader(b []byte, frame int) (Header, error) {
	if len(b) < HeaderBytes || frame < HeaderBytes {
		return Header{}, fmt.Errorf("a frame of %d bytes is shorter than its header of %d", min(len(b), frame), HeaderBytes)
	}
	if b[0] != frameVersion {
		return Header{}, fmt.Errorf("a frame of version %d, want %d", b[0], frameVersion)
	}
	h := Header{Kind: Kind(b[1]), Encoding: Encoding(b[2])}
	if h.Kind == 0 || h.Kind >= kinds {
		return Header{}, fmt.Errorf("a frame of unknown kind %d", b[1])
	}
	if h.Encoding >= encodings {
		return Header{}, fmt.Errorf("a frame of unknown encoding %d", b[2])
	}
	copy(h.Key[:], b[3:35])
	little := binary.LittleEndian
	h.Generation = little.Uint64(b[35:])
	h.Round = little.Uint32(b[43:])
	h.Bucket = little.Uint16(b[47:])
	h.Piece = little.Uint16(b[49:])
	h.From = little.Uint16(b[51:])
	h.To = little.Uint16(b[53:])
	h.Length = little.Uint32(b[55:])
	if int64(h.Length) != int64(frame-HeaderBytes) {
		return Header{}, fmt.Errorf("a frame says %d bytes and has %d", h.Length, frame-HeaderBytes)
	}
	return h, nil
}

package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// A record is an entry on disk, all numbers little-endian:
//
//	 0  index       8
//	 8  length      4   of the body
//	12  body's sum  4   CRC-32C
//	16  head's sum  4   CRC-32C of bytes 0 to 16
//	20  body:  term 8 · appended 8 (unix ns) · type 1 · extensions' length 4 · extensions · data
//
// The head has a sum of its own: a length that was flipped would otherwise look
// like a write that was cut short, which is the one damage that is normal.
const (
	headBytes = 20
	bodyFixed = 21

	// maxBody bounds what is believed of a length. Batches are cut far below.
	maxBody = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// appendRecord writes an entry behind b.
func appendRecord(b []byte, l *raft.Log) []byte {
	at := len(b)
	b = append(b, make([]byte, headBytes)...)
	b = binary.LittleEndian.AppendUint64(b, l.Term)
	b = binary.LittleEndian.AppendUint64(b, uint64(unixNano(l.AppendedAt)))
	b = append(b, byte(l.Type))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(l.Extensions)))
	b = append(b, l.Extensions...)
	b = append(b, l.Data...)
	head, body := b[at:at+headBytes], b[at+headBytes:]
	binary.LittleEndian.PutUint64(head, l.Index)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(body)))
	binary.LittleEndian.PutUint32(head[12:], sumOf(body))
	binary.LittleEndian.PutUint32(head[16:], sumOf(head[:16]))
	return b
}

func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// head is the fixed part of a record.
type head struct {
	index  uint64
	length int
	sum    uint32
}

func parseHead(b []byte) (head, error) {
	if len(b) < headBytes {
		return head{}, fmt.Errorf("%w: %d bytes where a record's head needs %d", ErrCorrupt, len(b), headBytes)
	}
	if sumOf(b[:16]) != binary.LittleEndian.Uint32(b[16:]) {
		return head{}, fmt.Errorf("%w: checksum of a record's head", ErrCorrupt)
	}
	h := head{binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint32(b[8:])), binary.LittleEndian.Uint32(b[12:])}
	if h.length < bodyFixed || h.length > maxBody {
		return head{}, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, h.length)
	}
	return h, nil
}

// parseBody fills an entry, which keeps parts of the body.
func parseBody(h head, body []byte, l *raft.Log) error {
	if len(body) != h.length || sumOf(body) != h.sum {
		return fmt.Errorf("%w: checksum of entry %d", ErrCorrupt, h.index)
	}
	extensions := int(binary.LittleEndian.Uint32(body[17:]))
	if extensions > len(body)-bodyFixed {
		return fmt.Errorf("%w: entry %d has %d bytes of extensions", ErrCorrupt, h.index, extensions)
	}
	*l = raft.Log{Index: h.index, Term: binary.LittleEndian.Uint64(body), Type: raft.LogType(body[16])}
	if ns := int64(binary.LittleEndian.Uint64(body[8:])); ns != 0 {
		l.AppendedAt = time.Unix(0, ns)
	}
	if rest := body[bodyFixed:]; len(rest) > 0 {
		l.Extensions, l.Data = rest[:extensions:extensions], rest[extensions:]
	}
	if len(l.Extensions) == 0 {
		l.Extensions = nil
	}
	return nil
}

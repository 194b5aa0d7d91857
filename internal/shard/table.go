package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
)

// Table is what a shard says of its images.
type Table struct {
	Side    int
	Entries []Entry
	ID      [sha256.Size]byte // the hash of header and table: equal for equal shards
}

// ImageBytes is the number of bytes of an image's pixels.
func ImageBytes(side int) int { return side * side * 3 }

// Offset is where the pixels of image i begin.
func Offset(side, i int) int64 { return headerBytes + int64(i)*int64(ImageBytes(side)) }

// header is the first 64 bytes of a shard.
type header struct {
	side, images int
	table        int64
	sum          [sha256.Size]byte
}

func (h *header) bytes() []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.side))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.images))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.table))
	return append(b, h.sum[:]...)
}

func parseHeader(b []byte) (h header, err error) {
	if len(b) != headerBytes || string(b[:len(magic)]) != magic {
		return h, damaged("it does not begin as one")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return h, damaged("it has version %d, and %d is read", v, version)
	}
	side, images, table := binary.LittleEndian.Uint32(b[12:]), binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	const longest = fixedBytes + texts*(4+MaxText)
	switch {
	case side < 1 || side > MaxSide:
		return h, damaged("images of %d pixels a side, want 1 to %d", side, MaxSide)
	case images > MaxImages:
		return h, damaged("%d images, want at most %d", images, MaxImages)
	case table > images*longest || table < images*(fixedBytes+texts*4):
		return h, damaged("a table of %d bytes for %d images", table, images)
	}
	h = header{side: int(side), images: int(images), table: int64(table)}
	copy(h.sum[:], b[sumAt:])
	return h, nil
}

// seal puts the hash into the header of a table.
func (h *header) seal(table []byte) {
	sum := sha256.New()
	sum.Write(h.bytes()[:sumAt])
	sum.Write(table)
	sum.Sum(h.sum[:0])
}

// parseTable reads a table that its header fits.
func parseTable(h header, b []byte) (*Table, error) {
	sealed := h
	if sealed.seal(b); sealed.sum != h.sum {
		return nil, damaged("its table does not have the hash that its header gives")
	}
	t := &Table{Side: h.side, Entries: make([]Entry, h.images), ID: h.sum}
	var err error
	for i := range t.Entries {
		if t.Entries[i], b, err = parseEntry(b); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 {
		return nil, damaged("%d bytes behind the table's last image", len(b))
	}
	return t, nil
}

// ReadTable reads the table of the shard that lies in the first bytes of r, of which
// there are size, and how many bytes the shard has. It reads no pixels.
func ReadTable(r io.ReaderAt, size int64) (t *Table, bytes int64, err error) {
	head := make([]byte, headerBytes)
	if size < headerBytes {
		return nil, 0, damaged("it has %d bytes", size)
	}
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, 0, damaged("%w", err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, 0, err
	}
	at := Offset(h.side, h.images)
	if at+h.table > size {
		return nil, 0, damaged("it is cut: %d bytes, and it has %d images of %d pixels a side", size, h.images, h.side)
	}
	b := make([]byte, h.table)
	if _, err := r.ReadAt(b, at); err != nil {
		return nil, 0, damaged("%w", err)
	}
	t, err = parseTable(h, b)
	return t, at + h.table, err
}

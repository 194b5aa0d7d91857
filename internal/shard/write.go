package shard

import (
	"io"
)

// Writer writes a shard image by image. It is no shard before Finish.
type Writer struct {
	f       io.WriterAt
	side    int
	entries []Entry
}

// NewWriter begins a shard of images of one side at the start of f.
func NewWriter(f io.WriterAt, side int) *Writer { return &Writer{f: f, side: side} }

// Len is the number of images.
func (w *Writer) Len() int { return len(w.entries) }

// Bytes is the number of bytes of pixels.
func (w *Writer) Bytes() int64 { return int64(len(w.entries)) * int64(ImageBytes(w.side)) }

// Append adds an image and returns its place. After an error the place may be written
// again.
func (w *Writer) Append(e Entry, pixels []byte) (int, error) {
	at := len(w.entries)
	if _, err := w.f.WriteAt(pixels, Offset(w.side, at)); err != nil {
		return 0, err
	}
	w.entries = append(w.entries, e)
	return at, nil
}

// Finish writes the table and, at last, the header.
func (w *Writer) Finish() (*Table, error) {
	h, table := headed(w.side, w.entries)
	if _, err := w.f.WriteAt(table, Offset(w.side, len(w.entries))); err != nil {
		return nil, err
	}
	if _, err := w.f.WriteAt(h.bytes(), 0); err != nil {
		return nil, err
	}
	return &Table{Side: w.side, Entries: w.entries, ID: h.sum}, nil
}

// headed is a table's bytes and the header before them.
func headed(side int, entries []Entry) (header, []byte) {
	var table []byte
	for i := range entries {
		table = entries[i].append(table)
	}
	h := header{side: side, images: len(entries), table: int64(len(table))}
	h.seal(table)
	return h, table
}

// Write writes a whole shard to a stream; read puts the pixels of image i into a buffer.
func Write(w io.Writer, side int, entries []Entry, read func(to []byte, i int) error) error {
	h, table := headed(side, entries)
	if _, err := w.Write(h.bytes()); err != nil {
		return err
	}
	pixels := make([]byte, ImageBytes(side))
	for i := range entries {
		if err := read(pixels, i); err != nil {
			return err
		}
		if _, err := w.Write(pixels); err != nil {
			return err
		}
	}
	_, err := w.Write(table)
	return err
}

// Size is the number of bytes of a shard.
func Size(side int, entries []Entry) int64 {
	n := Offset(side, len(entries))
	for i := range entries {
		n += int64(entries[i].size())
	}
	return n
}

package shard

import (
	"errors"
	"io"
)

// Scan reads one shard of a stream and checks everything that it says. Each image's
// pixels are visit's until it returns. The error is io.EOF where the stream has ended
// before the first byte; memory grows with what has come, not with what is promised.
func Scan(r io.Reader, visit func(side int, pixels []byte) error) (*Table, error) {
	head := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, head); errors.Is(err, io.EOF) {
		return nil, io.EOF
	} else if err != nil {
		return nil, damaged("%w", err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	pixels := make([]byte, ImageBytes(h.side))
	var found []Entry
	for range h.images {
		if _, err := io.ReadFull(r, pixels); err != nil {
			return nil, damaged("%w", cut(err))
		}
		found = append(found, Describe(pixels))
		if err := visit(h.side, pixels); err != nil {
			return nil, err
		}
	}
	table, err := io.ReadAll(io.LimitReader(r, h.table))
	if err == nil && int64(len(table)) < h.table {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, damaged("%w", err)
	}
	t, err := parseTable(h, table)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if !t.Entries[i].describes(&found[i]) {
			return nil, damaged("the pixels of image %d are not those that its table describes", i)
		}
	}
	return t, nil
}

// cut is the end of a stream in its middle.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

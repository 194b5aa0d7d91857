package safetensors

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// ReadHeader reads the names, types and shapes of a file of so many bytes, sorted by
// name, and none of the values: Data is nil. at opens length bytes from offset on.
func ReadHeader(ctx context.Context, size int64, at func(ctx context.Context, offset, length int64) (io.ReadCloser, error)) ([]Tensor, error) {
	read := func(offset, length int64) ([]byte, error) {
		body, err := at(ctx, offset, length)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(body, length))
		if closing := body.Close(); err == nil {
			err = closing
		}
		if err == nil && int64(len(data)) != length {
			err = io.ErrUnexpectedEOF
		}
		return data, err
	}
	if size < lengthBytes {
		return nil, dataError("%d bytes are too few for a header", size)
	}
	length, err := read(0, lengthBytes)
	if err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length)
	if n > MaxHeaderBytes || n > uint64(size-lengthBytes) {
		return nil, dataError("header of %d bytes in a file of %d; the limit is %d", n, size, MaxHeaderBytes)
	}
	header, err := read(lengthBytes, int64(n))
	if err != nil {
		return nil, err
	}
	entries, _, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	if err := checkTiling(entries, uint64(size)-lengthBytes-n); err != nil {
		return nil, err
	}
	tensors := make([]Tensor, len(entries))
	for i, e := range entries {
		tensors[i] = e.Tensor
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return tensors, nil
}

package raftnode

import (
	"encoding/binary"
	"fmt"

	"g2c/coordinator/command"
)

// A batch is what one entry of the raft log carries:
//
//	version   1 byte: 1
//	count     uvarint, at least 1
//	command*  length (uvarint), then an entry as command.Encode writes it
const batchVersion = 1

// Limits of a batch. One command may be larger than maxBatchBytes: then it is alone.
const (
	maxBatch      = 1024
	maxBatchBytes = 1 << 20
)

func encodeBatch(commands [][]byte) []byte {
	n := 1 + binary.MaxVarintLen64
	for _, c := range commands {
		n += binary.MaxVarintLen64 + len(c)
	}
	b := append(make([]byte, 0, n), batchVersion)
	b = binary.AppendUvarint(b, uint64(len(commands)))
	for _, c := range commands {
		b = binary.AppendUvarint(b, uint64(len(c)))
		b = append(b, c...)
	}
	return b
}

// decodeBatch refuses anything that encodeBatch would not have written.
func decodeBatch(b []byte) ([]command.Entry, error) {
	if len(b) == 0 || b[0] != batchVersion {
		return nil, fmt.Errorf("%w: a batch of version %v, this release reads %d", command.ErrNewer, b[:min(1, len(b))], batchVersion)
	}
	b = b[1:]
	count, n := binary.Uvarint(b)
	if n <= 0 || count == 0 || count > maxBatch {
		return nil, fmt.Errorf("%w: count of a batch", command.ErrMalformed)
	}
	b = b[n:]
	entries := make([]command.Entry, 0, min(count, uint64(len(b))))
	for range count {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, fmt.Errorf("%w: length of command %d in a batch", command.ErrMalformed, len(entries))
		}
		e, err := command.Decode(b[n : n+int(size)])
		if err != nil {
			return nil, fmt.Errorf("command %d of a batch: %w", len(entries), err)
		}
		entries = append(entries, e)
		b = b[n+int(size):]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind a batch", command.ErrMalformed, len(b))
	}
	return entries, nil
}

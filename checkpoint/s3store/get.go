package s3store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/store"
)

// Get implements store.Reader.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	return s.read(ctx, key, "", 0, -1)
}

// GetRange implements store.Reader.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	if err := checkWanted(offset, length); err != nil {
		return nil, err
	}
	if length == 0 { // no range of HTTP is empty
		f, err := s.stat(ctx, "read", key)
		if err == nil {
			err = store.CheckRange(offset, length, f.size)
		}
		return io.NopCloser(strings.NewReader("")), err
	}
	return s.read(ctx, key, "", offset, length)
}

// read opens length bytes from offset, or everything for a negative length, of the object
// with a tag, or of whichever is there for none. What fits into
// one piece is read at once; of what is longer the pieces that follow are read side by
// side ahead of the reader, all of the object that the first piece was of.
func (b *bucket) read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error) {
	first, err := b.piece(ctx, key, etag, offset, length)
	if err != nil {
		return nil, err
	}
	end := offset + length
	if length < 0 {
		end = first.size
	}
	if err := store.CheckRange(offset, end-offset, first.size); err != nil {
		return nil, b.explain("read", key, err)
	}
	if offset+int64(len(first.data)) == end {
		return io.NopCloser(bytes.NewReader(first.data)), nil
	}
	return b.stream(ctx, key, first, offset, end), nil
}

// piece is bytes of an object.
type piece struct {
	found
	data []byte
	err  error
}

// piece reads the beginning of a range: as much as one request brings.
func (b *bucket) piece(ctx context.Context, key, etag string, offset, length int64) (p piece, err error) {
	err = b.tryBody(ctx, "read", key, func(ctx context.Context) (err error) {
		p, err = b.getPiece(ctx, key, etag, offset, length)
		return err
	})
	return p, err
}

func (b *bucket) getPiece(ctx context.Context, key, etag string, offset, length int64) (p piece, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := b.cfg.partBytes()
	opts := minio.GetObjectOptions{Checksum: length < 0}
	if length >= 0 {
		limit = min(limit, length)
		opts.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-"+strconv.FormatInt(offset+limit-1, 10))
	}
	if etag != "" {
		if err := opts.SetMatchETag(etag); err != nil {
			return p, err
		}
	}
	body, info, header, err := b.core.GetObject(ctx, b.cfg.Bucket, b.object(key), opts)
	switch {
	case etag != "" && lost(err):
		return p, fmt.Errorf("%w: %w", errReplaced, err)
	case isCode(err, "InvalidRange", "416 Requested Range Not Satisfiable"):
		return p, store.CheckRange(offset, length, 0)
	case err != nil:
		return p, err
	}
	p.found = foundOf(info)
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if p.size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return p, err
		}
	}
	whole := length < 0 && p.size <= limit
	want := min(limit, p.size-offset)
	p.data = make([]byte, max(want, 0))
	if _, err := io.ReadFull(body, p.data); err != nil {
		body.Close()
		return p, err
	}
	if whole || length >= 0 {
		drain(body)
	} else {
		body.Close() // the rest is read in pieces
	}
	if whole {
		return p, verify(p.data, header.Get(checksumHeader))
	}
	return p, nil
}

// verify compares an object that was read in one request with the checksum it was stored
// under. That of an object of several parts is made of the parts' and is not compared.
func verify(data []byte, crc string) error {
	if crc == "" || strings.Contains(crc, "-") {
		return nil
	}
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, castagnoli))
	if base64.StdEncoding.EncodeToString(sum) != crc {
		return errChecksum
	}
	return nil
}

// stream reads the pieces behind the first one ahead of whoever reads it.
func (b *bucket) stream(ctx context.Context, key string, first piece, offset, end int64) *stream {
	ctx, cancel := context.WithCancel(ctx)
	r := &stream{ctx: ctx, cancel: cancel, left: first.data, rest: end - offset, ahead: make(chan chan piece, max(min(b.cfg.parallel(), maxAhead)-1, 1))}
	r.work.Go(func() {
		defer close(r.ahead)
		size := b.cfg.partBytes()
		for at := offset + int64(len(first.data)); at < end; at += size {
			c := make(chan piece, 1)
			select {
			case r.ahead <- c:
			case <-ctx.Done():
				return
			}
			r.work.Go(func() {
				p, err := b.piece(ctx, key, first.etag, at, min(size, end-at))
				if err == nil && int64(len(p.data)) != min(size, end-at) {
					err = b.explain("read", key, io.ErrUnexpectedEOF)
				}
				p.err = err
				c <- p
			})
		}
	})
	return r
}

// maxAhead bounds the pieces of one reader that are in memory.
const maxAhead = 8

// stream is a Reader of pieces in order.
type stream struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	ahead  chan chan piece // of the pieces that are asked for, in order
	left   []byte          // of the piece that is being read
	rest   int64           // bytes not yet handed out
	err    error
}

// Read implements io.Reader.
func (r *stream) Read(p []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil {
		c, more := <-r.ahead
		switch {
		case more:
			next := <-c
			r.left, r.err = next.data, next.err
		case r.rest > 0: // it was given up
			r.err = r.ctx.Err()
		default:
			r.err = io.EOF
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.left)
	r.left, r.rest = r.left[n:], r.rest-int64(n)
	return n, nil
}

// Close ends the reading ahead and waits for it.
func (r *stream) Close() error {
	r.cancel()
	r.work.Wait()
	return nil
}

package s3store

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/retry"
	"g2c/internal/fault"
	"g2c/internal/remote"
)

// Source reads objects that no store made, such as images, by their addresses: those that
// Parse reads, with any key in place of the prefix.
type Source struct {
	getenv func(string) string

	mu   sync.Mutex
	open map[Config]*bucket // without prefixes
}

var _ remote.Files = (*Source)(nil)

// NewSource makes a source; getenv is the environment that addresses are read by.
func NewSource(getenv func(string) string) *Source {
	return &Source{getenv: getenv, open: map[Config]*bucket{}}
}

// bucket is the bucket of an address, and the key in it.
func (s *Source) bucket(address string) (b *bucket, key string, err error) {
	if !Is(address) {
		return nil, "", fault.New(fault.ErrData, "data %s: only addresses that begin with %s can be read", address, Scheme)
	}
	c, err := parse(address, s.getenv)
	if err != nil {
		return nil, "", err
	}
	plain, _ := remote.Split(address)
	_, key, _ = strings.Cut(strings.TrimPrefix(plain, Scheme), "/") // with the slash at its end, which says what is meant
	c.Prefix = ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.open[c]; b != nil {
		return b, key, nil
	}
	b, err = newBucket(c, retry.Default(), stallTimeout)
	if err == nil {
		s.open[c] = b
	}
	return b, key, err
}

// List implements remote.Files.
func (s *Source) List(ctx context.Context, begin string) ([]remote.File, error) {
	b, key, err := s.bucket(begin)
	if err != nil {
		return nil, err
	}
	_, options := remote.Split(begin)
	var all []remote.File
	err = b.list(ctx, key, 0, func(i minio.ObjectInfo) {
		all = append(all, remote.File{
			Address: Scheme + b.cfg.Bucket + "/" + i.Key + options, Place: Scheme + b.host() + "/" + b.cfg.Bucket + "/" + i.Key,
			Size: i.Size, Modified: i.LastModified, Tag: i.ETag,
		})
	})
	return all, err
}

// Read implements remote.Files.
func (s *Source) Read(ctx context.Context, f remote.File) ([]byte, error) {
	b, key, err := s.bucket(f.Address)
	if err != nil {
		return nil, err
	}
	r, err := b.read(ctx, key, f.Tag, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

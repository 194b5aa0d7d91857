package s3store

import (
	"context"
	"crypto/rand"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// File is a file that people look at in a bucket, such as a page of a report. It is no
// object of the store: its name may be any, and nothing depends on it.
type File struct {
	Name  string // below a folder, with slashes
	Bytes []byte
}

// contentTypes are by the ending of a name, so that browsers show what they are given.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
}

// PutFiles stores files below a folder, in the order given.
func (s *Store) PutFiles(ctx context.Context, folder string, files []File) error {
	for _, f := range files {
		name := path.Join(folder, f.Name)
		err := s.tryBody(ctx, "store", name, func(ctx context.Context) error {
			_, err := s.core.Client.PutObject(ctx, s.cfg.Bucket, s.object(name), strings.NewReader(string(f.Bytes)), int64(len(f.Bytes)),
				minio.PutObjectOptions{ContentType: contentTypes[path.Ext(name)], ServerSideEncryption: s.sse})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// GetFile reads a file; none is nil.
func (s *Store) GetFile(ctx context.Context, name string) ([]byte, error) {
	p, err := s.piece(ctx, name, "", 0, -1)
	if errors.Is(err, store.ErrNotExist) {
		return nil, nil
	}
	return p.data, err
}

// HasFile tells whether a file is there.
func (s *Store) HasFile(ctx context.Context, name string) (bool, error) {
	_, err := s.stat(ctx, "read", name)
	if errors.Is(err, store.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// DeleteFiles deletes files of a folder, in the order given.
func (s *Store) DeleteFiles(ctx context.Context, folder string, names []string) error {
	for _, name := range names {
		if err := s.remove(ctx, path.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// Probe tries what a store needs, and leaves nothing.
func Probe(ctx context.Context, c Config) (err error) {
	s, _, err := connect(ctx, c, hastyPolicy())
	if err != nil {
		return err
	}
	key := ".probe-" + rand.Text()
	defer func() { err = errors.Join(err, s.remove(context.WithoutCancel(ctx), key)) }()
	var won []bool
	for range 2 {
		w, err := s.putSmall(ctx, key, strings.NewReader(markText), true)
		if err != nil {
			return err
		}
		won = append(won, w)
	}
	if !slices.Equal(won, []bool{true, false}) {
		return s.unconditional()
	}
	return nil
}

// unconditional is a server that does not look at conditions.
func (s *Store) unconditional() error {
	return fault.New(fault.ErrUnavailable, "store %s: the server at %s has no conditional puts (If-None-Match: *): it replaced an object that was there", s.cfg.Name(), s.host()).
		WithHint("keep the store on a server that has them, as S3, versitygw and minio do, or in a directory")
}

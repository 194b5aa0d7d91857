package s3store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/store"
)

const (
	// maxParts is what S3 takes of one object.
	maxParts = 10000
	// writerField is of the metadata of an object: a text that no other put has. It tells a
	// writer whose answer was lost whether it won.
	writerField = "G2c-Writer"
	// abortTimeout is how long an upload that failed is tidied up after.
	abortTimeout = 10 * time.Second

	checksumHeader    = "X-Amz-Checksum-Crc32c"
	checksumAlgorithm = "x-amz-checksum-algorithm"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, body store.Body) error {
	_, err := s.put(ctx, key, body, false)
	return err
}

// PutIfAbsent implements store.Store.
func (s *Store) PutIfAbsent(ctx context.Context, key string, body store.Body) (bool, error) {
	return s.put(ctx, key, body, true)
}

func (s *Store) put(ctx context.Context, key string, body store.Body, absent bool) (won bool, err error) {
	if err := s.writable(key); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, s.explain("store", key, err)
	}
	if body.Size() <= s.cfg.partBytes() {
		return s.putSmall(ctx, key, body, absent)
	}
	return s.putLarge(ctx, key, body, absent)
}

// putSmall stores an object in one request.
func (s *Store) putSmall(ctx context.Context, key string, body store.Body, absent bool) (won bool, err error) {
	sums, err := s.sum(ctx, io.NewSectionReader(body, 0, body.Size()))
	if err != nil {
		return false, s.explain("store", key, err)
	}
	writer := rand.Text()
	opts := minio.PutObjectOptions{
		UserMetadata:         map[string]string{writerField: writer, checksumHeader: sums.crc},
		ServerSideEncryption: s.sse, DisableContentSha256: true,
	}
	if absent {
		opts.SetMatchETagExcept("*")
	}
	taken := false
	err = s.tryBody(ctx, "store", key, func(ctx context.Context) error {
		_, err := s.core.PutObject(ctx, s.cfg.Bucket, s.object(key), io.NewSectionReader(body, 0, body.Size()), body.Size(), "", sums.sha256, opts)
		if taken = absent && lost(err); taken {
			return nil
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if taken {
		return s.isOurs(ctx, key, writer)
	}
	return true, nil
}

// isOurs tells whether what is under a key was put by us: the answer to a put may be lost,
// and the next attempt then finds what the first has done.
func (s *Store) isOurs(ctx context.Context, key, writer string) (bool, error) {
	f, err := s.stat(ctx, "read", key)
	if errors.Is(err, store.ErrNotExist) { // it was deleted meanwhile
		return false, nil
	}
	return err == nil && f.writer == writer, err
}

// putLarge stores an object in parts, several at a time.
func (s *Store) putLarge(ctx context.Context, key string, body store.Body, absent bool) (won bool, err error) {
	writer, upload := rand.Text(), ""
	err = s.try(ctx, "store", key, func(ctx context.Context) (err error) {
		upload, err = s.core.NewMultipartUpload(ctx, s.cfg.Bucket, s.object(key), minio.PutObjectOptions{
			UserMetadata: map[string]string{writerField: writer, checksumAlgorithm: "CRC32C"}, ServerSideEncryption: s.sse,
		})
		return err
	})
	if err != nil {
		return false, err
	}
	parts, err := s.putParts(ctx, key, upload, body)
	if err == nil {
		won, err = s.complete(ctx, key, upload, writer, parts, absent)
	}
	if err != nil || !won {
		s.abort(ctx, key, upload)
	}
	return won, err
}

// putParts sends the parts of a body. The first that fails ends the others.
func (s *Store) putParts(ctx context.Context, key, upload string, body store.Body) ([]minio.CompletePart, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	size := partSize(body.Size(), s.cfg.partBytes())
	parts := make([]minio.CompletePart, (body.Size()+size-1)/size)
	var (
		once  sync.Once
		first error
		group sync.WaitGroup
		next  = make(chan int)
	)
	for range min(s.cfg.parallel(), len(parts)) {
		group.Go(func() {
			for i := range next {
				at := int64(i) * size
				part, err := s.putPart(ctx, key, upload, i+1, io.NewSectionReader(body, at, min(size, body.Size()-at)))
				if err != nil {
					once.Do(func() { first = err; cancel() })
				}
				parts[i] = part
			}
		})
	}
	for i := range parts {
		next <- i
	}
	close(next)
	group.Wait()
	return parts, first
}

// partSize is the size of parts, more than wanted where there would be too many.
func partSize(size, wanted int64) int64 {
	const unit = 1 << 20
	least := (size + maxParts - 1) / maxParts
	return max(wanted, (least+unit-1)/unit*unit)
}

func (s *Store) putPart(ctx context.Context, key, upload string, number int, part *io.SectionReader) (minio.CompletePart, error) {
	var sent minio.ObjectPart
	sums, err := s.sum(ctx, io.NewSectionReader(part, 0, part.Size()))
	if err != nil {
		return minio.CompletePart{}, s.explain("store", key, err)
	}
	err = s.tryBody(ctx, "store", key, func(ctx context.Context) (err error) {
		sent, err = s.core.PutObjectPart(ctx, s.cfg.Bucket, s.object(key), upload, number, io.NewSectionReader(part, 0, part.Size()), part.Size(),
			minio.PutObjectPartOptions{Sha256Hex: sums.sha256, CustomHeader: http.Header{checksumHeader: {sums.crc}}, DisableContentSha256: true})
		return err
	})
	return minio.CompletePart{PartNumber: number, ETag: sent.ETag, ChecksumCRC32C: sums.crc}, err
}

// complete makes an object of its parts. The condition stands here: at the beginning of
// an upload S3 does not look at it.
func (s *Store) complete(ctx context.Context, key, upload, writer string, parts []minio.CompletePart, absent bool) (won bool, err error) {
	var opts minio.PutObjectOptions
	if absent {
		opts.SetMatchETagExcept("*")
	}
	unsure := false
	err = s.try(ctx, "store", key, func(ctx context.Context) error {
		_, err := s.core.CompleteMultipartUpload(ctx, s.cfg.Bucket, s.object(key), upload, parts, opts)
		// An upload that is gone was completed by the attempt before, or aborted.
		if unsure = absent && lost(err) || isCode(err, "NoSuchUpload"); unsure && absent {
			return nil
		}
		return err
	})
	if unsure {
		ours, e := s.isOurs(ctx, key, writer)
		if ours || e != nil || absent {
			return ours, e
		}
	}
	return err == nil, err
}

// abort drops the parts of an upload that failed; what it leaves Sweep finds.
func (s *Store) abort(ctx context.Context, key, upload string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_ = s.core.AbortMultipartUpload(ctx, s.cfg.Bucket, s.object(key), upload)
}

// sums are what the server compares a body with.
type sums struct {
	crc    string // CRC-32C in base 64
	sha256 string // in hex; empty over TLS, which guards the way
}

// sum reads a body once before it is sent.
func (s *Store) sum(ctx context.Context, r io.Reader) (sums, error) {
	crc, h := crc32.New(castagnoli), sha256.New()
	var w io.Writer = crc
	if !s.secure {
		w = io.MultiWriter(crc, h)
	}
	if _, err := io.CopyBuffer(w, r, make([]byte, 256<<10)); err != nil {
		return sums{}, fmt.Errorf("read the body: %w", err)
	}
	out := sums{crc: base64.StdEncoding.EncodeToString(crc.Sum(nil))}
	if !s.secure {
		out.sha256 = hex.EncodeToString(h.Sum(nil))
	}
	return out, ctx.Err()
}

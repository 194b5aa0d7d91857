package s3store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/retry"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// Store is the objects of a bucket below a prefix.
type Store struct {
	*bucket
	readOnly bool
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Sweeper = (*Store)(nil)
)

// markKey is put where a store begins, once: it is no key, so it is no object of the store.
const markKey = ".store"

const markText = "G2C keeps checkpoints here; checkpoint/FORMAT.md says how.\n"

// openAttempts bounds the attempts of the first request: whoever waits for it may have
// mistyped the endpoint.
const openAttempts = 4

// Open opens a bucket for reading and writing. It proves that it can be listed and written,
// and that the server does not replace what a conditional put finds: without that two
// writers of one checkpoint could not know of each other.
func Open(ctx context.Context, c Config) (*Store, error) { return open(ctx, c, retry.Default()) }

func open(ctx context.Context, c Config, policy retry.Policy) (*Store, error) {
	s, _, err := connect(ctx, c, policy)
	if err != nil {
		return nil, err
	}
	for range 2 { // the second finds what the first put
		won, err := s.putSmall(ctx, markKey, strings.NewReader(markText), true)
		if err != nil {
			return nil, err
		}
		if !won {
			return s, nil
		}
	}
	return nil, s.unconditional()
}

// OpenRead opens a bucket that holds a store, for reading alone.
func OpenRead(ctx context.Context, c Config) (*Store, error) {
	s, there, err := connect(ctx, c, retry.Default())
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fault.New(fault.ErrNotFound, "store %s does not exist: nothing lies below it", c.Name()).WithHint("check the name given as the store")
	}
	s.readOnly = true
	return s, nil
}

// connect makes a client and asks the bucket whether anything is there.
func connect(ctx context.Context, c Config, policy retry.Policy) (s *Store, there bool, err error) {
	b, err := newBucket(c, policy, stallTimeout)
	if err != nil {
		return nil, false, err
	}
	err = b.hasty().list(ctx, b.object(""), 1, func(minio.ObjectInfo) { there = true })
	return &Store{bucket: b}, there, err
}

// hasty is the same bucket for the request that a person waits for.
func (b *bucket) hasty() *bucket {
	hasty := *b
	hasty.retry.Attempts = min(openAttempts, hasty.retry.Attempts)
	return &hasty
}

// hastyPolicy is for who only wants to know.
func hastyPolicy() retry.Policy {
	p := retry.Default()
	p.Attempts = openAttempts
	return p
}

// Stat implements store.Reader.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Info{}, err
	}
	f, err := s.stat(ctx, "read", key)
	if err != nil {
		return store.Info{}, err
	}
	return infoOf(key, f), nil
}

// infoOf describes an object. Its times are whole seconds in some answers and finer in
// others, so a version has seconds: two puts of equal bytes in one second share it.
func infoOf(key string, f found) store.Info {
	return store.Info{
		Key: key, SizeBytes: f.size, Modified: f.modified,
		Version: f.etag + "-" + strconv.FormatInt(f.modified.Unix(), 36),
	}
}

// List implements store.Reader. Objects whose names are no keys are left out.
func (s *Store) List(ctx context.Context, prefix string) ([]store.Info, error) {
	if !keyPrefix(prefix) {
		return nil, nil // no key begins like that
	}
	var infos []store.Info
	root := s.object("")
	err := s.list(ctx, root+prefix, 0, func(i minio.ObjectInfo) {
		key := strings.TrimPrefix(i.Key, root)
		if store.CheckKey(key) == nil {
			infos = append(infos, infoOf(key, foundOf(i)))
		}
	})
	if err != nil {
		return nil, err
	}
	// Servers on file systems list folder by folder.
	slices.SortFunc(infos, func(a, b store.Info) int { return strings.Compare(a.Key, b.Key) })
	return infos, nil
}

// keyPrefix tells whether a key can begin with a text.
func keyPrefix(text string) bool {
	return text == "" || store.CheckKey(text) == nil || store.CheckKey(text+"x") == nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.writable(key); err != nil {
		return err
	}
	return s.remove(ctx, key)
}

func (s *Store) writable(key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if s.readOnly {
		return fault.New(fault.ErrUnavailable, "store %s was opened for reading: %w", s.cfg.Name(), store.ErrDenied)
	}
	return nil
}

// Sweep implements store.Sweeper: it aborts uploads in parts that were begun long ago and
// never completed, which cost as much as what they have sent so far.
func (s *Store) Sweep(ctx context.Context, age time.Duration, now time.Time) (n int, err error) {
	type upload struct{ object, id string }
	var old []upload
	err = s.try(ctx, "list the uploads of", "", func(ctx context.Context) error {
		old = old[:0]
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for u := range s.core.ListIncompleteUploads(ctx, s.cfg.Bucket, s.object(""), true) {
			if u.Err != nil {
				return u.Err
			}
			if now.Sub(u.Initiated) >= age {
				old = append(old, upload{u.Key, u.UploadID})
			}
		}
		return ctx.Err()
	})
	for i := 0; i < len(old) && err == nil; i++ {
		err = s.try(ctx, "abort an upload to", "", func(ctx context.Context) error {
			err := s.core.AbortMultipartUpload(ctx, s.cfg.Bucket, old[i].object, old[i].id)
			if isCode(err, "NoSuchUpload") { // it was completed, or aborted by another
				return nil
			}
			return err
		})
		n++
	}
	return n, err
}

// checkWanted refuses ranges that lie in no object.
func checkWanted(offset, length int64) error {
	if err := store.CheckRange(offset, length, math.MaxInt64); err != nil {
		return fmt.Errorf("%w: %d bytes from %d", store.ErrRange, length, offset)
	}
	return nil
}

// lost tells whether an error is that of a condition that was not met.
func lost(err error) bool { return isCode(err, "PreconditionFailed", "412 Precondition Failed") }

var errReplaced = errors.New("the object was replaced while it was read")

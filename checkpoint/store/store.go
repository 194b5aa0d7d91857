// Package store is the small contract between checkpoints and the place that
// keeps their bytes: a directory (filestore) or a bucket. It knows keys and
// whole objects, not manifests or tensors, and it holds no implementation.
//
// A key is a slash-separated name (see CheckKey). An object is the bytes under
// a key; readers see a whole object or none, whatever happens to its writer.
// Every method may be called from many goroutines at once, blocks on input and
// output, and gives up when its context ends.
package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// What backends report; test with errors.Is. Everything else a backend returns
// is a failure of the place itself, of class fault.ErrUnavailable.
var (
	// ErrNotExist is a key that names no object.
	ErrNotExist = errors.New("no such object")
	// ErrFull is a store without room for the object; nothing was stored.
	ErrFull = errors.New("no space left in the store")
	// ErrDenied is a store that may not be read or written by this user.
	ErrDenied = errors.New("permission denied by the store")
	// ErrRange is a range that does not lie inside the object.
	ErrRange = errors.New("range outside the object")
	// ErrBadKey is a key that CheckKey refuses.
	ErrBadKey = errors.New("bad object key")
	// ErrLocked is a lock that another process holds.
	ErrLocked = errors.New("locked")
)

// Info describes one object.
type Info struct {
	Key       string
	SizeBytes int64
	// Modified is when the object was last put, by the store's clock. It
	// serves garbage collection and never enters a result.
	Modified time.Time
	// Version differs after every put, as finely as the store tells times: a bucket may
	// give two puts of equal bytes within a second one version. A Creator may not.
	Version string
}

// Body is the content of an object to be put. Reading at offsets lets a
// backend send parts side by side and send a part again. *bytes.Reader,
// *io.SectionReader and *safetensors.Encoding are bodies. The bytes must not
// change until the put has returned.
type Body interface {
	io.ReaderAt
	Size() int64
}

// Reader is the reading half of a store.
type Reader interface {
	// Get opens the whole object; the caller closes it.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	// GetRange opens length bytes from offset, both in bytes; the caller
	// closes it. A range that leaves the object is ErrRange.
	GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Stat describes the object.
	Stat(ctx context.Context, key string) (Info, error)
	// List describes every object whose key begins with prefix, sorted by
	// key in byte order. The prefix is a string, not a folder.
	List(ctx context.Context, prefix string) ([]Info, error)
}

// Store is a Reader that can also be written.
type Store interface {
	Reader
	// Put stores the whole object in one step. An object already there is
	// replaced in one step: callers put only names that fix their bytes
	// (objects named by hash), where replacing is how a damaged copy heals
	// and how an old one is made young for garbage collection; manifests that
	// they found damaged; and side records, where the last writer wins.
	Put(ctx context.Context, key string, body Body) error
	// PutIfAbsent stores the object unless the key is taken, and reports
	// whether it did. Of any number of writers at once exactly one wins; the
	// others can Get what won and compare.
	PutIfAbsent(ctx context.Context, key string, body Body) (won bool, err error)
	// Delete removes the object; one that is not there is not an error.
	Delete(ctx context.Context, key string) error
}

// Creator is a Store that describes what it created, as it left it: another may have
// put it again before the caller can look.
type Creator interface {
	Store
	// Create is PutIfAbsent; made is the object of a writer that won.
	Create(ctx context.Context, key string, body Body) (won bool, made Info, err error)
}

// Sweeper is a Store in which writers that were killed leave things that are no objects.
type Sweeper interface {
	// Sweep removes those that were begun so long before now, and counts them.
	Sweep(ctx context.Context, age time.Duration, now time.Time) (n int, err error)
}

// WholeStore is the name of the lock that programs of releases before the names
// hold alone while they run: who shares it keeps them out.
const WholeStore = ""

// Locker is a store whose users can keep out of each other's way, in whatever
// process they are. A lock has a name, as a segment of a key, or WholeStore.
type Locker interface {
	// Lock takes a lock alone, or shared with others who share it. It waits, or
	// returns ErrLocked with the holder's name. The lock ends with release or with
	// the process.
	Lock(ctx context.Context, name string, shared, wait bool) (release func() error, err error)
	// Holder names who holds a lock alone.
	Holder(name string) (holder string, held bool, err error)
}

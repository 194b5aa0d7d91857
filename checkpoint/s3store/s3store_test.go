package s3store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/retry"
	"g2c/checkpoint/s3store/s3test"
	"g2c/checkpoint/store"
	"g2c/checkpoint/storetest"
	"g2c/internal/fault"
	"g2c/internal/remote"
)

// smallParts is the least that S3 takes, so that a few of them make a large object.
const smallParts = 5 << 20

// environ is an environment of a server and what a test changes in it.
func environ(t *testing.T, s *s3test.Server, more ...string) func(string) string {
	t.Helper()
	all := map[string]string{}
	for _, e := range append(s.Env(), more...) {
		name, value, _ := strings.Cut(e, "=")
		all[name] = value
		t.Setenv(name, value) // credentials are searched for in the process's own
	}
	return func(name string) string { return all[name] }
}

// configOf is a bucket of a server, with a prefix.
func configOf(t *testing.T, s *s3test.Server, bucket string, more ...string) Config {
	t.Helper()
	c, err := Parse(Scheme+bucket+"/runs/of-a-test", environ(t, s, more...))
	if err != nil {
		t.Fatal(err)
	}
	c.PartBytes, c.Parallel = smallParts, 4
	return c
}

// openNew opens a store in a new bucket.
func openNew(t *testing.T, s *s3test.Server) *Store {
	t.Helper()
	return mustOpen(t, configOf(t, s, s.Bucket(t)))
}

func mustOpen(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eachServer runs a test against every server.
func eachServer(t *testing.T, test func(t *testing.T, s *s3test.Server)) {
	for _, k := range s3test.Kinds() {
		t.Run(k.Name, func(t *testing.T) { test(t, s3test.Start(t, k)) })
	}
}

func TestStore(t *testing.T) {
	eachServer(t, func(t *testing.T, s *s3test.Server) {
		storetest.Run(t, func(t *testing.T) store.Store { return openNew(t, s) })
	})
}

// noise is bytes that no two places of an object share.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	return string(b)
}

func read(t *testing.T, s store.Reader, key string) string {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Large objects go in parts and are read in pieces, whole or not; of writers who want one
// name exactly one wins, which is where minio-go's own PutObject fails: it states the
// condition at the beginning of an upload, and servers look at it at the end.
func TestLargeObjects(t *testing.T) {
	eachServer(t, func(t *testing.T, server *s3test.Server) {
		s := openNew(t, server)
		content := noise(4*smallParts+12345, 1)
		if err := s.Put(t.Context(), "objects/large", strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if read(t, s, "objects/large") != content {
			t.Error("other bytes came back")
		}
		for _, r := range [][2]int64{{0, 10}, {smallParts - 1, 2}, {3, 3 * smallParts}, {int64(len(content)) - 1, 1}, {int64(len(content)), 0}} {
			body, err := s.GetRange(t.Context(), "objects/large", r[0], r[1])
			if err != nil {
				t.Errorf("range %v: %v", r, err)
				continue
			}
			got, err := io.ReadAll(body)
			if err = errors.Join(err, body.Close()); err != nil || string(got) != content[r[0]:r[0]+r[1]] {
				t.Errorf("range %v: %d bytes, %v", r, len(got), err)
			}
		}
		if _, err := s.GetRange(t.Context(), "objects/large", 1, int64(len(content))); !errors.Is(err, store.ErrRange) {
			t.Errorf("a range over the end: %v", err)
		}
		raceLarge(t, s)
		if n := uploads(t, s); n > 0 {
			t.Errorf("%d uploads were left", n)
		}
	})
}

func raceLarge(t *testing.T, s *Store) {
	const racers = 6
	var group sync.WaitGroup
	var wins atomic.Int32
	winner := -1
	for i := range racers {
		group.Go(func() {
			won, err := s.PutIfAbsent(t.Context(), "race/large", strings.NewReader(noise(smallParts+1+i, uint64(i))))
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
			if won {
				wins.Add(1)
				winner = i
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 {
		t.Fatalf("%d of %d writers won, want one", wins.Load(), racers)
	}
	if read(t, s, "race/large") != noise(smallParts+1+winner, uint64(winner)) {
		t.Error("the object is not the winner's")
	}
}

// uploads counts the uploads that were begun and not ended.
func uploads(t *testing.T, s *Store) int {
	t.Helper()
	n := 0
	for u := range s.core.ListIncompleteUploads(t.Context(), s.cfg.Bucket, s.object(""), true) {
		if u.Err != nil {
			t.Fatal(u.Err)
		}
		n++
	}
	return n
}

// Over plain HTTP nothing is sent behind a body, where servers refuse it; hashes go before.
func TestPlainHTTP(t *testing.T) {
	for _, k := range s3test.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			s := openNew(t, s3test.StartPlain(t, k))
			for i, n := range []int{0, 1, smallParts + 1} {
				content, key := noise(n, 7), fmt.Sprint("objects/", i)
				if err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil {
					t.Fatal(err)
				}
				if read(t, s, key) != content {
					t.Errorf("%d bytes came back as others", n)
				}
			}
		})
	}
}

// A reader that stops, and one whose context ends, leave nothing running and are told.
func TestReadersThatStop(t *testing.T) {
	s := openNew(t, s3test.Start(t, s3test.Versity))
	content := noise(6*smallParts, 3)
	if err := s.Put(t.Context(), "o", strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 100); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if r, err = s.Get(ctx, "o"); err != nil {
		t.Fatal(err)
	}
	cancel()
	n, err := io.Copy(io.Discard, r)
	if n < int64(len(content)) && !errors.Is(err, context.Canceled) {
		t.Errorf("%d of %d bytes, then %v", n, len(content), err)
	}
	r.Close()
}

// What is opened for reading must be there, and is not written.
func TestOpenRead(t *testing.T) {
	server := s3test.Start(t, s3test.Versity)
	c := configOf(t, server, server.Bucket(t))
	if _, err := OpenRead(t.Context(), c); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("an empty bucket: %v", err)
	}
	mustOpen(t, c)
	s, err := OpenRead(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "k", strings.NewReader("x")); !errors.Is(err, store.ErrDenied) {
		t.Errorf("put: %v", err)
	}
	if err := s.Delete(t.Context(), "k"); !errors.Is(err, store.ErrDenied) {
		t.Errorf("delete: %v", err)
	}
}

// Objects are encrypted as the options say, also those of several parts.
func TestEncryption(t *testing.T) {
	server := s3test.Start(t, s3test.Minio)
	for sse, want := range map[string]string{"sse=AES256": SSES3, "sse=aws:kms&kms-key=g2c-test-key": SSEKMS} {
		c, err := Parse(Scheme+server.Bucket(t)+"?"+sse, environ(t, server))
		if err != nil {
			t.Fatal(err)
		}
		c.PartBytes = smallParts
		s := mustOpen(t, c)
		for i, n := range []int{100, smallParts + 1} {
			key, content := fmt.Sprint("o/", i), noise(n, 9)
			if err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil {
				t.Fatalf("%s: %v", sse, err)
			}
			info, err := server.Client().StatObject(t.Context(), c.Bucket, key, minio.StatObjectOptions{})
			if got := info.Metadata.Get("X-Amz-Server-Side-Encryption"); err != nil || got != want {
				t.Errorf("%s: %q, %v", sse, got, err)
			}
			if read(t, s, key) != content {
				t.Errorf("%s: other bytes came back", sse)
			}
		}
	}
}

// A byte that turns over in the server's keeping is found when it is read.
func TestAFlippedByteIsFound(t *testing.T) {
	server := s3test.Start(t, s3test.Versity)
	c := configOf(t, server, server.Bucket(t))
	s, err := open(t.Context(), c, retry.Policy{Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "records/r", strings.NewReader("a record that no hash covers")); err != nil {
		t.Fatal(err)
	}
	path := server.Data + "/" + c.Bucket + "/" + s.object("records/r")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[3] ^= 1
	if err := overwrite(path, data); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "records/r")
	if !errors.Is(err, errChecksum) || !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
}

// overwrite changes a file and leaves its attributes, in which a server keeps checksums.
func overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return cmp.Or(err, f.Close())
}

// Objects that no store made are listed and read by address, whatever they are called, and
// are not taken for what they were once they have changed.
func TestSource(t *testing.T) {
	eachServer(t, func(t *testing.T, server *s3test.Server) {
		bucket := server.Bucket(t)
		contents := map[string]string{"train/nécrose/a b+c.png": "one", "train/other/2.png": noise(100, 2), "train.png": "beside"}
		for key, content := range contents {
			server.Put(t, bucket, key, content)
		}
		source := NewSource(environ(t, server))
		for begin, n := range map[string]int{"": 3, "/": 3, "/train": 3, "/train/": 2, "/train/n": 1, "/none": 0, "/train/?region=us-east-1": 2} {
			files, err := source.List(t.Context(), Scheme+bucket+begin)
			if err != nil || len(files) != n {
				t.Errorf("below %q: %v, %v", begin, files, err)
			}
			for _, f := range files {
				plain, _ := remote.Split(f.Address)
				want := contents[strings.TrimPrefix(plain, Scheme+bucket+"/")]
				if data, err := source.Read(t.Context(), f); err != nil || string(data) != want || f.Size != int64(len(want)) || f.Modified.IsZero() {
					t.Errorf("%+v: %d bytes, %v", f, len(data), err)
				}
			}
		}
		files, err := source.List(t.Context(), Scheme+bucket+"/train.png")
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		server.Put(t, bucket, "train.png", "another")
		if _, err := source.Read(t.Context(), files[0]); !errors.Is(err, errReplaced) {
			t.Errorf("what has changed: %v", err)
		}
	})
}

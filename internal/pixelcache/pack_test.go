package pixelcache

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"g2c/internal/shard"
)

// packOf is a pack of a few images.
func packOf(t *testing.T, from, n int) []byte {
	t.Helper()
	var pixels [][]byte
	var entries []shard.Entry
	for i := range n {
		_, p := image(from + i)
		pixels, entries = append(pixels, p), append(entries, shard.Describe(p))
	}
	var b bytes.Buffer
	if err := shard.Write(&b, small, entries, func(to []byte, i int) error { copy(to, pixels[i]); return nil }); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// named is the fingerprint that tests give a pack.
func named(digit string) string { return strings.Repeat(digit, 64) }

// What is held stays, and the folder keeps its limit: also while packs are fetched side by
// side. What is not held goes for what is wanted, and a kept pack needs no room.
func TestHeldPacksStay(t *testing.T) {
	a, b := packOf(t, 0, 3), packOf(t, 10, 3)
	limit := int64(len(a)) * 3 / 2
	c := New(Options{Dir: t.TempDir(), Limit: limit})
	defer c.Close()
	writes := func(pack []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(pack); return err }
	}
	first, err := c.Pack(named("a"), int64(len(a)), writes(a))
	if err != nil {
		t.Fatal(err)
	}
	release, err := first[0].Hold()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pack(named("b"), int64(len(b)), writes(b)); !errors.Is(err, ErrNoFolder) {
		t.Errorf("a second pack beside one that is held: %v", err)
	}
	hold(t, []Ref{first[0].Ref(0), first[0].Ref(1), first[0].Ref(2)}, 0)
	release()
	second, err := c.Pack(named("b"), int64(len(b)), func(w io.Writer) error {
		if _, err := c.Pack(named("c"), int64(len(b)), writes(b)); !errors.Is(err, ErrNoFolder) {
			t.Errorf("a pack beside one that is fetched: %v", err)
		}
		return writes(b)(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	if u := Measure(c.Dir()); u.Files != 1 || u.Bytes > limit {
		t.Errorf("the folder has %+v, its limit is %d", u, limit)
	}
	if _, err := first[0].Hold(); err == nil || !first[0].Spoilt() {
		t.Errorf("a pack that is gone is held: %v", err)
	}
	release, err = second[0].Hold()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	put(c, 100, 40) // more than there is room for
	if kept, err := c.Pack(named("b"), int64(len(b)), nil); err != nil || len(kept) != 1 {
		t.Errorf("what is kept, in a folder that is full: %v", err)
	}
}

// reads counts them.
type reads struct {
	io.ReaderAt
	n int
}

func (r *reads) ReadAt(to []byte, at int64) (int, error) {
	r.n++
	return r.ReaderAt.ReadAt(to, at)
}

// What is streamed is read when it is wanted, once as far as there is memory, and checked.
func TestStreams(t *testing.T) {
	pack := append(packOf(t, 0, 3), packOf(t, 3, 2)...)
	from := &reads{ReaderAt: bytes.NewReader(pack)}
	c := New(Options{Memory: int64(2 * shard.ImageBytes(small))})
	defer c.Close()
	files, err := c.Stream(from, int64(len(pack)))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d shards, %v", len(files), err)
	}
	release, err := files[0].Hold()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	tables := from.n
	for range 2 {
		hold(t, []Ref{files[0].Ref(0), files[0].Ref(1), files[0].Ref(2)}, 0)
		hold(t, []Ref{files[1].Ref(0), files[1].Ref(1)}, 3)
	}
	if n := from.n - tables; n != 5+3 {
		t.Errorf("%d reads of five images twice, of which two fit into memory", n)
	}
	pack[shard.Offset(small, 2)] ^= 1
	if err := files[0].Ref(2).Read(make([]byte, shard.ImageBytes(small))); !errors.Is(err, shard.ErrDamaged) || !files[0].Spoilt() {
		t.Errorf("pixels that changed: %v", err)
	}
	if _, err := c.Stream(bytes.NewReader(pack[:100]), 100); !errors.Is(err, shard.ErrDamaged) {
		t.Errorf("what is cut: %v", err)
	}
}

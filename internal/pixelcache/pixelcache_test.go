package pixelcache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"g2c/internal/shard"
)

const small = 4

// image is pixels that differ by n, and the hash of the file that they would come from.
func image(n int) (Hash, []byte) {
	pixels := make([]byte, shard.ImageBytes(small))
	for i := range pixels {
		pixels[i] = byte(n>>(8*(i%3)) + i)
	}
	return sha256.Sum256([]byte(fmt.Sprint("file ", n))), pixels
}

// notes collects what a cache says.
type notes []string

func (n *notes) add(text string) { *n = append(*n, text) }

// put keeps images from a number on, and gives their places.
func put(c *Cache, from, n int) (refs []Ref) {
	for i := range n {
		h, pixels := image(from + i)
		refs = append(refs, c.Put(small, h, shard.Describe(pixels), bytes.Clone(pixels)))
	}
	return refs
}

// hold holds places to images from a number on.
func hold(t *testing.T, refs []Ref, from int) {
	t.Helper()
	for i, r := range refs {
		_, want := image(from + i)
		got := make([]byte, len(want))
		if err := r.Read(got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("image %d: other pixels, %v", from+i, err)
		}
	}
}

func TestImagesLastAndAreFoundByContent(t *testing.T) {
	dir := t.TempDir()
	var said notes
	c := New(Options{Dir: dir, Note: said.add})
	refs := put(c, 0, 50)
	hold(t, refs, 0) // before they have a name
	c.Flush()
	hold(t, refs, 0)
	more := put(c, 50, 5)
	c.Close()
	c = New(Options{Dir: dir, Note: said.add})
	defer c.Close()
	for i := range 55 {
		h, pixels := image(i)
		e, r, ok := c.Content(small, h)
		if !ok || !e.Matches(pixels, false) || r.HeapBytes() != 0 {
			t.Fatalf("image %d is not found", i)
		}
		hold(t, []Ref{r}, i)
	}
	h, _ := image(55)
	if _, _, ok := c.Content(small, h); ok || len(more) != 5 {
		t.Error("an image is found that was never kept")
	}
	if _, _, ok := c.Content(small+1, h); ok {
		t.Error("an image of another side is found")
	}
	if len(said) > 0 {
		t.Errorf("notes %q", said)
	}
}

// What others kept meanwhile is found beside what is being written.
func TestAFolderIsLookedThroughWhileAShardIsOpen(t *testing.T) {
	dir := t.TempDir()
	other := New(Options{Dir: dir})
	put(other, 100, 7)
	other.Close()
	c := New(Options{Dir: dir})
	defer c.Close()
	refs := put(c, 0, 3)
	h, _ := image(103)
	if _, r, ok := c.Content(small, h); !ok {
		t.Fatal("another's image is not found")
	} else {
		hold(t, []Ref{r}, 103)
	}
	refs = append(refs, put(c, 3, 3)...)
	c.Flush()
	for i := range 6 {
		h, _ := image(i)
		_, r, ok := c.Content(small, h)
		if !ok || r != refs[i] {
			t.Errorf("image %d is not where it was put", i)
		}
	}
	hold(t, refs, 0)
}

// An image that is found damaged is kept anew.
func TestWhatIsDamagedIsKeptAnew(t *testing.T) {
	dir := t.TempDir()
	first := New(Options{Dir: dir})
	put(first, 0, 3)
	first.Close()
	f, err := os.OpenFile(files(t, dir)[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{255, 0, 255, 0}, shard.Offset(small, 1)); err != nil {
		t.Fatal(err)
	}
	c := New(Options{Dir: dir})
	defer c.Close()
	h, _ := image(1)
	_, r, ok := c.Content(small, h)
	if !ok {
		t.Fatal("the image is not found")
	}
	if err := r.Read(make([]byte, shard.ImageBytes(small))); !errors.Is(err, shard.ErrDamaged) {
		t.Fatalf("it reads as %v", err)
	}
	refs := put(c, 0, 3)
	hold(t, refs, 0)
	c.Flush()
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("the folder has %v", got)
	}
}

// What nobody uses any more takes no memory.
func TestMemoryIsForgottenWithItsLastUser(t *testing.T) {
	c := New(Options{})
	h, _ := image(1)
	refs := put(c, 1, 1)
	if _, r, ok := c.Content(small, h); !ok || r != refs[0] {
		t.Fatal("an image in memory is not found")
	}
	refs = nil
	for range 10 { // a cleanup runs some time after its collection
		gc(t)
		if c.held.Load() == 0 {
			break
		}
	}
	if _, _, ok := c.Content(small, h); ok || c.held.Load() != 0 {
		t.Errorf("%d bytes are held for nobody", c.held.Load())
	}
}

// files are the shards of a cache by name, with their times.
func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "v*", fmt.Sprint(small), "*.shard"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What was not used for longest goes first, what is open stays, and nobody else's files
// are touched.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	var paths []string
	for i := range 3 {
		c := New(Options{Dir: dir})
		put(c, 10*i, 10)
		c.Close()
		for _, path := range files(t, dir) {
			if len(paths) == 0 || !strings.Contains(strings.Join(paths, " "), path) {
				paths = append(paths, path)
				at := now.Add(time.Duration(i-10) * time.Hour)
				if err := os.Chtimes(path, at, at); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	own := filepath.Join(dir, "notes.txt")
	old := filepath.Join(dir, "ab", strings.Repeat("ab", 32)+".rgb")
	left := filepath.Join(dir, fmt.Sprintf("v%d", pixelVersion), fmt.Sprint(small), ".g2c-new-0123456789abcdef")
	for _, path := range []string{own, old, left} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := New(Options{Dir: dir})
	defer c.Close()
	h, _ := image(5)
	if _, r, ok := c.Content(small, h); !ok {
		t.Fatal("the first shard is not found")
	} else {
		hold(t, []Ref{r}, 5) // it is open now
	}
	for i, path := range paths { // looking for an image opened them all: give them their ages again
		c.pool.forget(path)
		at := now.Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	first, err := os.Open(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := lockShared(first); err != nil {
		t.Fatal(err)
	}
	removed, err := Prune(dir, Measure(dir).Bytes/2)
	if err != nil || removed.Files != 3 { // one of an earlier version, two shards: the first is open
		t.Errorf("removed %+v, %v", removed, err)
	}
	if got := files(t, dir); len(got) != 1 || got[0] != paths[0] {
		t.Errorf("%v are left of %v", got, paths)
	}
	for path, want := range map[string]bool{own: true, old: false, left: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The folder keeps its limit: old images go for new ones, and what has no room at all
// stays in memory.
func TestLimit(t *testing.T) {
	dir := t.TempDir()
	var said notes
	c := New(Options{Dir: dir})
	put(c, 0, 20)
	c.Close()
	whole := Measure(dir).Bytes
	c = New(Options{Dir: dir, Limit: whole + 100, Note: said.add})
	refs := put(c, 100, 18)
	c.Flush()
	hold(t, refs, 100)
	if n := Measure(dir).Bytes; n > whole+100 || len(said) > 0 {
		t.Errorf("%d bytes, the limit is %d; %q", n, whole+100, said)
	}
	more := put(c, 200, 40)
	hold(t, more, 200)
	hold(t, refs, 100)
	c.Close()
	if n := Measure(dir).Bytes; n > whole+3000 || len(said) != 1 || !strings.Contains(said[0], "--cache-limit") {
		t.Errorf("%d bytes, the limit is %d; %q", n, whole+100, said)
	}
}

// A pack is fetched once, and again where it is damaged.
func TestPacks(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("0f", 32)
	var pack bytes.Buffer
	var pixels [][]byte
	var entries []shard.Entry
	for i := range 3 {
		_, p := image(i)
		pixels, entries = append(pixels, p), append(entries, shard.Describe(p))
	}
	for range 2 {
		if err := shard.Write(&pack, small, entries, func(to []byte, i int) error { copy(to, pixels[i]); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	fetched := 0
	open := func() []*File {
		t.Helper()
		c := New(Options{Dir: dir})
		t.Cleanup(c.Close)
		got, err := c.Pack(name, int64(pack.Len()), func(w io.Writer) error {
			fetched++
			_, err := w.Write(pack.Bytes())
			return err
		})
		if err != nil || len(got) != 2 {
			t.Fatalf("%d shards, %v", len(got), err)
		}
		for _, f := range got {
			hold(t, []Ref{f.Ref(0), f.Ref(1), f.Ref(2)}, 0)
		}
		return got
	}
	open()
	open()
	if fetched != 1 {
		t.Errorf("it was fetched %d times", fetched)
	}
	path := filepath.Join(dir, packsFolder, name+".shards")
	if err := os.Truncate(path, int64(pack.Len()-7)); err != nil {
		t.Fatal(err)
	}
	got := open()
	if fetched != 2 {
		t.Errorf("it was fetched %d times", fetched)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1, 2, 3}, 100); err != nil {
		t.Fatal(err)
	}
	if err := got[0].Ref(0).Read(make([]byte, shard.ImageBytes(small))); !errors.Is(err, shard.ErrDamaged) {
		t.Errorf("changed pixels: %v", err)
	}
	open()
	if fetched != 3 {
		t.Errorf("it was fetched %d times", fetched)
	}
	c := New(Options{Dir: dir})
	defer c.Close()
	gone := errors.New("the store is away")
	if _, err := c.Pack(strings.Repeat("ee", 32), 1, func(io.Writer) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("a pack that cannot be fetched: %v", err)
	}
	if _, err := New(Options{}).Pack(name, 1, nil); !errors.Is(err, ErrNoFolder) {
		t.Errorf("without a folder: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	b := appendFolder(nil, "/a/", map[string]known{"x.png": {stat: Stat{1, 2, 3, 4}, slot: 7}})
	f.Add(b)
	f.Add([]byte(indexMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := parseFolder(b, "/a/")
		if err != nil {
			return
		}
		again, err := parseFolder(appendFolder(nil, "/a/", files), "/a/")
		if err != nil || len(again) != len(files) {
			t.Errorf("%d files, written and read %d, %v", len(files), len(again), err)
		}
	})
}

// Damage is said once, however many files it is in.
func TestDamageIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	c := New(Options{Dir: dir})
	for i := range 3 {
		put(c, 10*i, 10)
		c.Flush()
	}
	c.Close()
	all := files(t, dir)
	if len(all) != 3 {
		t.Fatalf("%d shards", len(all))
	}
	var said notes
	c = New(Options{Dir: dir, Note: said.add})
	defer c.Close()
	var refs []Ref
	for i := range 30 {
		h, _ := image(i)
		_, r, ok := c.Content(small, h)
		if !ok {
			t.Fatalf("image %d is not found", i)
		}
		refs = append(refs, r)
	}
	shards, err := filepath.Glob(filepath.Join(dir, "v*", fmt.Sprint(small), "*.shard"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range shards {
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range refs {
		if err := r.Read(make([]byte, shard.ImageBytes(small))); !errors.Is(err, shard.ErrDamaged) {
			t.Errorf("image %d: %v", i, err)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "it is cut") {
		t.Errorf("notes %q", said)
	}
}

// Whoever has a damaged pack open fetches it anew when they ask again.
func TestADamagedPackIsFetchedByWhoHasItOpen(t *testing.T) {
	dir, name := t.TempDir(), strings.Repeat("1e", 32)
	var pack bytes.Buffer
	_, pixels := image(1)
	if err := shard.Write(&pack, small, []shard.Entry{shard.Describe(pixels)}, func(to []byte, _ int) error { copy(to, pixels); return nil }); err != nil {
		t.Fatal(err)
	}
	c := New(Options{Dir: dir})
	defer c.Close()
	fetched := 0
	open := func() *File {
		t.Helper()
		got, err := c.Pack(name, int64(pack.Len()), func(w io.Writer) error {
			fetched++
			_, err := w.Write(pack.Bytes())
			return err
		})
		if err != nil || len(got) != 1 {
			t.Fatalf("%d shards, %v", len(got), err)
		}
		return got[0]
	}
	for _, spoil := range []func(path string) error{
		func(path string) error { return os.Truncate(path, 100) },
		func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte{1, 2, 3}, 100)
			return errors.Join(err, f.Close())
		},
	} {
		f, before := open(), fetched
		if err := spoil(c.packPath(name)); err != nil {
			t.Fatal(err)
		}
		if err := f.Ref(0).Read(make([]byte, len(pixels))); !errors.Is(err, shard.ErrDamaged) || !f.Spoilt() {
			t.Errorf("damaged pixels: %v, spoilt: %v", err, f.Spoilt())
		}
		hold(t, []Ref{open().Ref(0)}, 1)
		if fetched != before+1 {
			t.Errorf("it was fetched %d times, want %d", fetched, before+1)
		}
	}
}

package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// mappings counts those of this process. Where the system does not list them it skips.
func mappings(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/maps")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("SKIPPED: this system does not list a process's mappings")
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte{'\n'})
}

// oneBuffer lends an encoder the same buffer again and again.
type oneBuffer struct{ b *png.EncoderBuffer }

// Get implements png.EncoderBufferPool.
func (o *oneBuffer) Get() *png.EncoderBuffer { return o.b }

// Put implements png.EncoderBufferPool.
func (o *oneBuffer) Put(b *png.EncoderBuffer) { o.b = b }

// A system gives a process some 65,000 mappings: a set of any size takes a few, and the
// second time opens none of its files.
func TestManyImagesTakeFewMappings(t *testing.T) {
	const n = 20_000
	dir, cacheDir := t.TempDir(), t.TempDir()
	encoder := png.Encoder{CompressionLevel: png.NoCompression, BufferPool: &oneBuffer{}}
	for i := range n {
		path := filepath.Join(dir, fmt.Sprint(i%50), fmt.Sprintf("%d.png", i))
		if i < 50 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if err := encoder.Encode(&b, picture(4, 4, i)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var prints []string
	for round, opened := range []int{n, 0} {
		before := mappings(t)
		s, r := loadCached(t, dir, cacheDir, Options{})
		prints = append(prints, s.Fingerprint())
		for i := range s.Len() {
			pixels(t, s, i)
		}
		if more := mappings(t) - before; more > 200 { // the heap has some
			t.Errorf("round %d: %d images take %d mappings", round, n, more)
		}
		if s.Len() != n || r.Opened != opened || s.HeapBytes() != 0 {
			t.Errorf("round %d: %d images, %d files opened, %d bytes in memory", round, s.Len(), r.Opened, s.HeapBytes())
		}
	}
	if prints[0] != prints[1] {
		t.Error("another set the second time")
	}
}

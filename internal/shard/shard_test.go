package shard

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// made is a shard of a few images, and their pixels.
func made(t testing.TB, n int) ([]byte, [][]byte) {
	t.Helper()
	const side = 3
	var entries []Entry
	var pixels [][]byte
	for i := range n {
		p := make([]byte, ImageBytes(side))
		for j := range p {
			p[j] = byte(i*31 + j*7)
		}
		e := Describe(p)
		e.Name, e.Label, e.Group, e.Split = string(rune('a'+i))+".png", "gs", "p1", "test"
		e.Width, e.Height, e.Kind = 5, 6, 1
		entries, pixels = append(entries, e), append(pixels, p)
	}
	var b bytes.Buffer
	if err := Write(&b, side, entries, func(to []byte, i int) error { copy(to, pixels[i]); return nil }); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != Size(side, entries) {
		t.Fatalf("%d bytes, %d were promised", b.Len(), Size(side, entries))
	}
	return b.Bytes(), pixels
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, n := range []int{0, 1, 5} {
		b, pixels := made(t, n)
		var seen [][]byte
		scanned, err := Scan(bytes.NewReader(b), func(side int, p []byte) error {
			seen = append(seen, bytes.Clone(p))
			return nil
		})
		if err != nil || len(seen) != n || !slices.EqualFunc(seen, pixels, bytes.Equal) {
			t.Fatalf("%d images: %d came, %v", n, len(seen), err)
		}
		table, size, err := ReadTable(bytes.NewReader(append(bytes.Clone(b), 1, 2)), int64(len(b)+2))
		if err != nil || size != int64(len(b)) || table.ID != scanned.ID || !slices.Equal(table.Entries, scanned.Entries) {
			t.Errorf("%d images: the table differs, %v", n, err)
		}
		for i, p := range pixels {
			e := &table.Entries[i]
			if !bytes.Equal(b[Offset(3, i):][:27], p) || !e.Matches(p, false) || !e.Matches(p, true) || e.Matches(p[1:], true) {
				t.Errorf("image %d is another", i)
			}
		}
	}
}

// What is written image by image is what is written at once.
func TestAWriterWritesTheSame(t *testing.T) {
	want, pixels := made(t, 4)
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, _, err := ReadTable(bytes.NewReader(want), int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, 3)
	for i, p := range pixels {
		if at, err := w.Append(table.Entries[i], p); at != i || err != nil {
			t.Fatalf("image %d is at %d, %v", i, at, err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes, %v", err)
	}
}

// No flipped bit and no cut goes unseen.
func TestDamageIsSeen(t *testing.T) {
	b, _ := made(t, 3)
	ignore := func(int, []byte) error { return nil }
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 0x10
		if _, err := Scan(bytes.NewReader(bad), ignore); !errors.Is(err, ErrDamaged) {
			t.Errorf("a flipped bit of byte %d: %v", at, err)
		}
	}
	for n := 1; n < len(b); n++ {
		if _, err := Scan(bytes.NewReader(b[:n]), ignore); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
		if _, _, err := ReadTable(bytes.NewReader(b[:n]), int64(n)); !errors.Is(err, ErrDamaged) {
			t.Errorf("the table of %d bytes of it: %v", n, err)
		}
	}
	if _, err := Scan(bytes.NewReader(nil), ignore); err != io.EOF {
		t.Errorf("nothing at all: %v", err)
	}
}

func FuzzShard(f *testing.F) {
	b, _ := made(f, 2)
	f.Add(b)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		scanned, err := Scan(bytes.NewReader(b), func(int, []byte) error { n++; return nil })
		table, _, err2 := ReadTable(bytes.NewReader(b), int64(len(b)))
		switch {
		case err != nil && err != io.EOF && !errors.Is(err, ErrDamaged):
			t.Errorf("an error of another kind: %v", err)
		case err == nil && (err2 != nil || n != len(scanned.Entries) || !slices.Equal(table.Entries, scanned.Entries)):
			t.Errorf("%d images came, the table differs: %v", n, err2)
		}
	})
}

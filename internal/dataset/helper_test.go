package dataset

import (
	"bytes"
	"errors"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/fault"
)

// picture is a small image that differs by n.
func picture(w, h, n int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(n*37 + x*5), uint8(n*11 + n>>8 + y*7), uint8(n*53 + n>>16 + x*y), 255})
		}
	}
	return m
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree writes a PNG of 8 x 8 pixels for every name, equal for equal names alone.
func tree(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		h := fnv.New32a()
		h.Write([]byte(name))
		write(t, filepath.Join(dir, name), encodePNG(t, picture(8, 8, int(h.Sum32()>>8))))
	}
}

// wantData holds an error to its class and to the words that it must say.
func wantData(t *testing.T, err error, words ...string) {
	t.Helper()
	wantError(t, fault.ErrData, err, words...)
}

func wantError(t *testing.T, class, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("error %v, want %q", err, class)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func names(s *Set) []string {
	var all []string
	for i := range s.Len() {
		all = append(all, s.Image(i).Name)
	}
	return all
}

// pixels are those of an image of a set.
func pixels(t testing.TB, s *Set, i int) []uint8 {
	t.Helper()
	p, err := s.Pixels(i)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

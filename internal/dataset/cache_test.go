package dataset

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"g2c/internal/fault"
)

func TestCacheGivesTheSameSet(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png")
	write(t, filepath.Join(dir, "d.png"), encodePNG(t, picture(30, 20, 4)))
	plain, plainReport, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	for round, wantCached := range []int{0, 4} {
		s, r, err := Unlabelled(background, []string{dir}, Options{Side: 8, CacheDir: cacheDir})
		if err != nil {
			t.Fatal(err)
		}
		if s.Fingerprint() != plain.Fingerprint() || r.Cached != wantCached || r.Cropped != plainReport.Cropped || r.Shrunk != 1 {
			t.Errorf("round %d: %+v, want %d cached and the same set", round, r, wantCached)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// What fits one way may not fit another; the cache knows the file's size.
	_, _, err = Unlabelled(background, []string{dir}, Options{Side: 8, CacheDir: cacheDir, Fit: Refuse})
	wantData(t, err, "d.png", "30 x 20")
	_, r, err := Unlabelled(background, []string{dir}, Options{Side: 16, CacheDir: cacheDir})
	if err != nil || r.Cached != 0 {
		t.Errorf("another side takes %d entries of this one, %v", r.Cached, err)
	}
}

func TestDamagedEntriesAreRebuilt(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png", "d.png")
	opt := Options{Side: 8, CacheDir: cacheDir}
	first, _, err := Unlabelled(background, []string{dir}, opt)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := filepath.Glob(filepath.Join(cacheDir, "*", "*.rgb"))
	if err != nil || len(entries) != 4 {
		t.Fatalf("entries %v, %v", entries, err)
	}
	want := first.Fingerprint()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for i, damage := range []func([]byte) []byte{
		func(b []byte) []byte { b[100] ^= 1; return b }, // a pixel
		func(b []byte) []byte { b[13] ^= 1; return b },  // the width
		func(b []byte) []byte { return b[:len(b)/2] },   // torn
		func(b []byte) []byte { clear(b); return b },    // zeros
	} {
		data, err := os.ReadFile(entries[i])
		if err != nil {
			t.Fatal(err)
		}
		write(t, entries[i], damage(data))
	}
	for _, rebuilt := range []int{4, 0} {
		s, r, err := Unlabelled(background, []string{dir}, opt)
		if err != nil {
			t.Fatal(err)
		}
		if s.Fingerprint() != want || r.Rebuilt != rebuilt || r.Cached != 4-rebuilt {
			t.Errorf("%d rebuilt and %d cached, want %d rebuilt and the same set", r.Rebuilt, r.Cached, rebuilt)
		}
	}
}

func TestCacheIsShared(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png", "d.png", "e.png")
	prints := make([]string, 6)
	var wg sync.WaitGroup
	for i := range prints {
		wg.Go(func() {
			s, _, err := Unlabelled(background, []string{dir}, Options{Side: 8, CacheDir: cacheDir, Workers: 2})
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = s.Fingerprint()
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Error("two loads at once differ")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(cacheDir, "*", ".new-*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestUnwritableCache(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png")
	blocked := filepath.Join(dir, "a.png", "cache") // below a file: no folder can be there
	_, _, err := Unlabelled(background, []string{dir}, Options{Side: 8, CacheDir: blocked})
	wantError(t, fault.ErrUnavailable, err, "pixel cache")
}

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(cacheMagic))
	f.Add(make([]byte, cacheHeaderBytes+12))
	f.Fuzz(func(t *testing.T, data []byte) {
		if im, err := parseEntry(data, 2); err == nil && len(im.pix) != 12 {
			t.Errorf("accepted %d bytes of pixels", len(im.pix))
		}
	})
}

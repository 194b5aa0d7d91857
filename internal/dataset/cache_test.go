package dataset

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"g2c/internal/pixelcache"
)

// later is a clock by which the files of a test have not changed for long.
func later() time.Time { return time.Now().Add(time.Hour) }

// openCache opens a cache of a folder for one load.
func openCache(t *testing.T, dir string) *pixelcache.Cache {
	t.Helper()
	c := pixelcache.New(pixelcache.Options{Dir: dir, Now: later, Note: func(text string) { t.Log(text) }})
	t.Cleanup(c.Close)
	return c
}

// load loads a folder through a cache of its own, as another process would.
func loadCached(t *testing.T, dir, cacheDir string, opt Options) (*Set, *Report) {
	t.Helper()
	opt.Side, opt.Cache = 8, openCache(t, cacheDir)
	s, r, err := Unlabelled(background, []string{dir}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// equalSets holds a set to another's images and pixels.
func equalSets(t *testing.T, got, want *Set) {
	t.Helper()
	if got.Fingerprint() != want.Fingerprint() {
		t.Fatal("another set")
	}
	for i := range want.Len() {
		if !bytes.Equal(pixels(t, got, i), pixels(t, want, i)) {
			t.Errorf("image %d has other pixels", i)
		}
	}
}

func TestCacheGivesTheSameSet(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png", "deep/e.png")
	write(t, filepath.Join(dir, "d.png"), encodePNG(t, picture(30, 20, 4)))
	plain, plainReport, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		recheck        bool
		cached, opened int
	}{{false, 0, 5}, {false, 5, 0}, {true, 5, 5}, {false, 5, 0}} {
		s, r := loadCached(t, dir, cacheDir, Options{Recheck: want.recheck})
		equalSets(t, s, plain)
		if r.Cached != want.cached || r.Opened != want.opened || r.Cropped != plainReport.Cropped || r.Shrunk != 1 {
			t.Errorf("%+v: %+v", want, r)
		}
	}
	// What fits one way may not fit another; the cache knows the file's size.
	_, _, err = Unlabelled(background, []string{dir}, Options{Side: 8, Cache: openCache(t, cacheDir), Fit: Refuse})
	wantData(t, err, "d.png", "30 x 20")
	_, r, err := Unlabelled(background, []string{dir}, Options{Side: 16, Cache: openCache(t, cacheDir)})
	if err != nil || r.Cached != 0 {
		t.Errorf("another side takes %d images of this one, %v", r.Cached, err)
	}
}

// A file that changed is read again, whatever its name and size; one that moved, or was
// touched, is read and not decoded.
func TestChangedAndMovedFiles(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png")
	path := filepath.Join(dir, "a.png")
	first, _ := loadCached(t, dir, cacheDir, Options{})
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := picture(8, 8, 77)
	data := encodePNG(t, changed)
	for n := before.Size() - int64(len(data)); n > 0; n-- {
		data = append(data, 0) // behind the image's end
	}
	write(t, path, data)
	if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	second, r := loadCached(t, dir, cacheDir, Options{})
	if r.Opened != 1 || second.Fingerprint() == first.Fingerprint() {
		t.Errorf("a file that changed behind its time: %+v", r)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	third, r := loadCached(t, moved, cacheDir, Options{})
	equalSets(t, third, second)
	if r.Opened != 2 || r.Cached != 2 {
		t.Errorf("a folder that moved: %+v", r)
	}
}

// A file that has only just been written may change again within its time.
func TestYoungFilesAreReadAgain(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png")
	for range 2 {
		c := pixelcache.New(pixelcache.Options{Dir: cacheDir, Now: func() time.Time {
			info, err := os.Stat(filepath.Join(dir, "a.png"))
			if err != nil {
				t.Fatal(err)
			}
			return info.ModTime().Add(1900 * time.Millisecond)
		}})
		defer c.Close()
		_, r, err := Unlabelled(background, []string{dir}, Options{Side: 8, Cache: c})
		if err != nil || r.Opened != 1 {
			t.Errorf("%d files were opened, %v", r.Opened, err)
		}
	}
}

// shards are the files of pixels of a cache.
func shards(t *testing.T, cacheDir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cacheDir, "v*", "8", "*.shard"))
	if err != nil || len(found) == 0 {
		t.Fatalf("shards %v, %v", found, err)
	}
	return found
}

// Whatever happens to the cache's files, before a load or after it, the set is the same.
func TestDamagedCacheIsReadAround(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png", "d.png")
	want, _, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func(b []byte) []byte{
		"a pixel":   func(b []byte) []byte { b[100] ^= 1; return b },
		"the table": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"the head":  func(b []byte) []byte { b[13] ^= 1; return b },
		"torn":      func(b []byte) []byte { return b[:len(b)/2] },
		"empty":     func([]byte) []byte { return nil },
		"zeros":     func(b []byte) []byte { clear(b); return b },
	} {
		for _, when := range []string{"before", "after"} {
			t.Run(what+" "+when, func(t *testing.T) {
				cacheDir := t.TempDir()
				loadCached(t, dir, cacheDir, Options{})
				spoil := func() {
					for _, path := range shards(t, cacheDir) {
						data, err := os.ReadFile(path)
						if err != nil {
							t.Fatal(err)
						}
						if err := os.WriteFile(path, damage(data), 0o644); err != nil { // the same file: others have it open
							t.Fatal(err)
						}
					}
				}
				if when == "before" {
					spoil()
				}
				got, _ := loadCached(t, dir, cacheDir, Options{})
				if when == "after" {
					spoil()
				}
				equalSets(t, got, want)
				again, _ := loadCached(t, dir, cacheDir, Options{})
				equalSets(t, again, want)
			})
		}
	}
	index := t.TempDir()
	loadCached(t, dir, index, Options{})
	found, err := filepath.Glob(filepath.Join(index, "v*", "8", "index", "*.idx"))
	if err != nil || len(found) != 1 {
		t.Fatalf("indexes %v, %v", found, err)
	}
	write(t, found[0], []byte("garbage"))
	got, r := loadCached(t, dir, index, Options{})
	equalSets(t, got, want)
	if r.Opened != 4 || r.Cached != 4 {
		t.Errorf("without its index: %+v", r)
	}
}

// An image that changed after the cache's copy was lost is no longer the set's.
func TestAChangedFileIsNotTakenForItsPixels(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png")
	s, _ := loadCached(t, dir, cacheDir, Options{})
	for _, path := range shards(t, cacheDir) {
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "a.png"), encodePNG(t, picture(8, 8, 99)))
	_, err := s.Pixels(0)
	wantData(t, err, "a.png", "has changed")
	pixels(t, s, 1)
}

func TestCacheIsShared(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png", "d.png", "e.png")
	want, _, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	one := openCache(t, cacheDir)
	var wg sync.WaitGroup
	sets := make([]*Set, 6)
	for i := range sets {
		cache := one
		if i%2 == 0 {
			cache = openCache(t, cacheDir)
		}
		wg.Go(func() {
			s, _, err := Unlabelled(background, []string{dir}, Options{Side: 8, Cache: cache, Workers: 2})
			if err != nil {
				t.Error(err)
				return
			}
			sets[i] = s
		})
	}
	wg.Wait()
	for _, s := range sets {
		equalSets(t, s, want)
	}
	if left, _ := filepath.Glob(filepath.Join(cacheDir, "v*", "*", ".g2c-new-*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// A cache that cannot be is a note.
func TestAnImpossibleCacheIsANote(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png")
	blocked := filepath.Join(dir, "a.png", "cache") // below a file: no folder can be there
	var notes []string
	c := pixelcache.New(pixelcache.Options{Dir: blocked, Note: func(text string) { notes = append(notes, text) }})
	defer c.Close()
	s, _, err := Unlabelled(background, []string{dir}, Options{Side: 8, Cache: c})
	if err != nil || s.Len() != 1 || s.HeapBytes() != 8*8*3 {
		t.Fatalf("%v", err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "stay in memory") {
		t.Errorf("notes %q", notes)
	}
}

// What neither fits the disk nor the memory is decoded whenever it is needed.
func TestWithoutRoomImagesAreDecodedAgain(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png")
	want, _, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	c := pixelcache.New(pixelcache.Options{Dir: t.TempDir(), Limit: 200, Memory: 200, Note: func(text string) { notes = append(notes, text) }})
	defer c.Close()
	s, _, err := Unlabelled(background, []string{dir}, Options{Side: 8, Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	equalSets(t, s, want)
	if s.HeapBytes() != 8*8*3 || len(notes) != 2 {
		t.Errorf("%d bytes in memory, notes %q", s.HeapBytes(), notes)
	}
}

// Images far too small can be skipped by name, or enlarged.
func TestImagesTooSmall(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png")
	write(t, filepath.Join(dir, "tiny.png"), encodePNG(t, picture(2, 1, 4)))
	_, _, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	wantData(t, err, "tiny.png", "2 x 1", "too few", "fit: enlarge", "--skip-bad")
	s, r, err := Unlabelled(background, []string{dir}, Options{Side: 8, SkipBad: true})
	if err != nil || s.Len() != 1 || len(r.Skipped) != 1 || filepath.Base(r.Skipped[0].Path) != "tiny.png" || strings.Contains(r.Skipped[0].Reason, "--skip-bad") {
		t.Errorf("skipped %+v, %v", r, err)
	}
	s, r, err = Unlabelled(background, []string{dir}, Options{Side: 8, Fit: Enlarge})
	if err != nil || s.Len() != 2 || r.Enlarged != 1 {
		t.Errorf("enlarged %+v, %v", r, err)
	}
	_, _, err = Unlabelled(background, []string{filepath.Join(dir, "tiny.png")}, Options{Side: 8, SkipBad: true})
	wantData(t, err, "none of 1 image", "too few", "1 is too small", "fit: enlarge")
	if strings.Contains(err.Error(), "--skip-bad") {
		t.Errorf("advice that was taken: %v", err)
	}
	if errors.Is(err, errTooSmall) {
		t.Error("what is left of a set without images is no small image")
	}
	_, _, err = Unlabelled(background, []string{dir}, Options{Side: 8, Fit: Refuse})
	wantData(t, err, "wants 8 x 8", "fit: resize")
}

// What a model was trained with cannot be chosen when it is used.
func TestAdviceOnImagesForAModel(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tiny.png"), encodePNG(t, picture(2, 1, 4)))
	for _, opt := range []Options{{Side: 8}, {Side: 8, SkipBad: true}, {Side: 8, Fit: Refuse}} {
		opt.Trained = true
		_, _, err := Unlabelled(background, []string{dir}, opt)
		wantData(t, err, "tiny.png", "trained")
		if strings.Contains(err.Error(), "--fit") || strings.Contains(err.Error(), "smaller size") {
			t.Errorf("advice that nobody can take: %v", err)
		}
	}
}

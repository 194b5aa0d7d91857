package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"g2c/internal/fault"
)

var small = Options{Side: 8}

// leave writes what systems leave in folders, images among it.
func leave(t *testing.T, dir string) {
	t.Helper()
	tree(t, dir, "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", "@eaDir/x.png", "#recycle/b.png", "#snapshot/b.png", ".ipynb_checkpoints/a.png", "__MACOSX/a.png", "lost+found/c.png",
		"$RECYCLE.BIN/d.png", "System Volume Information/e.png", "._a.png")
	for _, name := range []string{".DS_Store", "Thumbs.db", "desktop.ini"} {
		write(t, filepath.Join(dir, name), []byte("left"))
	}
}

func TestWhatSystemsLeaveIsNeverData(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "n/a.png", "n/b.png", "t/c.png")
	for _, below := range []string{"", "n", "t"} {
		leave(t, filepath.Join(dir, below))
	}
	s, r, err := Open(background, dir, "", "", small)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(s); !slices.Equal(got, []string{"n/a.png", "n/b.png", "t/c.png"}) || r.Ignored != 0 || !slices.Equal(s.Classes(), []string{"n", "t"}) {
		t.Errorf("images %v of classes %v, %d ignored", got, s.Classes(), r.Ignored)
	}
	s, r, err = Unlabelled(background, []string{filepath.Join(dir, "*")}, small)
	if err != nil || s.Len() != 3 || r.Ignored != 0 {
		t.Errorf("a pattern gives %v, %d ignored, %v", names(s), r.Ignored, err)
	}
	only := t.TempDir()
	leave(t, only)
	_, _, err = Unlabelled(background, []string{only}, small)
	wantData(t, err, "holds no image")
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestLinkedFoldersAreFollowedOnce(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	tree(t, dir, "n/a.png", "n/sub/b.png", "t/c.png")
	tree(t, outside, "d.png", "deep/e.png")
	link(t, outside, filepath.Join(dir, "n", "more"))
	link(t, filepath.Join(outside, "deep"), filepath.Join(dir, "n", "zdeep")) // read as n/more/deep
	link(t, "sub", filepath.Join(dir, "n", "again"))                          // read as n/sub
	link(t, "..", filepath.Join(dir, "n", "up"))
	link(t, filepath.Join(dir, "n"), filepath.Join(outside, "back"))
	link(t, ".", filepath.Join(dir, "all"))
	s, r, err := Open(background, dir, "", "", small)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(s); !slices.Equal(got, []string{"n/a.png", "n/more/d.png", "n/more/deep/e.png", "n/sub/b.png", "t/c.png"}) {
		t.Errorf("images %v", got)
	}
	var loops []string
	for _, l := range r.Loops {
		rel, err := filepath.Rel(dir, l)
		if err != nil {
			t.Fatal(err)
		}
		loops = append(loops, rel)
	}
	slices.Sort(loops)
	if want := []string{"all", "n/again", "n/more/back", "n/up", "n/zdeep"}; !slices.Equal(loops, want) {
		t.Errorf("links not followed: %v, want %v", loops, want)
	}
	if c := checkFiles(r); c.State != Note || !strings.Contains(c.Text, "5 linked folders were not followed") {
		t.Errorf("check %v", c)
	}
}

func TestPatterns(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a/x.png", "a/deep/er/y.png", "b/z.jpg.png", "c/w.png", "d{1}/v.png")
	link(t, filepath.Join(dir, "c"), filepath.Join(dir, "a", "linked"))
	link(t, "..", filepath.Join(dir, "a", "up"))
	for pattern, want := range map[string][]string{
		"*/*.png":       {"a/x.png", "b/z.jpg.png", "c/w.png", "d{1}/v.png"},
		"**/*.png":      {"a/deep/er/y.png", "a/x.png", "b/z.jpg.png", "c/w.png", "d{1}/v.png"},
		"a/**":          {"deep/er/y.png", "linked/w.png", "x.png"},
		"a/**/y.png":    {"deep/er/y.png"},
		"{a,c}/*.png":   {"a/x.png", "c/w.png"},
		"{a/deep,b}/**": {"a/deep/er/y.png", "b/z.jpg.png"},
		"[ab]":          {"a/deep/er/y.png", "a/linked/w.png", "a/x.png", "b/z.jpg.png"},
		"*/":            {"a/deep/er/y.png", "a/x.png", "b/z.jpg.png", "c/w.png", "d{1}/v.png"},
		`a\*.png`:       {"x.png"}, // written on Windows
		"d{1}":          {"v.png"}, // what is there by its name is no pattern
	} {
		s, _, err := Unlabelled(background, []string{dir + "/" + pattern}, small)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := names(s); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
	_, _, err := Unlabelled(background, []string{dir + "/*/none.png"}, small)
	wantData(t, err, "no image matches")
	_, _, err = Unlabelled(background, []string{dir + "/[a"}, small)
	wantData(t, err, "syntax error in pattern")
}

func TestImagesThatAreNotReadAreCountedByName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.bmp", "b.BMP", "c.webp", "d.svs"} {
		write(t, filepath.Join(dir, name), []byte("x"))
	}
	_, _, err := Unlabelled(background, []string{dir}, small)
	wantData(t, err, "holds no image that is read", "2 .bmp files are images of a kind that is not read", "1 .webp file", "1 .svs file is a whole slide", "cut them into patches")
	_, _, err = LoadLabelled(background, Labelled{Train: []string{dir}}, small)
	wantData(t, err, "2 .bmp files")

	tree(t, dir, "e.png")
	write(t, filepath.Join(dir, "f.txt"), nil)
	write(t, filepath.Join(dir, "g.jfif"), encodeJPEG(t, picture(8, 8, 5)))
	write(t, filepath.Join(dir, "h.JPE"), encodeJPEG(t, picture(8, 8, 6)))
	s, r, err := Unlabelled(background, []string{dir}, small)
	if err != nil || s.Len() != 3 || r.Ignored != 1 || r.Unread[".bmp"] != 2 || r.Unread[".svs"] != 1 {
		t.Fatalf("%v, ignored %d, unread %v, %v", names(s), r.Ignored, r.Unread, err)
	}
	if c := checkFiles(r); !strings.Contains(c.Text, "1 file is no image and was ignored; 2 .bmp files are images of a kind that is not read") {
		t.Errorf("check %q", c.Text)
	}
	_, _, err = Unlabelled(background, []string{filepath.Join(dir, "d.svs")}, small)
	wantData(t, err, "is a whole slide", "cut it into patches")
}

func TestSkippedFilesGiveReasonsAndNoAdviceThatWasTaken(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.png", "b.png"} {
		write(t, filepath.Join(dir, name), []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"))
	}
	_, _, err := Unlabelled(background, []string{dir}, Options{Side: 8, SkipBad: true})
	wantError(t, fault.ErrData, err, "none of 2 images can be used", "a Git LFS pointer", "git lfs pull")
	if strings.Contains(err.Error(), "--skip-bad") {
		t.Errorf("%q advises what was done", err)
	}
	_, _, err = Unlabelled(background, []string{dir}, small)
	wantData(t, err, "git lfs pull", "--skip-bad")
}

// A link to an image that is not there is a bad image, which may be skipped.
func TestLinksThatLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png", "b.png")
	link(t, "gone.png", filepath.Join(dir, "c.png"))
	link(t, "../.git/annex/objects/aa/bb/SHA256E-s9--ab.png/SHA256E-s9--ab.png", filepath.Join(dir, "d.png"))
	_, _, err := Unlabelled(background, []string{dir}, small)
	wantData(t, err, "c.png", "a link to gone.png, which is not there", "--skip-bad")
	skipping := small
	skipping.SkipBad = true
	s, r, err := Unlabelled(background, []string{dir}, skipping)
	if err != nil || s.Len() != 2 || len(r.Skipped) != 2 || !strings.Contains(r.Skipped[1].Reason, "git annex get") {
		t.Fatalf("%v, skipped %+v", err, r)
	}
}

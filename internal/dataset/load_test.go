package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/pixelcache"
)

var background = context.Background()

func TestUnlabelledListsInOrder(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "b.png", "a/z.PNG", "a/y.png", "c.png", ".hidden.png", ".cache/x.png")
	write(t, filepath.Join(dir, "notes.txt"), []byte("x"))
	s, r, err := Unlabelled(background, []string{dir}, Options{Side: 8, Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a/y.png", "a/z.PNG", "b.png", "c.png"}; !slices.Equal(names(s), want) {
		t.Errorf("images %v, want %v", names(s), want)
	}
	if r.Images != 4 || r.Ignored != 1 || len(r.Sizes) != 1 || r.Sizes[0] != (SizeCount{8, 8, 4}) {
		t.Errorf("report %+v", r)
	}
	// The same files by a glob, a file and a link, some of them twice.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	linked, _, err := Unlabelled(background, []string{link}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	if linked.Fingerprint() != s.Fingerprint() {
		t.Error("a linked folder gives another set")
	}
	globbed, _, err := Unlabelled(background, []string{filepath.Join(dir, "*"), filepath.Join(dir, "b.png")}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	if globbed.Fingerprint() != s.Fingerprint() {
		t.Errorf("a glob gives %v", names(globbed))
	}
}

func TestUnlabelledErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty", "x.txt"), []byte("x"))
	write(t, filepath.Join(dir, "bad", "b.png"), []byte("not an image"))
	write(t, filepath.Join(dir, "bad", "a.png"), encodePNG(t, picture(8, 8, 0)))
	write(t, filepath.Join(dir, "bad", "c.png"), nil)
	load := func(path string, opt Options) error {
		_, _, err := Unlabelled(background, []string{path}, opt)
		return err
	}
	wantData(t, load(filepath.Join(dir, "no-such"), Options{Side: 8}), "no-such", "no such file or folder")
	wantData(t, load(filepath.Join(dir, "empty"), Options{Side: 8}), "empty", "no image")
	wantData(t, load(filepath.Join(dir, "bad", "q*"), Options{Side: 8}), "no image matches")
	wantData(t, load("s3://bucket/x", Options{Side: 8}), "s3://bucket/x")
	for _, workers := range []int{1, 4} { // the first bad file in order is named
		wantData(t, load(filepath.Join(dir, "bad"), Options{Side: 8, Workers: workers}), "b.png", "not a JPEG", "--skip-bad")
	}
	wantData(t, load(filepath.Join(dir, "bad", "a.png"), Options{Side: 16, Fit: Refuse}), "a.png", "8 x 8", "16 x 16")
	wantData(t, load(filepath.Join(dir, "bad", "a.png"), Options{Side: 64}), "a.png", "too few")
	wantError(t, fault.ErrSpec, load(dir, Options{}), "side")

	cancelled, cancel := context.WithCancel(background)
	cancel()
	if _, _, err := Unlabelled(cancelled, []string{filepath.Join(dir, "bad", "a.png")}, Options{Side: 8}); err == nil {
		t.Error("a cancelled load gives a set")
	}
}

func TestSkipBad(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png", "c.png")
	whole := encodePNG(t, picture(30, 30, 1))
	write(t, filepath.Join(dir, "b.png"), whole[:len(whole)/2])
	s, r, err := Unlabelled(background, []string{dir}, Options{Side: 8, SkipBad: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 2 || len(r.Skipped) != 1 || filepath.Base(r.Skipped[0].Path) != "b.png" || !strings.Contains(r.Verdict.Text(), "1 image cannot be used and was skipped") {
		t.Errorf("images %v, skipped %v, notes %v", names(s), r.Skipped, r.Verdict.Text())
	}
	_, _, err = Unlabelled(background, []string{filepath.Join(dir, "b.png")}, Options{Side: 8, SkipBad: true})
	wantData(t, err, "none of 1 image ", "b.png")
	// A wrong size is no bad file: skipping it would hide a wrong spec.
	_, _, err = Unlabelled(background, []string{dir}, Options{Side: 12, Fit: Refuse, SkipBad: true})
	wantData(t, err, "a.png")
}

func TestProgressCountsEveryImage(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png", "b.png", "c.png")
	var seen []int
	opt := Options{Side: 8, Workers: 2, Progress: func(done, total int) { seen = append(seen, done*10+total) }}
	if _, _, err := Unlabelled(background, []string{dir}, opt); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []int{13, 23, 33}) {
		t.Errorf("progress %v", seen)
	}
}

func TestReportCountsKinds(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "wide.png"), encodePNG(t, picture(20, 16, 1)))
	write(t, filepath.Join(dir, "small.png"), encodePNG(t, picture(4, 4, 1)))
	_, r, err := Unlabelled(background, []string{dir}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	if r.Cropped != 1 || r.Shrunk != 1 || r.Enlarged != 1 || len(r.Notes()) != 3 {
		t.Errorf("report %+v", r)
	}
}

func TestFingerprintIsTheDocumentedHash(t *testing.T) {
	pix := make([]uint8, 12)
	pix[5] = 9
	s := New(2, []Image{{Name: "b", Label: "gs", Group: "p1", Split: Test}, {Name: "a"}}, [][]uint8{pix, make([]uint8, 12)})
	if names(s)[0] != "a" || pixels(t, s, 1)[5] != 9 {
		t.Fatal("the set is not sorted by name")
	}
	zero, one := sha256.Sum256(make([]uint8, 12)), sha256.Sum256(pix)
	text := "g2c data 1\n\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x00\x00\x00a" + string(zero[:]) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x00\x00\x00b" + string(one[:]) + "\x02\x00\x00\x00gs\x02\x00\x00\x00p1\x04\x00\x00\x00test"
	want := sha256.Sum256([]byte(text))
	if got := s.Fingerprint(); got != hex.EncodeToString(want[:]) {
		t.Errorf("fingerprint %s, want %x", got, want)
	}
}

func TestFingerprintSeesEverything(t *testing.T) {
	base := Image{Name: "a", Label: "l", Group: "g", Split: Train}
	of := func(side int, im Image, level uint8) string {
		pix := make([]uint8, side*side*3)
		pix[0] = level
		return New(side, []Image{im}, [][]uint8{pix}).Fingerprint()
	}
	seen := map[string]string{}
	for name, f := range map[string]string{
		"base":  of(2, base, 0),
		"side":  of(3, base, 0),
		"pixel": of(2, base, 1),
		"name":  of(2, Image{Name: "b", Label: "l", Group: "g", Split: Train}, 0),
		"label": of(2, Image{Name: "a", Label: "m", Group: "g", Split: Train}, 0),
		"group": of(2, Image{Name: "a", Label: "l", Group: "h", Split: Train}, 0),
		"split": of(2, Image{Name: "a", Label: "l", Group: "g", Split: Test}, 0),
	} {
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s have one fingerprint", name, other)
		}
		seen[f] = name
	}
}

func TestPixelsDoNotAllocate(t *testing.T) {
	kept := pixelcache.New(pixelcache.Options{Dir: t.TempDir()})
	defer kept.Close()
	dir := t.TempDir()
	tree(t, dir, "a.png")
	filed, _, err := Unlabelled(background, []string{dir}, Options{Side: 2, Cache: kept})
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]*Set{"memory": New(2, []Image{{Name: "a"}}, [][]uint8{make([]uint8, 12)}), "a file": filed} {
		to, sum := make([]uint8, 12), 0
		n := testing.AllocsPerRun(10, func() {
			if err := s.Read(to, 0); err != nil {
				t.Fatal(err)
			}
			sum += len(s.Image(0).Name)
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

// One is one, and several are several.
func TestNotesAgreeWithTheirNumber(t *testing.T) {
	for n, want := range map[int]string{
		1: "1 image was shrunk; 1 image is grey: one channel, copied to three; 1 image has transparent pixels, laid on white",
		2: "2 images were shrunk; 2 images are grey: one channel, copied to three; 2 images have transparent pixels, laid on white",
	} {
		r := Report{Shrunk: n, Grey: n, Alpha: n}
		if got := strings.Join(r.Notes(), "; "); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

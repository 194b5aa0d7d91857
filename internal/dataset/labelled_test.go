package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"g2c/internal/fault"
)

const slidePattern = `^(?P<slide>.+)-\d+$`

// slides names images of classes a and b on slides s0 to s(n-1), two of each class.
func slides(root, prefix string, n int) []string {
	var all []string
	for s := range n {
		for _, class := range []string{"a", "b"} {
			for i := range 2 {
				all = append(all, fmt.Sprintf("%s/%s/%s%d-%d.png", root, class, prefix, s, i))
			}
		}
	}
	return all
}

func TestLabelledFoldersWithValidation(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, slides("train", "s", 6)...)
	tree(t, dir, slides("test", "t", 2)...)
	src := Labelled{
		Train: []string{filepath.Join(dir, "train")}, Test: []string{filepath.Join(dir, "test")},
		ValidationFraction: 0.34, GroupPattern: slidePattern, Seed: 3,
	}
	s, r, err := LoadLabelled(background, src, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 32 || !slices.Equal(s.Classes(), []string{"a", "b"}) || r.Grouping != BySlide {
		t.Errorf("%d images of %v by %s", s.Len(), s.Classes(), r.Grouping)
	}
	if !strings.Contains(r.Verdict.Text(), "slides stand in") {
		t.Errorf("the verdict does not say that slides stand in for patients:\n%s", r.Verdict.Text())
	}
	// ceil(0.34 x 12) = 5 of each class: two slides of two images fit, a third does not.
	if v := s.Split(Validation); v.Len() != 8 || v.groups() != 2 {
		t.Errorf("validation has %d images of %d slides, want 8 of 2", v.Len(), v.groups())
	}
	if s.Split(Test).Len() != 8 || s.Split(Train).Len() != 16 {
		t.Error("train or test has the wrong size")
	}
	again, _, err := LoadLabelled(background, src, Options{Side: 8, Workers: 1})
	if err != nil || again.Fingerprint() != s.Fingerprint() {
		t.Error("the same split does not come again")
	}
	src.Seed = 4
	other, _, err := LoadLabelled(background, src, Options{Side: 8})
	if err != nil || other.Fingerprint() == s.Fingerprint() {
		t.Error("another seed gives the same split")
	}
}

func TestLabelledTable(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "img/1.png", "img/2.png", "img/3.png", "img/4.png")
	write(t, filepath.Join(dir, "train.csv"), []byte("path,label,patient,slide\nimg/1.png,gs,p1,s1\nimg/2.png,noa,p1,s2\n"))
	write(t, filepath.Join(dir, "test.csv"), []byte("path,label,patient,slide\nimg/3.png,gs,p2,s3\nimg/4.png,noa,p3,s4\n"))
	s, r, err := LoadLabelled(background, Labelled{Train: []string{filepath.Join(dir, "train.csv")}, Test: []string{filepath.Join(dir, "test.csv")}}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	im := s.Image(0)
	im.origin = [32]byte{}
	want := Image{Name: "img/1.png", Label: "gs", Group: "p1", Split: Train, Patient: "p1", Slide: "s1", File: filepath.Join(dir, "img/1.png")}
	if im != want || r.Grouping != ByPatient || r.Verdict.Worst() != OK {
		t.Errorf("image %v by %s, verdict\n%s", im, r.Grouping, r.Verdict.Text())
	}
}

// TestLabelledErrors are the mistakes that a user makes, each named.
func TestLabelledErrors(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, slides("train", "s", 3)...)
	tree(t, dir, slides("test", "t", 2)...)
	tree(t, dir, slides("leak", "s", 1)...)
	tree(t, dir, "oneclass/a/u-1.png", "flat/x-1.png", "odd/a/nodash.png", "odd/b/v-1.png")
	write(t, filepath.Join(dir, "hole/a/w-1.png"), encodePNG(t, picture(8, 8, 1)))
	write(t, filepath.Join(dir, "hole/b/readme.txt"), []byte("x"))
	write(t, filepath.Join(dir, "gone.csv"), []byte("path,label\nno/such.png,a\n"))
	write(t, filepath.Join(dir, "twice.csv"), []byte("path,label\nflat/x-1.png,a\nflat/./x-1.png,b\n"))
	write(t, filepath.Join(dir, "half.csv"), []byte("path,label,patient\nflat/x-1.png,a,p\ntest/a/t0-0.png,b,\n"))
	write(t, filepath.Join(dir, "what.txt"), nil)
	at := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, filepath.Join(dir, n))
		}
		return paths
	}
	for name, c := range map[string]struct {
		src   Labelled
		class error
		says  []string
	}{
		"a missing folder":              {Labelled{Train: at("no-such")}, fault.ErrData, []string{"no-such", "no such file or folder"}},
		"an empty class":                {Labelled{Train: at("hole")}, fault.ErrData, []string{"hole/b", "no image"}},
		"no class folders":              {Labelled{Train: at("flat")}, fault.ErrData, []string{"x-1.png", "no class"}},
		"a class missing from test":     {Labelled{Train: at("train"), Test: at("oneclass")}, fault.ErrData, []string{"class b", "test"}},
		"a slide on both sides":         {Labelled{Train: at("train"), Test: at("leak"), GroupPattern: slidePattern}, fault.ErrData, []string{"slide s0", "train", "test"}},
		"a name without a slide":        {Labelled{Train: at("odd"), GroupPattern: slidePattern}, fault.ErrData, []string{"nodash.png", "does not match"}},
		"a pattern without a name":      {Labelled{Train: at("train"), GroupPattern: `^(.+)-\d+$`}, fault.ErrSpec, []string{"(?P<slide>"}},
		"a broken pattern":              {Labelled{Train: at("train"), GroupPattern: `(`}, fault.ErrSpec, []string{"pattern"}},
		"no data":                       {Labelled{}, fault.ErrSpec, []string{"data.labelled.train"}},
		"validation without training":   {Labelled{Test: at("test"), Validation: at("test")}, fault.ErrSpec, []string{"data.labelled.train"}},
		"two validations":               {Labelled{Train: at("train"), Validation: at("test"), ValidationFraction: 0.2}, fault.ErrSpec, []string{"validation"}},
		"a fraction over 1":             {Labelled{Train: at("train"), ValidationFraction: 1.5, GroupPattern: slidePattern}, fault.ErrSpec, []string{"1.5"}},
		"too few groups for validation": {Labelled{Train: at("leak"), ValidationFraction: 0.2, GroupPattern: slidePattern}, fault.ErrData, []string{"class a", "validation"}},
		"an image that is gone":         {Labelled{Train: at("gone.csv")}, fault.ErrData, []string{"such.png", "line 2 of", "gone.csv"}},
		"an image named twice":          {Labelled{Train: at("twice.csv")}, fault.ErrData, []string{"lines 2 and 3", "twice.csv"}},
		"patients of some only":         {Labelled{Train: at("half.csv")}, fault.ErrData, []string{"half.csv", "patient", "line 3"}},
		"neither folder nor table":      {Labelled{Train: at("what.txt")}, fault.ErrData, []string{"what.txt"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := LoadLabelled(background, c.src, Options{Side: 8})
			wantError(t, c.class, err, c.says...)
		})
	}
}

func TestUngroupedImagesAreTheirOwnGroup(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png")
	s, r, err := LoadLabelled(background, Labelled{Train: []string{filepath.Join(dir, "train")}, Test: []string{filepath.Join(dir, "test")}}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	text := r.Verdict.Text()
	if r.Grouping != ByImage || s.Image(0).Group != "a/1.png" || !strings.Contains(text, "its own group") {
		t.Errorf("grouping %s, group %s, verdict\n%s", r.Grouping, s.Image(0).Group, text)
	}
}

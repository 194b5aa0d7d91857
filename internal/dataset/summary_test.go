package dataset

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/shard"
)

func TestSummaryAndContactSheet(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, slides("", "s", 3)...)
	s, r, err := Open(background, dir, slidePattern, "", Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	sum := Summarise(s, r)
	if sum.Images != 12 || sum.Groups != 3 || len(sum.Counts) != 2 || sum.Counts[1].Class != "b" || sum.Counts[1].Images != 6 || sum.Counts[1].Groups != 3 {
		t.Errorf("summary %+v", sum)
	}
	sheet := filepath.Join(dir, "out", "sheet.png")
	rows, err := s.Rows(4)
	if err != nil {
		t.Fatal(err)
	}
	if err := WritePNG(sheet, ContactSheet(8, rows)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(sheet)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil || m.Bounds().Dx() != 2+4*10 || m.Bounds().Dy() != 2+2*10 {
		t.Fatalf("sheet %v, %v", m.Bounds(), err)
	}
	red, _, _, _ := m.At(2, 2).RGBA()
	if uint8(red>>8) != pixels(t, s, 0)[0] {
		t.Error("the first image is not where it should be")
	}
}

// Images that are their own groups are as many groups as images, also where those of two
// splits have one name: of each class, and of all.
func TestGroupsOfImagesWithoutPatients(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1, 2), Test: s.folder("test", 3, 4)}
	for _, class := range []string{"a", "b"} { // test/a/x-p0.png beside train/a/x-p0.png
		if err := os.Rename(filepath.Join(s.dir, "test", class, "x-p3.png"), filepath.Join(s.dir, "test", class, "x-p0.png")); err != nil {
			t.Fatal(err)
		}
	}
	set, r := s.must()
	sum := Summarise(set, r)
	if sum.Groups != 10 || r.Grouping != ByImage {
		t.Errorf("10 images are %d groups by %s", sum.Groups, r.Grouping)
	}
	for i, c := range sum.Counts {
		if want := r.Verdict.Counts[i]; c.Groups != c.Images || c.Groups != want.Groups || c.Images != want.Images || c.Class != want.Class || c.Split != want.Split {
			t.Errorf("%d images of %s in %s are %d groups, and for the verdict %+v", c.Images, c.Class, c.Split, c.Groups, want)
		}
	}
	s.src.GroupPattern = `-(?P<patient>p\d)`
	s.src.Test = s.folder("other", 3, 4)
	set, r = s.must()
	if sum := Summarise(set, r); sum.Groups != 5 || sum.Counts[0].Groups != 3 || sum.Counts[2].Groups != 2 {
		t.Errorf("5 patients are %+v", sum)
	}
}

// Labels as many as images, as where a column of names was taken for them, make sentences
// of a few names, and sums that visit each image once.
func TestManyClasses(t *testing.T) {
	var images []Image
	const n = 5000
	for i := range n {
		split := Train
		if i%2 == 0 {
			split = Test
		}
		images = append(images, Image{Name: fmt.Sprintf("%05d", i), Label: fmt.Sprintf("c%05d", i), Split: split})
	}
	checks := checkClasses(bySplit(images))
	if len(checks) != 2 || len(checks[0].Text) > 300 || !strings.Contains(checks[0].Text, "and 2488 more have no image in train") {
		t.Errorf("%d checks, the first %s", len(checks), checks[0].Text)
	}
	s := pixelless(images)
	if sum := Summarise(s, nil); len(sum.Counts) != n || sum.Counts[1].Class != "c00003" || sum.Counts[1].Split != Train {
		t.Errorf("%d classes", len(sum.Counts))
	}
	if rows, err := s.Rows(3); err != nil || len(rows) != n {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// Every file may have a size of its own.
func TestManySizes(t *testing.T) {
	var r Report
	for range 2 {
		for i := range 3000 {
			r.count(&shard.Entry{Width: uint32(100 + i), Height: 200}, 64)
		}
	}
	r.count(&shard.Entry{Width: 3099, Height: 200}, 64)
	r.sortSizes()
	if len(r.Sizes) != 3000 || r.Sizes[0] != (SizeCount{3099, 200, 3}) || r.Sizes[1] != (SizeCount{100, 200, 2}) {
		t.Errorf("%d sizes, the first %+v", len(r.Sizes), r.Sizes[:2])
	}
}

// What a summary of a class for each image, and a report of a size for each, take is
// linear in the images.
func BenchmarkSummaryOfManyClasses(b *testing.B) {
	var images []Image
	for i := range 100_000 {
		images = append(images, Image{Name: fmt.Sprintf("%06d", i), Label: fmt.Sprint(i / 10), Split: Train})
	}
	s := pixelless(images)
	for b.Loop() {
		Summarise(s, nil)
		var r Report
		for i := range images {
			r.count(&shard.Entry{Width: uint32(i), Height: 200}, 64)
		}
	}
}

func TestMeanColour(t *testing.T) {
	s := New(1, []Image{{Name: "a"}, {Name: "b"}}, [][]uint8{{10, 0, 255}, {21, 0, 255}})
	if got := s.MeanColour(); got != [3]int{16, 0, 255} {
		t.Errorf("mean colour %v", got)
	}
	if got := New(1, nil, nil).MeanColour(); got != [3]int{} {
		t.Errorf("mean colour of nothing %v", got)
	}
}

func TestOpenPlainFolder(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "a.png", "b.png")
	s, _, err := Open(background, dir, "", "", Options{Side: 8})
	if err != nil || s.Len() != 2 || len(s.Classes()) != 0 {
		t.Errorf("%v, %v", s, err)
	}
	_, _, err = Open(background, filepath.Join(dir, "none"), "", "", Options{Side: 8})
	wantData(t, err, "none")
}

func TestWriteFolderStaysInside(t *testing.T) {
	s := New(1, []Image{{Name: "../x.png"}}, [][]uint8{{1, 2, 3}})
	wantData(t, WriteFolder(t.TempDir(), s), "../x.png")
}

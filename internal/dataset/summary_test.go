package dataset

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
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
	if err := WritePNG(sheet, ContactSheet(8, s.Rows(4))); err != nil {
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
	if uint8(red>>8) != s.Pixels(0)[0] {
		t.Error("the first image is not where it should be")
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

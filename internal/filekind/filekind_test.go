package filekind

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"", "an empty file"},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 40213\n", "a Git LFS pointer"},
		{"/annex/objects/SHA256E-s1--00.png\n", "a git-annex pointer"},
		{"\ufeff\r\n <!DOCTYPE html><html>", "a web page"},
		{"<?xml version='1.0'?><!DOCTYPE x><html xmlns=''>", "a web page"},
		{"<?xml version='1.0'?><svg/>", "an SVG drawing"},
		{"<?xml version='1.0'?><a/>", "an XML text"},
		{`{"error": "not found"}`, "a JSON text"},
		{"Not Found\n", "a text"},
		{"BMI of patients\n", "a text"},
		{"Größe " + strings.Repeat("x", Head-9) + "é", "a text"}, // ends within a character
		{"BM\x36\x30\x00\x00", "a BMP image"},
		{"\x89PNG\r\n\x1a\n\x00\x00", "a PNG image"},
		{"\xff\xd8\xff\xe0", "a JPEG image"},
		{"II*\x00\x08\x00\x00\x00", "a TIFF image"},
		{"MM\x00+\x00\x08\x00\x00", "a TIFF image"},
		{"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP image"},
		{"\x00\x00\x00\x18ftypheic", "a HEIF image"},
		{"\x00\x00\x00\x18ftypavif", "an AVIF image"},
		{strings.Repeat("\x00", 128) + "DICM", "a DICOM file"},
		{"PK\x03\x04\x14\x00", "a zip archive"},
		{"%PDF-1.7\n", "a PDF document"},
		{"\x1f\x8b\x08", "a gzip file"},
		{"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":", "a safetensors file"},
		{"\x80\x02}q\x00", "a Python pickle"},
		{strings.Repeat("\x00", 300), "a file of zeros"},
		{"\x01\x02\x03\x04", ""},
	} {
		if got := Of([]byte(c.head)); got.Name != c.want {
			t.Errorf("%.40q is %q, want %q", c.head, got.Name, c.want)
		}
	}
	if k := Of([]byte("version https://git-lfs.github.com/spec/v1")); !strings.Contains(k.Remedy, "git lfs pull") {
		t.Errorf("the remedy of a pointer is %q", k.Remedy)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string][2]bool{ // an image of another kind, a slide
		"a.svs": {true, true}, "A.NDPI": {true, true}, "a.bmp": {true, false}, "a.DCM": {true, false}, "a.png": {}, "a.txt": {}, "svs": {}, "": {},
	} {
		if got := [2]bool{Image(name), Slide(name)}; got != want {
			t.Errorf("%q: image, slide %v, want %v", name, got, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\x00\x00\x00\x18ftyp"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if k := Of(head); !k.Known() && k.Remedy != "" {
			t.Errorf("%q: what is not known has the remedy %q", head, k.Remedy)
		}
	})
}

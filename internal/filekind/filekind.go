// Package filekind tells what a file is, so that one that cannot be read is called what
// it is, whatever its name says. It looks at bytes and names, and opens nothing.
package filekind

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Kind is what a file is, in words.
type Kind struct {
	Name   string // with its article: "a Git LFS pointer"; empty where it is not known
	Remedy string // what makes the file of use; may be empty
}

// Known says whether it is known what the file is.
func (k Kind) Known() bool { return k.Name != "" }

const (
	fetchAgain = "download the file itself"
	unpack     = "unpack it"
	convert    = "convert it to PNG or TIFF"
	cut        = "cut the slide into patches"
)

// The kinds that somebody reads.
var (
	JPEG        = Kind{Name: "a JPEG image"}
	PNG         = Kind{Name: "a PNG image"}
	TIFF        = Kind{Name: "a TIFF image"}
	Zip         = Kind{"a zip archive", unpack}
	Safetensors = Kind{Name: "a safetensors file"}
	Pickle      = Kind{Name: "a Python pickle"}
)

// The kinds that are told by more than their first bytes.
var (
	Empty   = Kind{"an empty file", "copy or download it again"}
	LFS     = Kind{"a Git LFS pointer", "`git lfs pull` fetches the file itself"}
	Annex   = Kind{"a git-annex pointer", "`git annex get` fetches the file itself"}
	HTML    = Kind{"a web page", fetchAgain + ", perhaps after a login"}
	XML     = Kind{Name: "an XML text"}
	JSON    = Kind{Name: "a JSON text"}
	Text    = Kind{Name: "a text"}
	Zeros   = Kind{"a file of zeros", "copy or download it again: it was not finished"}
	webP    = Kind{"a WebP image", convert}
	heif    = Kind{"a HEIF image", convert}
	avif    = Kind{"an AVIF image", convert}
	slide   = Kind{"a whole slide", cut}
	archive = Kind{"a tar archive", unpack}
	dicom   = Kind{"a DICOM file", convert + "; a whole slide has to be cut into patches"}
)

// magics are the first bytes of files, the longer before the shorter.
var magics = []struct {
	magic string
	kind  Kind
}{
	{"\x89PNG\r\n\x1a\n", PNG},
	{"\xff\xd8\xff", JPEG},
	{"II*\x00", TIFF}, {"MM\x00*", TIFF}, {"II+\x00", TIFF}, {"MM\x00+", TIFF},
	{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip},
	{"GIF87a", Kind{"a GIF image", convert}}, {"GIF89a", Kind{"a GIF image", convert}},
	{"BM", Kind{"a BMP image", convert}},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", Kind{"a JPEG 2000 image", convert}}, {"\xff\x4f\xff\x51", Kind{"a JPEG 2000 image", convert}},
	{"\x00\x00\x00\x0cJXL \r\n\x87\n", Kind{"a JPEG XL image", convert}}, {"\xff\x0a", Kind{"a JPEG XL image", convert}},
	{"II\xbc", Kind{"a JPEG XR image", convert}},
	{"8BPS", Kind{"a Photoshop image", convert}}, {"gimp xcf", Kind{"a GIMP image", convert}},
	{"v/1\x01", Kind{"an OpenEXR image", convert}}, {"#?RADIANCE", Kind{"a Radiance image", convert}}, {"DDS ", Kind{"a DDS image", convert}},
	{"SIMPLE  =", Kind{"a FITS file", convert}},
	{"P4\n", Kind{"a PBM image", convert}}, {"P5\n", Kind{"a PGM image", convert}}, {"P6\n", Kind{"a PPM image", convert}},
	{"ZISRAWFILE", slide}, {"\xda\xce\xbe\x0a", slide}, // CZI, ND2
	{"%PDF-", Kind{"a PDF document", "export its images"}}, {"%!PS", Kind{"a PostScript document", "export its images"}},
	{"\x1f\x8b", Kind{"a gzip file", unpack}}, {"BZh", Kind{"a bzip2 file", unpack}}, {"\xfd7zXZ\x00", Kind{"an xz file", unpack}},
	{"\x28\xb5\x2f\xfd", Kind{"a Zstandard file", unpack}}, {"7z\xbc\xaf\x27\x1c", Kind{"a 7-Zip archive", unpack}}, {"Rar!\x1a\x07", Kind{"a RAR archive", unpack}},
	{"\x89HDF\r\n\x1a\n", Kind{Name: "an HDF5 file"}}, {"\x93NUMPY", Kind{Name: "a NumPy array"}}, {"PAR1", Kind{Name: "a Parquet table"}},
	{"SQLite format 3\x00", Kind{Name: "an SQLite database"}}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind{Name: "an old Microsoft Office document"}},
	{"\x00\x05\x16\x07", Kind{"what macOS keeps beside a file", "delete it"}}, {"\x00\x05\x16\x00", Kind{"what macOS keeps beside a file", "delete it"}},
	{"\x7fELF", Kind{Name: "a program"}}, {"MZ", Kind{Name: "a program"}},
}

// Head is how many bytes of a file Of wants to see, if there are so many.
const Head = 1024

// Of tells what a file is by its first bytes.
func Of(head []byte) Kind {
	if len(head) == 0 {
		return Empty
	}
	head = head[:min(len(head), Head)]
	if k := ofText(head); k.Known() {
		return k
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	return ofInside(head)
}

// ofInside tells the kinds whose mark stands further in.
func ofInside(head []byte) Kind {
	at := func(i int, mark string) bool { return len(head) >= i && bytes.HasPrefix(head[i:], []byte(mark)) }
	switch {
	case at(0, "RIFF") && at(8, "WEBP"):
		return webP
	case at(4, "ftypavif") || at(4, "ftypavis"):
		return avif
	case at(4, "ftyp"):
		for _, brand := range []string{"heic", "heix", "hevc", "mif1", "msf1", "heim", "heis"} {
			if at(8, brand) {
				return heif
			}
		}
		return Kind{Name: "a film"}
	case at(128, "DICM"):
		return dicom
	case at(257, "ustar"):
		return archive
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<32:
		return Safetensors
	case len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5:
		return Pickle
	case len(bytes.Trim(head, "\x00")) == 0:
		return Zeros
	}
	return Kind{}
}

// ofText tells the kinds of text.
func ofText(head []byte) Kind {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	lower := bytes.ToLower(text)
	for _, t := range []struct {
		start string
		kind  Kind
	}{
		{"version https://git-lfs.github.com/", LFS}, {"version https://hawser.github.com/", LFS},
		{"/annex/objects/", Annex}, {"../.git/annex/objects/", Annex}, {".git/annex/objects/", Annex},
		{"<!doctype html", HTML}, {"<html", HTML}, {"<head", HTML}, {"<body", HTML},
		{"<svg", Kind{"an SVG drawing", convert}},
	} {
		if bytes.HasPrefix(lower, []byte(t.start)) {
			return t.kind
		}
	}
	switch {
	case !printable(head):
		return Kind{}
	case bytes.HasPrefix(lower, []byte("<?xml")) && bytes.Contains(lower, []byte("<svg")):
		return Kind{"an SVG drawing", convert}
	case bytes.HasPrefix(lower, []byte("<?xml")) && bytes.Contains(lower, []byte("<html")):
		return HTML
	case bytes.HasPrefix(lower, []byte("<?xml")):
		return XML
	case bytes.HasPrefix(text, []byte("{")) || bytes.HasPrefix(text, []byte("[")):
		return JSON
	}
	for _, start := range []string{"%PDF-", "%!PS", "#?RADIANCE", "SIMPLE  ="} { // each begins with text
		if bytes.HasPrefix(text, []byte(start)) {
			return Kind{}
		}
	}
	return Text
}

// printable says whether bytes, which may end within a character, are text.
func printable(head []byte) bool {
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRune(head[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			return i > 0 && len(head)-i < utf8.UTFMax && !utf8.FullRune(head[i:])
		case !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != '\ufeff':
			return false
		}
		i += size
	}
	return len(head) > 0
}

package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
)

// Split is the part of a labelled set that an image belongs to.
type Split string

// The splits; images of unlabelled sets have none.
const (
	NoSplit    Split = ""
	Train      Split = "train"
	Validation Split = "validation"
	Test       Split = "test"
)

// Splits lists the splits in the order of reports.
var Splits = []Split{Train, Validation, Test}

// Image describes one image of a set.
type Image struct {
	Name  string // path below the folder or table that was named, with slashes, in NFC; see doc.go
	Label string // class; empty in unlabelled sets
	Group string // patient or slide; the name where neither is known
	Split Split

	// What is known beside and identifies nothing: packs do not carry it.
	Patient, Slide string
	File           string            // the file, as it can be opened
	origin         [sha256.Size]byte // of the file's own pixels, before they were fitted; zeros where unknown
}

// Set is images of one size in the order of their names. It does not change, and
// any number of goroutines may read it.
type Set struct {
	side   int
	images []Image
	pixels [][]uint8
	hashes [][sha256.Size]byte
	mapped [][]byte // what Close unmaps; owned by the set that was loaded
	lent   bool     // the pixels are those of a pool, which counts them
}

// New makes a set of pixels in memory, each side*side*3 bytes (rows, columns,
// RGB), which it keeps. It panics where lengths do not fit.
func New(side int, images []Image, pixels [][]uint8) *Set {
	if len(images) != len(pixels) {
		panic("dataset: as many images as pixel slices are needed")
	}
	hashes := make([][sha256.Size]byte, len(pixels))
	for i, p := range pixels {
		if len(p) != side*side*3 {
			panic(fmt.Sprintf("dataset: image %d has %d bytes, want %d", i, len(p), side*side*3))
		}
		hashes[i] = sha256.Sum256(p)
	}
	return newSorted(side, images, pixels, hashes)
}

// newSorted puts images in the order of the fingerprint.
func newSorted(side int, images []Image, pixels [][]uint8, hashes [][sha256.Size]byte) *Set {
	order := make([]int, len(images))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return compareImages(&images[a], &images[b], &hashes[a], &hashes[b])
	})
	s := &Set{side: side}
	for _, i := range order {
		s.images = append(s.images, images[i])
		s.pixels = append(s.pixels, pixels[i])
		s.hashes = append(s.hashes, hashes[i])
	}
	return s
}

// Side is the width and height of every image in pixels.
func (s *Set) Side() int { return s.side }

// Len is the number of images.
func (s *Set) Len() int { return len(s.images) }

// HeapBytes is how much memory the pixels of a loaded set take. What is mapped is not
// counted: the system takes it back when it needs room. What is cut out of a pool takes
// none: the pool counts its pixels, once for all that share them.
func (s *Set) HeapBytes() int64 {
	if s.lent {
		return 0
	}
	return int64(len(s.pixels)-len(s.mapped)) * int64(s.side*s.side*3)
}

// Image describes image i.
func (s *Set) Image(i int) Image { return s.images[i] }

// Pixels are those of image i: side*side*3 bytes, rows, columns, RGB. They are
// not copied and must not be written to (they may be mapped read-only).
func (s *Set) Pixels(i int) []uint8 { return s.pixels[i] }

// Classes are the labels that occur, sorted.
func (s *Set) Classes() []string {
	var labels []string
	for _, im := range s.images {
		if im.Label != "" {
			labels = append(labels, im.Label)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// Select is the set of those images that keep accepts. It shares pixels with s
// and ends with it.
func (s *Set) Select(keep func(Image) bool) *Set {
	return s.keep(func(i int) bool { return keep(s.images[i]) })
}

// keep is the set of those images whose places are accepted.
func (s *Set) keep(accept func(i int) bool) *Set {
	var places []int
	for i := range s.images {
		if accept(i) {
			places = append(places, i)
		}
	}
	return s.at(places)
}

// at is the set of the images at some places, in their order.
func (s *Set) at(places []int) *Set {
	sub := &Set{side: s.side}
	for _, i := range places {
		sub.images = append(sub.images, s.images[i])
		sub.pixels = append(sub.pixels, s.pixels[i])
		sub.hashes = append(sub.hashes, s.hashes[i])
	}
	return sub
}

// Split is the set of the images of one split, sharing pixels with s.
func (s *Set) Split(split Split) *Set {
	return s.Select(func(im Image) bool { return im.Split == split })
}

// Fingerprint is the identity of a set, 64 hexadecimal digits: the SHA-256 of
//
//	"g2c data 1\n" | side u32 | images u64 | for each image, sorted:
//	    name | SHA-256 of its pixels (32 bytes) | label | group | split
//
// with numbers little-endian and each text as its length (u32) and bytes. Pixels
// count, not files: another decoder or file format with the same pixels gives
// the same fingerprint.
func (s *Set) Fingerprint() string {
	p := newPrinter(s.side, len(s.images))
	for i, im := range s.images {
		p.add(im, s.hashes[i])
	}
	return p.sum()
}

// printer makes a fingerprint, image by image.
type printer struct {
	h   hash.Hash
	buf []byte
}

func newPrinter(side, images int) *printer {
	p := &printer{h: sha256.New(), buf: []byte("g2c data 1\n")}
	p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(side))
	p.buf = binary.LittleEndian.AppendUint64(p.buf, uint64(images))
	return p
}

func (p *printer) add(im Image, sum [sha256.Size]byte) {
	p.text(im.Name)
	p.buf = append(p.buf, sum[:]...)
	p.text(im.Label)
	p.text(im.Group)
	p.text(string(im.Split))
	p.h.Write(p.buf)
	p.buf = p.buf[:0]
}

func (p *printer) text(t string) {
	p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(len(t)))
	p.buf = append(p.buf, t...)
}

func (p *printer) sum() string {
	p.h.Write(p.buf)
	return hex.EncodeToString(p.h.Sum(nil))
}

// Close gives back mapped pixels of a loaded set; its pixels and those of its
// selections must not be used afterwards.
func (s *Set) Close() error {
	var first error
	for _, m := range s.mapped {
		if err := unmapFile(m); err != nil && first == nil {
			first = fmt.Errorf("unmap cached pixels: %w", err)
		}
	}
	s.mapped = nil
	return first
}

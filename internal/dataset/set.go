package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"g2c/internal/fault"
	"g2c/internal/pixelcache"
	"g2c/internal/shard"
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
	distant        *distant          // where the file is read from, where it is not of this machine
	origin         [sha256.Size]byte // of the file's own pixels, before they were fitted; zeros where unknown
}

// Set is images of one size in the order of their names. It does not change, and
// any number of goroutines may read it. Sets that were cut out of one share what was
// loaded: they are lists of places in it.
type Set struct {
	*loaded
	places []int32 // in what was loaded; nil: all
	splits []Split // of all that was loaded; nil: as the images have them
	lent   bool    // the pixels are those of a pool, which counts them

	painters []*Painter // of pixels as they are read, in order
}

// loaded is images, what is known of their pixels, and where these lie.
type loaded struct {
	side   int
	images []Image
	sums   []sums
	refs   []pixelcache.Ref
}

// sums is what the pixels of an image are known by: see shard.Entry.
type sums struct {
	hash   [sha256.Size]byte
	crc    uint32
	colour [3]uint32
	size   [2]uint32 // width and height of the file in pixels; zeros where unknown
}

// add adds an image; newSorted puts them in order.
func (l *loaded) add(im Image, e *shard.Entry, r pixelcache.Ref) {
	l.images, l.refs = append(l.images, im), append(l.refs, r)
	l.sums = append(l.sums, sums{e.Sum, e.CRC, e.Colour, [2]uint32{e.Width, e.Height}})
}

// New makes a set of pixels in memory, each side*side*3 bytes (rows, columns,
// RGB), which it keeps. It panics where lengths do not fit.
func New(side int, images []Image, pixels [][]uint8) *Set {
	if len(images) != len(pixels) {
		panic("dataset: as many images as pixel slices are needed")
	}
	l := &loaded{side: side}
	for i, p := range pixels {
		if len(p) != side*side*3 {
			panic(fmt.Sprintf("dataset: image %d has %d bytes, want %d", i, len(p), side*side*3))
		}
		e := shard.Describe(p)
		l.add(images[i], &e, pixelcache.InMemory(p))
	}
	return l.sorted()
}

// Join is the images of several sets of one side as one, as they were loaded.
func Join(side int, sets ...*Set) *Set {
	l := &loaded{side: side}
	for _, s := range sets {
		if s.side != side {
			panic(fmt.Sprintf("dataset: images of %d pixels joined to images of %d", s.side, side))
		}
		for i := range s.Len() {
			p := s.place(i)
			l.images, l.sums, l.refs = append(l.images, s.Image(i)), append(l.sums, s.sums[p]), append(l.refs, s.refs[p])
		}
	}
	return l.sorted()
}

// sorted is the set of what was loaded, in the order of the fingerprint.
func (l *loaded) sorted() *Set {
	order := make([]int, len(l.images))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return compareImages(&l.images[a], &l.images[b], &l.sums[a].hash, &l.sums[b].hash)
	})
	return &Set{loaded: &loaded{l.side, permuted(l.images, order), permuted(l.sums, order), permuted(l.refs, order)}}
}

func permuted[T any](all []T, order []int) []T {
	out := make([]T, len(order))
	for i, from := range order {
		out[i] = all[from]
	}
	return out
}

// Side is the width and height of every image in pixels.
func (s *Set) Side() int { return s.side }

// Len is the number of images.
func (s *Set) Len() int {
	if s.places == nil {
		return len(s.images)
	}
	return len(s.places)
}

// place is where image i is in what was loaded.
func (s *Set) place(i int) int {
	if s.places == nil {
		return i
	}
	return int(s.places[i])
}

// HeapBytes is how much memory the pixels of a loaded set take. What lies in files is not
// counted. What is cut out of a pool takes none: the pool counts its pixels, once for all
// that share them.
func (s *Set) HeapBytes() (n int64) {
	if s.lent {
		return 0
	}
	for i := range s.Len() {
		n += s.refs[s.place(i)].HeapBytes()
	}
	return n
}

// Image describes image i.
func (s *Set) Image(i int) Image {
	p := s.place(i)
	im := s.images[p]
	if s.splits != nil {
		im.Split = s.splits[p]
	}
	return im
}

// all is every image of the set: a list of its own.
func (s *Set) all() []Image {
	all := make([]Image, s.Len())
	for i := range all {
		all[i] = s.Image(i)
	}
	return all
}

// split is that of image i.
func (s *Set) split(i int) Split {
	p := s.place(i)
	if s.splits != nil {
		return s.splits[p]
	}
	return s.images[p].Split
}

// Pixels copies image i: side*side*3 bytes, rows, columns, RGB. See Read.
func (s *Set) Pixels(i int) ([]uint8, error) {
	pixels := make([]uint8, shard.ImageBytes(s.side))
	return pixels, s.Read(pixels, i)
}

// Read copies the pixels of image i, side*side*3 bytes: rows, columns, RGB. They are
// those that the set's fingerprint was made of, or there is an error: what lies in the
// cache is checked, and where it fails the image is decoded again. Nothing is allocated
// unless it is.
func (s *Set) Read(to []uint8, i int) error {
	if len(s.painters) > 0 {
		return s.painted(to, s.place(i))
	}
	return s.loaded.read(to, s.place(i))
}

// read copies the pixels at a place.
func (l *loaded) read(to []uint8, place int) error {
	err := l.refs[place].Read(to)
	if err == nil {
		return nil
	}
	return l.again(to, place, err)
}

// Ref is where the pixels of image i lie: equal for images that share them.
func (s *Set) Ref(i int) pixelcache.Ref { return s.refs[s.place(i)] }

// again decodes an image whose pixels could not be read.
func (l *loaded) again(to []uint8, place int, cause error) error {
	im := &l.images[place]
	if im.File == "" {
		return fault.New(fault.ErrUnavailable, "pixels of image %s: %w", im.shown(), cause).WithHint("run it again: what is damaged in the cache is fetched anew")
	}
	data, err := file{path: im.File, distant: im.distant}.read(context.Background()) // who reads pixels cannot be told to stop
	if err != nil {
		return fault.New(fault.ErrData, "image %s, read again: %w", im.shown(), err)
	}
	m, err := decode(data)
	if err != nil {
		return fault.New(fault.ErrData, "image %s, read again: %w", im.shown(), err)
	}
	pixels := fitSquare(m, l.side)
	if sha256.Sum256(pixels) != l.sums[place].hash {
		return fault.New(fault.ErrData, "image %s has changed since it was read", im.shown()).WithHint("plan the experiment again")
	}
	copy(to, pixels)
	return nil
}

// Classes are the labels that occur, sorted.
func (s *Set) Classes() []string {
	labels := map[string]bool{}
	for i := range s.Len() {
		labels[s.images[s.place(i)].Label] = true
	}
	delete(labels, "")
	return sortedKeys(labels)
}

// Select is the set of those images that keep accepts. It shares what was loaded with s.
func (s *Set) Select(keep func(Image) bool) *Set {
	return s.keep(func(i int) bool { return keep(s.Image(i)) })
}

// keep is the set of those images whose numbers are accepted.
func (s *Set) keep(accept func(i int) bool) *Set {
	var numbers []int
	for i := range s.Len() {
		if accept(i) {
			numbers = append(numbers, i)
		}
	}
	return s.at(numbers)
}

// at is the set of the images of some numbers, in their order.
func (s *Set) at(numbers []int) *Set {
	places := make([]int32, len(numbers))
	for i, n := range numbers {
		places[i] = int32(s.place(n))
	}
	return &Set{loaded: s.loaded, places: places, splits: s.splits, lent: s.lent, painters: s.painters}
}

// divided is the set whose images have other splits: those of images, which are all of s.
func (s *Set) divided(images []Image) *Set {
	splits := make([]Split, len(s.images))
	for i := range images {
		splits[s.place(i)] = images[i].Split
	}
	return &Set{loaded: s.loaded, places: s.places, splits: splits, lent: s.lent, painters: s.painters}
}

// Split is the set of the images of one split, sharing what was loaded with s.
func (s *Set) Split(split Split) *Set {
	return s.keep(func(i int) bool { return s.split(i) == split })
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
	p := newPrinter(s.side, s.Len())
	for i := range s.Len() {
		p.add(s.Image(i), s.sums[s.place(i)].hash)
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

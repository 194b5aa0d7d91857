package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"g2c/internal/fault"
)

// A pack is one or two sets as a file, for hosts that do not have the images:
//
//	"g2c pack 1\n" | sets u32 | for each set:
//	    side u32 | images u64 | for each image, in the order of the fingerprint:
//	        name | label | group | split | side*side*3 bytes of pixels
//
// with numbers little-endian and each text as its length (u32) and bytes. It needs no
// checksum: its fingerprint says what is in it.
const packMagic = "g2c pack 1\n"

// Limits of packs, far above what is sensible: they keep a damaged length from
// becoming an allocation.
const (
	maxPackSets   = 2
	maxPackSide   = 1 << 12
	maxPackImages = 1 << 24
	maxPackText   = 1 << 12
)

// WritePack writes a pack.
func WritePack(w io.Writer, sets ...*Set) error {
	b := bufio.NewWriterSize(w, 1<<20)
	buf := binary.LittleEndian.AppendUint32([]byte(packMagic), uint32(len(sets)))
	text := func(t string) {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(t)))
		buf = append(buf, t...)
	}
	for _, s := range sets {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(s.side))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(len(s.images)))
		for i, im := range s.images {
			text(im.Name)
			text(im.Label)
			text(im.Group)
			text(string(im.Split))
			b.Write(buf)
			b.Write(s.pixels[i])
			buf = buf[:0]
		}
	}
	b.Write(buf)
	return b.Flush() // has the first error of all writes
}

// PackBytes is the length of a pack.
func PackBytes(sets ...*Set) int64 {
	n := int64(len(packMagic) + 4)
	for _, s := range sets {
		n += 12
		for _, im := range s.images {
			n += int64(16+len(im.Name)+len(im.Label)+len(im.Group)+len(im.Split)) + int64(s.side)*int64(s.side)*3
		}
	}
	return n
}

// PackFingerprint is the fingerprint of a pack of sets: of one its own, of two the
// SHA-256 of both.
func PackFingerprint(sets ...*Set) string {
	var prints []string
	for _, s := range sets {
		prints = append(prints, s.Fingerprint())
	}
	return joinFingerprints(prints)
}

func joinFingerprints(prints []string) string {
	if len(prints) == 1 {
		return prints[0]
	}
	h := sha256.New()
	for _, p := range prints {
		b, err := hex.DecodeString(p)
		if err != nil {
			panic("dataset: a fingerprint that is not hexadecimal")
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ReadPack reads a pack into memory. Whether it is the right one its fingerprint says.
func ReadPack(r io.Reader) ([]*Set, error) {
	var sets []*Set
	err := scanPack(r, func(s packSet, im Image, pixels []byte, sum [32]byte) error {
		if pixels == nil {
			sets = append(sets, &Set{side: s.side})
			return nil
		}
		set := sets[len(sets)-1]
		set.images = append(set.images, im)
		set.pixels = append(set.pixels, bytes.Clone(pixels))
		set.hashes = append(set.hashes, sum)
		return nil
	})
	return sets, err
}

// CheckPack reads a pack, keeps nothing of it, and returns its fingerprint.
func CheckPack(r io.Reader) (string, error) {
	var prints []string
	var p *printer
	end := func() {
		if p != nil {
			prints = append(prints, p.sum())
		}
	}
	err := scanPack(r, func(s packSet, im Image, pixels []byte, sum [32]byte) error {
		if pixels == nil {
			end()
			p = newPrinter(s.side, s.images)
			return nil
		}
		p.add(im, sum)
		return nil
	})
	if err != nil {
		return "", err
	}
	end()
	return joinFingerprints(prints), nil
}

// packSet is the head of a set in a pack.
type packSet struct {
	side, images int
}

// scanPack reads a pack strictly, and visits each set, without pixels, and then its
// images. Pixels are the visitor's until it returns.
func scanPack(r io.Reader, visit func(s packSet, im Image, pixels []byte, sum [32]byte) error) error {
	p := &packReader{r: bufio.NewReaderSize(r, 1<<20)}
	magic := make([]byte, len(packMagic))
	p.read(magic)
	if p.err == nil && string(magic) != packMagic {
		return fault.New(fault.ErrData, "this is no pack of images")
	}
	sets := p.number(4, 1, maxPackSets, "sets")
	for range sets {
		s := packSet{side: p.number(4, 1, maxPackSide, "pixels a side"), images: p.number(8, 0, maxPackImages, "images")}
		if p.err != nil {
			break
		}
		if err := visit(s, Image{}, nil, [32]byte{}); err != nil {
			return err
		}
		if err := p.set(s, visit); err != nil {
			return err
		}
	}
	if p.err == nil {
		if _, err := p.r.ReadByte(); !errors.Is(err, io.EOF) {
			p.err = errors.New("there is more behind its end")
		}
	}
	if p.err != nil {
		return fault.New(fault.ErrData, "damaged pack of images: %w", p.err)
	}
	return nil
}

// packReader reads until something is wrong, and remembers that.
type packReader struct {
	r   *bufio.Reader
	err error
}

// set reads the images of a set.
func (p *packReader) set(s packSet, visit func(packSet, Image, []byte, [32]byte) error) error {
	pixels := make([]byte, s.side*s.side*3)
	var before Image
	var beforeSum [32]byte
	for i := range s.images {
		im := Image{Name: p.text(), Label: p.text(), Group: p.text(), Split: Split(p.text())}
		p.read(pixels)
		if p.err != nil {
			return nil
		}
		sum := sha256.Sum256(pixels)
		if i > 0 && compareImages(&before, &im, &beforeSum, &sum) > 0 {
			p.err = fmt.Errorf("image %q comes after %q", im.Name, before.Name)
			return nil
		}
		before, beforeSum = im, sum
		if err := visit(s, im, pixels, sum); err != nil {
			return err
		}
	}
	return nil
}

func (p *packReader) read(b []byte) {
	if p.err != nil {
		return
	}
	if _, err := io.ReadFull(p.r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		p.err = err
	}
}

// number reads a number of so many bytes, and holds it to limits.
func (p *packReader) number(bytes, low, high int, what string) int {
	var b [8]byte
	p.read(b[:bytes])
	n := binary.LittleEndian.Uint64(b[:])
	if p.err == nil && (n < uint64(low) || n > uint64(high)) {
		p.err = fmt.Errorf("%d %s, want %d to %d", n, what, low, high)
	}
	if p.err != nil {
		return 0
	}
	return int(n)
}

func (p *packReader) text() string {
	b := make([]byte, p.number(4, 0, maxPackText, "bytes of text"))
	p.read(b)
	if p.err == nil && !utf8.Valid(b) {
		p.err = errors.New("text that is not UTF-8")
	}
	return string(b)
}

// compareImages is the order of the fingerprint.
func compareImages(x, y *Image, xsum, ysum *[sha256.Size]byte) int {
	return cmp.Or(cmp.Compare(x.Name, y.Name), bytes.Compare(xsum[:], ysum[:]),
		cmp.Compare(x.Label, y.Label), cmp.Compare(x.Group, y.Group), cmp.Compare(x.Split, y.Split))
}

package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"g2c/internal/fault"
	"g2c/internal/pixelcache"
	"g2c/internal/shard"
)

// A pack is one to four sets for hosts that do not have the images: a shard (package
// shard) each, one behind the other, with its images in the order of the fingerprint.

// maxPackSets is four: of two stains the pairs of training, and those held out. Unpaired
// patches are two sets, of which a pack of an older program is at the most.
const maxPackSets = 4

// entries describe a set's images in a shard.
func (s *Set) entries() []shard.Entry {
	all := make([]shard.Entry, s.Len())
	for i := range all {
		im, x := s.Image(i), &s.sums[s.place(i)]
		all[i] = shard.Entry{Name: im.Name, Label: im.Label, Group: im.Group, Split: string(im.Split), Sum: x.hash, CRC: x.crc, Colour: x.colour}
	}
	return all
}

// WritePack writes a pack.
func WritePack(w io.Writer, sets ...*Set) error {
	b := bufio.NewWriterSize(w, 1<<20)
	for _, s := range sets {
		if err := shard.Write(b, s.side, s.entries(), s.Read); err != nil {
			return err
		}
	}
	return b.Flush()
}

// PackBytes is the length of a pack.
func PackBytes(sets ...*Set) (n int64) {
	for _, s := range sets {
		n += shard.Size(s.side, s.entries())
	}
	return n
}

// PackFingerprint is the fingerprint of a pack of sets: of one its own, of several the
// SHA-256 of all.
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
	var refs []pixelcache.Ref
	var sets []*Set
	err := scanPack(r, func(_ int, pixels []byte) error {
		refs = append(refs, pixelcache.InMemory(bytes.Clone(pixels)))
		return nil
	}, func(t *shard.Table) {
		mine := refs
		sets = append(sets, setOf(t.Side, t.Entries, func(i int) pixelcache.Ref { return mine[i] }))
		refs = nil
	})
	return sets, err
}

// PackSets is the sets of a pack that lies in files: nothing is read.
func PackSets(files []*pixelcache.File) ([]*Set, error) {
	if n := len(files); n < 1 || n > maxPackSets {
		return nil, packFault(fmt.Errorf("%d sets, want 1 to %d", n, maxPackSets))
	}
	var sets []*Set
	for _, f := range files {
		if err := checkEntries(f.Entries()); err != nil {
			return nil, packFault(err)
		}
		sets = append(sets, setOf(f.Side(), f.Entries(), f.Ref))
	}
	return sets, nil
}

// setOf is the set of a shard's images.
func setOf(side int, entries []shard.Entry, ref func(i int) pixelcache.Ref) *Set {
	l := &loaded{side: side}
	for i := range entries {
		e := &entries[i]
		l.add(Image{Name: e.Name, Label: e.Label, Group: e.Group, Split: Split(e.Split)}, e, ref(i))
	}
	return &Set{loaded: l}
}

// CheckPack reads a pack, keeps no pixels, and returns its fingerprint.
func CheckPack(r io.Reader) (string, error) {
	var prints []string
	err := scanPack(r, func(int, []byte) error { return nil }, func(t *shard.Table) {
		prints = append(prints, setOf(t.Side, t.Entries, func(int) pixelcache.Ref { return pixelcache.Ref{} }).Fingerprint())
	})
	if err != nil {
		return "", err
	}
	return joinFingerprints(prints), nil
}

// scanPack reads a pack strictly. Pixels are the first visitor's until it returns; the
// second hears of each whole set.
func scanPack(r io.Reader, image func(side int, pixels []byte) error, set func(*shard.Table)) error {
	b := bufio.NewReaderSize(r, 1<<20)
	for n := 0; ; n++ {
		t, err := shard.Scan(b, image)
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err == nil && n == maxPackSets {
			err = errors.New("there is more behind its end")
		}
		if err == nil {
			err = checkEntries(t.Entries)
		}
		if err != nil {
			return packFault(err)
		}
		set(t)
	}
}

func packFault(err error) error {
	return fault.New(fault.ErrData, "this is no whole pack of images: %w", err)
}

// checkEntries refuses images in another order than the fingerprint's, and text that is
// not UTF-8.
func checkEntries(entries []shard.Entry) error {
	var before *shard.Entry
	for i := range entries {
		e := &entries[i]
		for _, text := range [4]string{e.Name, e.Label, e.Group, e.Split} {
			if !utf8.ValidString(text) {
				return fmt.Errorf("image %d has text that is not UTF-8", i)
			}
		}
		if before != nil && compareEntries(before, e) > 0 {
			return fmt.Errorf("image %q comes after %q", e.Name, before.Name)
		}
		before = e
	}
	return nil
}

func compareEntries(x, y *shard.Entry) int {
	image := func(e *shard.Entry) *Image {
		return &Image{Name: e.Name, Label: e.Label, Group: e.Group, Split: Split(e.Split)}
	}
	return compareImages(image(x), image(y), &x.Sum, &y.Sum)
}

// compareImages is the order of the fingerprint.
func compareImages(x, y *Image, xsum, ysum *[sha256.Size]byte) int {
	return cmp.Or(cmp.Compare(x.Name, y.Name), bytes.Compare(xsum[:], ysum[:]),
		cmp.Compare(x.Label, y.Label), cmp.Compare(x.Group, y.Group), cmp.Compare(x.Split, y.Split))
}

package tiff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Tags of a directory.
const (
	tagNewSubfileType  = 254
	tagSubfileType     = 255
	tagWidth           = 256
	tagHeight          = 257
	tagBits            = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagDescription     = 270
	tagStripOffsets    = 273
	tagOrientation     = 274
	tagSamples         = 277
	tagRowsPerStrip    = 278
	tagStripCounts     = 279
	tagPlanar          = 284
	tagT4Options       = 292
	tagPredictor       = 317
	tagColorMap        = 320
	tagTileWidth       = 322
	tagTileHeight      = 323
	tagTileOffsets     = 324
	tagTileCounts      = 325
	tagInkSet          = 332
	tagExtraSamples    = 338
	tagSampleFormat    = 339
	tagJPEGTables      = 347
	tagYCbCrSubSampled = 530
)

// Limits of a file's directories, which may overlap.
const (
	maxPages = 1 << 14
	maxTags  = 1 << 18 // of all pages
)

// file is a TIFF file's bytes and how its numbers are written.
type file struct {
	data  []byte
	order binary.ByteOrder
	big   bool   // offsets of 8 bytes
	tags  uint64 // that were read
}

// entry is one tag's values, which lie in the file.
type entry struct {
	kind  uint16
	order binary.ByteOrder
	data  []byte
}

// directory is the tags of one page.
type directory map[uint16]entry

// kindBytes is the size of a value of each kind, by its number.
var kindBytes = [...]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

// open reads a file's header; first is where its first directory lies.
func open(data []byte) (f *file, first uint64, err error) {
	f = &file{data: data}
	switch {
	case bytes.HasPrefix(data, []byte("II")):
		f.order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("MM")):
		f.order = binary.BigEndian
	default:
		return nil, 0, errors.New("it does not begin as a TIFF file")
	}
	head, err := f.at(0, 8)
	if err != nil {
		return nil, 0, err
	}
	switch version := f.order.Uint16(head[2:]); version {
	case 42:
		return f, uint64(f.order.Uint32(head[4:])), nil
	case 43:
		f.big = true
		if head, err = f.at(0, 16); err != nil {
			return nil, 0, err
		}
		if f.order.Uint16(head[4:]) != 8 || f.order.Uint16(head[6:]) != 0 {
			return nil, 0, errors.New("its BigTIFF header is damaged")
		}
		return f, f.order.Uint64(head[8:]), nil
	default:
		return nil, 0, fmt.Errorf("its version is %d, and TIFF files have 42 or 43", version)
	}
}

// at is n bytes of the file.
func (f *file) at(offset, n uint64) ([]byte, error) {
	size := uint64(len(f.data))
	if n > size || offset > size-n {
		return nil, fmt.Errorf("the file is cut off: %d bytes at %d are wanted, and it has %d", n, offset, size)
	}
	return f.data[offset : offset+n], nil
}

// directories are those of all pages, in their order.
func (f *file) directories(first uint64) ([]directory, error) {
	var all []directory
	seen := map[uint64]bool{}
	for at := first; at != 0; {
		if seen[at] || len(all) == maxPages {
			return nil, errors.New("its pages go round in a circle, or there are more than 16,384")
		}
		seen[at] = true
		d, next, err := f.directory(at)
		if err != nil {
			return nil, err
		}
		all, at = append(all, d), next
	}
	if len(all) == 0 {
		return nil, errors.New("it has no page")
	}
	return all, nil
}

// directory reads the one at an offset, and where the next is.
func (f *file) directory(at uint64) (directory, uint64, error) {
	countBytes, entryBytes, wordBytes := uint64(2), uint64(12), uint64(4)
	if f.big {
		countBytes, entryBytes, wordBytes = 8, 20, 8
	}
	head, err := f.at(at, countBytes)
	if err != nil {
		return nil, 0, err
	}
	n := f.word(head)
	if n > maxTags || f.tags > maxTags {
		return nil, 0, errors.New("its pages have more tags than any image needs")
	}
	f.tags += n
	list, err := f.at(at+countBytes, n*entryBytes+wordBytes)
	if err != nil {
		return nil, 0, err
	}
	d := directory{}
	for ; n > 0; n-- {
		tag := f.order.Uint16(list)
		e, err := f.entry(list[2:entryBytes], wordBytes)
		if err != nil {
			return nil, 0, fmt.Errorf("tag %d: %w", tag, err)
		}
		if _, twice := d[tag]; !twice && e.data != nil {
			d[tag] = e
		}
		list = list[entryBytes:]
	}
	return d, f.word(list), nil
}

// entry reads a tag's values, which stand in its last word or where that points to. Values of
// a kind that is not known are left out.
func (f *file) entry(b []byte, wordBytes uint64) (entry, error) {
	kind := f.order.Uint16(b)
	if int(kind) >= len(kindBytes) || kindBytes[kind] == 0 {
		return entry{}, nil
	}
	count := f.word(b[2 : 2+wordBytes])
	if count > uint64(len(f.data)) {
		return entry{}, fmt.Errorf("it has %d values, which the file cannot hold", count)
	}
	e := entry{kind: kind, order: f.order}
	size, last := count*kindBytes[kind], b[2+wordBytes:]
	if size <= wordBytes {
		e.data = last[:size]
		return e, nil
	}
	var err error
	e.data, err = f.at(f.word(last), size)
	return e, err
}

// word is a number of 2, 4 or 8 bytes.
func (f *file) word(b []byte) uint64 {
	switch len(b) {
	case 2:
		return uint64(f.order.Uint16(b))
	case 4:
		return uint64(f.order.Uint32(b))
	}
	return f.order.Uint64(b)
}

// numbers are the first whole numbers of a tag, most of them at the most; none where it
// is missing or of another kind.
func (d directory) numbers(tag uint16, most int) []uint64 {
	e := d[tag]
	var all []uint64
	switch e.kind {
	case 1, 3, 4, 13, 16, 18:
	default:
		return nil
	}
	for b, size := e.data, kindBytes[e.kind]; uint64(len(b)) >= size && len(all) < most; b = b[size:] {
		switch size {
		case 1:
			all = append(all, uint64(b[0]))
		case 2:
			all = append(all, uint64(e.order.Uint16(b)))
		case 4:
			all = append(all, uint64(e.order.Uint32(b)))
		case 8:
			all = append(all, e.order.Uint64(b))
		}
	}
	return all
}

// number is the first number of a tag.
func (d directory) number(tag uint16, otherwise uint64) uint64 {
	if all := d.numbers(tag, 1); len(all) > 0 {
		return all[0]
	}
	return otherwise
}

// text is how the value of a tag of text begins.
func (d directory) text(tag uint16) string {
	const most = 64 << 10
	b := d[tag].data
	return string(bytes.TrimRight(b[:min(len(b), most)], "\x00"))
}

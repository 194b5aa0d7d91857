package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Limits of shards, far above what is sensible: they keep a damaged length from
// becoming an allocation. Sums of colours fit 32 bits up to MaxSide.
const (
	MaxSide   = 1 << 12
	MaxImages = 1 << 24
	MaxText   = 1 << 12 // bytes of a name, label, group or split
)

const (
	magic       = "g2cshard"
	version     = 1
	headerBytes = 64
	sumAt       = 32
	fixedBytes  = 2*sha256.Size + 7*4 // of an entry, before its texts
	texts       = 4
)

// ErrDamaged is a shard, or an image of one, that fails its checks.
var ErrDamaged = errors.New("damaged shard of images")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Entry describes one image of a shard.
type Entry struct {
	Name, Label, Group, Split string

	Sum    [sha256.Size]byte // of its pixels
	Origin [sha256.Size]byte // of the file's own pixels, before they were fitted; zeros where unknown
	CRC    uint32            // CRC-32C of its pixels
	Colour [3]uint32         // sums of red, green and blue over its pixels

	Width, Height, Kind uint32 // of the file, as whoever wrote the shard counts kinds; zeros where unknown
}

// Describe is the entry of pixels, of which nothing else is known. Its work is that of
// a SHA-256.
func Describe(pixels []byte) Entry {
	e := Entry{Sum: sha256.Sum256(pixels), CRC: crc32.Checksum(pixels, castagnoli)}
	for i := 0; i+2 < len(pixels); i += 3 {
		e.Colour[0] += uint32(pixels[i])
		e.Colour[1] += uint32(pixels[i+1])
		e.Colour[2] += uint32(pixels[i+2])
	}
	return e
}

// Matches tells whether pixels are those of the entry: by their SHA-256, or quickly, by
// their CRC, where the hash was found right before.
func (e *Entry) Matches(pixels []byte, quickly bool) bool {
	if quickly {
		return crc32.Checksum(pixels, castagnoli) == e.CRC
	}
	return sha256.Sum256(pixels) == e.Sum
}

// describes tells whether e says of its pixels what x, their description, says.
func (e *Entry) describes(x *Entry) bool {
	return e.Sum == x.Sum && e.CRC == x.CRC && e.Colour == x.Colour
}

func (e *Entry) texts() [texts]*string { return [texts]*string{&e.Name, &e.Label, &e.Group, &e.Split} }

// size is the number of bytes of the entry in a table.
func (e *Entry) size() int {
	return fixedBytes + texts*4 + len(e.Name) + len(e.Label) + len(e.Group) + len(e.Split)
}

func (e *Entry) append(b []byte) []byte {
	b = append(b, e.Sum[:]...)
	b = append(b, e.Origin[:]...)
	for _, v := range [7]uint32{e.CRC, e.Colour[0], e.Colour[1], e.Colour[2], e.Width, e.Height, e.Kind} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, t := range e.texts() {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(*t)))
		b = append(b, *t...)
	}
	return b
}

// parseEntry reads one entry and what follows it.
func parseEntry(b []byte) (e Entry, rest []byte, err error) {
	if len(b) < fixedBytes {
		return e, nil, damaged("the table ends early")
	}
	copy(e.Sum[:], b)
	copy(e.Origin[:], b[sha256.Size:])
	u32 := func(i int) uint32 { return binary.LittleEndian.Uint32(b[2*sha256.Size+4*i:]) }
	e.CRC, e.Colour = u32(0), [3]uint32{u32(1), u32(2), u32(3)}
	e.Width, e.Height, e.Kind = u32(4), u32(5), u32(6)
	rest = b[fixedBytes:]
	for _, t := range e.texts() {
		if len(rest) < 4 {
			return e, nil, damaged("the table ends early")
		}
		n := binary.LittleEndian.Uint32(rest)
		if n > MaxText || int(n) > len(rest)-4 {
			return e, nil, damaged("a text of %d bytes", n)
		}
		*t, rest = string(rest[4:4+n]), rest[4+n:]
	}
	return e, rest, nil
}

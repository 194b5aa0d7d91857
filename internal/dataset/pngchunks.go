package dataset

import (
	"encoding/binary"
	"hash/crc32"

	"g2c/internal/dataset/tiff"
)

// cleaned is a PNG without the chunks that its pixels do not need.
type cleaned struct {
	data        []byte
	orientation int
	kind        Kind
	cut         bool // it ends before its last chunk
}

// pngSignature is the length of what a PNG begins with.
const pngSignature = 8

// endOfPNG is a PNG's last chunk.
const endOfPNG = "\x00\x00\x00\x00IEND\xae\x42\x60\x82"

// cleanPNG leaves out all chunks but those that make the pixels: what is damaged in the
// others is no reason to refuse an image. Of these it reads the orientation and whether
// the image is an animation, whose default picture stands where any image has its pixels.
// A file whose chunks do not follow each other goes to the decoder as it is from there.
func cleanPNG(data []byte) cleaned {
	c := cleaned{data: make([]byte, 0, len(data)), orientation: 1}
	c.data = append(c.data, data[:pngSignature]...)
	rest := data[pngSignature:]
	for {
		k, after, ok := takeChunk(rest)
		if !ok {
			break
		}
		rest = after
		const small = 1 << 5
		switch {
		case k.name[0]&small == 0, k.name == "tRNS" && k.whole:
			c.data = append(c.data, k.all...)
		case !k.whole:
			c.kind |= Mended
		case k.name == "eXIf":
			c.orientation = tiff.Orientation(k.body)
		case k.name == "acTL" && len(k.body) >= 4 && binary.BigEndian.Uint32(k.body) > 1:
			c.kind |= Animated
		}
		if k.name == "IEND" {
			return c
		}
	}
	c.cut = true
	c.data = append(c.data, rest...)
	if len(rest) == 0 { // nothing is missing but the mark of the end
		c.data = append(c.data, endOfPNG...)
		c.kind |= Mended
	}
	return c
}

// pngChunk is a chunk of a PNG.
type pngChunk struct {
	name  string
	body  []byte
	all   []byte // with its length, name and checksum
	whole bool   // its checksum is right
}

// takeChunk reads the first chunk; not ok where it is cut off.
func takeChunk(data []byte) (c pngChunk, rest []byte, ok bool) {
	const frame = 12 // length, name and checksum
	if len(data) < frame {
		return c, data, false
	}
	n := binary.BigEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-frame) {
		return c, data, false
	}
	c.all = data[:frame+int(n)]
	c.name, c.body = string(c.all[4:8]), c.all[8:8+n]
	c.whole = crc32.ChecksumIEEE(c.all[4:8+n]) == binary.BigEndian.Uint32(c.all[8+n:])
	return c, data[len(c.all):], true
}

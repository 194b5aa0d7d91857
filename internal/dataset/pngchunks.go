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
}

// endOfPNG is a PNG's last chunk.
const endOfPNG = "\x00\x00\x00\x00IEND\xae\x42\x60\x82"

// cleanPNG leaves out all chunks but those that make the pixels: what is damaged in the
// others is no reason to refuse an image. Of these it reads the orientation and whether
// the image is an animation, whose default picture stands where any image has its pixels.
// A file whose chunks do not follow each other goes to the decoder as it is from there.
func cleanPNG(data []byte) cleaned {
	const signature, frame = 8, 12 // a chunk's length, type and checksum
	c := cleaned{data: make([]byte, 0, len(data)), orientation: 1}
	c.data = append(c.data, data[:signature]...)
	at := signature
	for at+frame <= len(data) {
		n := binary.BigEndian.Uint32(data[at:])
		if uint64(n) > uint64(len(data)-at-frame) {
			break
		}
		chunk := data[at : at+frame+int(n)]
		at += len(chunk)
		body, whole := chunk[8:8+n], crc32.ChecksumIEEE(chunk[4:8+n]) == binary.BigEndian.Uint32(chunk[8+n:])
		const small = 1 << 5
		name := string(chunk[4:8])
		switch {
		case name[0]&small == 0, name == "tRNS" && whole:
			c.data = append(c.data, chunk...)
		case !whole:
			c.kind |= Mended
		case name == "eXIf":
			c.orientation = tiff.Orientation(body)
		case name == "acTL" && n >= 4 && binary.BigEndian.Uint32(body) > 1:
			c.kind |= Animated
		}
		if name == "IEND" {
			return c
		}
	}
	c.data = append(c.data, data[at:]...)
	if at == len(data) { // nothing is missing but the mark of the end
		c.data = append(c.data, endOfPNG...)
	}
	return c
}

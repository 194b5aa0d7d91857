package dataset

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"

	"g2c/internal/fault"
)

// PNGMarkAt is where the mark of WriteMarkedPNG begins: behind the signature (8 bytes) and
// the chunk IHDR (25).
const PNGMarkAt = 33

// PNGMark is the chunk that says who made an image:
//
//	length u32 | "tEXt" | "Software" 0 maker | CRC-32 of all but the length
//
// with numbers big-endian.
func PNGMark(maker string) []byte {
	body := append([]byte("tEXtSoftware\x00"), maker...)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	return binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
}

// WritePNG writes an image whole or not at all.
func WritePNG(path string, m image.Image) error {
	b, err := pngBytes(path, m)
	if err == nil {
		err = writePNG(path, b)
	}
	return err
}

// WriteMarkedPNG is WritePNG with a mark of who made the image, so that the maker can
// tell its own from others.
func WriteMarkedPNG(path string, m image.Image, maker string) error {
	b, err := pngBytes(path, m)
	if err == nil {
		err = writePNG(path, b[:PNGMarkAt], PNGMark(maker), b[PNGMarkAt:])
	}
	return err
}

func pngBytes(path string, m image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return nil, fault.New(fault.ErrUnavailable, "encode %s: %w", path, err)
	}
	return b.Bytes(), nil
}

func writePNG(path string, parts ...[]byte) error {
	if err := writeFile(path, parts...); err != nil {
		return fault.New(fault.ErrUnavailable, "%w", err)
	}
	return nil
}

package dataset

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// header is a PNG's first chunk.
type header struct {
	w, h, depth, colour, interlaced int
}

// parseHeader reads a first chunk's body.
func parseHeader(b []byte) header {
	return header{int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:])), int(b[8]), int(b[9]), int(b[12])}
}

// rawBytes is how long the pixels are, unpacked, with a byte before each row.
func (h header) rawBytes() int {
	channels := map[int]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[h.colour]
	size := func(w, rows int) int {
		if w == 0 {
			return 0
		}
		return rows * (1 + (w*channels*h.depth+7)/8)
	}
	if h.interlaced == 0 {
		return size(h.w, h.h)
	}
	sum := 0
	for _, p := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} { // of Adam7: x, y, steps
		sum += size((h.w-p[0]+p[2]-1)/p[2], (h.h-p[1]+p[3]-1)/p[3])
	}
	return sum
}

// cutPNG leaves out what a PNG holds behind its last row; not ok where a checksum is wrong,
// since the pixels may be too.
func cutPNG(data []byte) (cut []byte, ok bool) {
	var packed []byte
	var h header
	cut, rest := append(cut, data[:pngSignature]...), data[pngSignature:]
	for {
		c, after, found := takeChunk(rest)
		if !found || !c.whole {
			return nil, false
		}
		if c.name == "IEND" {
			break
		}
		switch c.name {
		case "IDAT":
			packed = append(packed, c.body...)
		case "IHDR":
			if len(c.body) != 13 {
				return nil, false
			}
			h = parseHeader(c.body)
			fallthrough
		default:
			cut = append(cut, c.all...)
		}
		rest = after
	}
	raw, err := inflate(packed, h.rawBytes())
	if err != nil {
		return nil, false
	}
	cut = appendChunk(cut, "IDAT", raw)
	return append(cut, endOfPNG...), true
}

// inflate unpacks size bytes, checks those behind them, and packs the first again.
func inflate(packed []byte, size int) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(r, maxFileBytes)); err != nil { // the checksum stands at the end
		return nil, err
	}
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.NoCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func appendChunk(out []byte, name string, body []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	start := len(out)
	out = append(append(out, name...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
}

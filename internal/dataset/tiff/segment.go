package tiff

import (
	"bytes"
	stdlzw "compress/lzw"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// Compressions.
const (
	uncompressed    = 1
	fax3            = 3
	fax4            = 4
	lzwCompressed   = 5
	jpegCompressed  = 7
	deflate         = 8
	deflateOld      = 32946
	packBits        = 32773
	predictorNone   = 1
	predictorSimple = 2
)

var compressionNames = map[int]string{
	2: "Huffman fax codes", 6: "the JPEG of TIFF 6.0, which was given up", 9: "JBIG", 10: "JBIG", 32766: "NeXT's codes", 32809: "ThunderScan", 34661: "JBIG",
	33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34713: "Nikon's codes", 34887: "LERC", 34892: "lossy JPEG of a camera", 34925: "LZMA",
	34926: "Zstandard", 50000: "Zstandard", 34927: "WebP", 50001: "WebP", 34933: "PNG", 34934: "JPEG XR", 22610: "JPEG XR", 50002: "JPEG XL", 52546: "JPEG XL",
}

// readCompression reads how segments are compressed.
func (l *layout) readCompression(d directory) error {
	switch l.compression {
	case uncompressed, lzwCompressed, deflate, deflateOld, packBits:
	case fax3, fax4:
		if l.bits != 1 || l.samples != 1 {
			return errors.New("its fax codes have more than one bit")
		}
		if l.compression == fax3 && d.number(tagT4Options, 0)&1 != 0 {
			return Refusal("a TIFF compressed with two-dimensional fax codes of group 3, which is not read: save it with LZW or deflate")
		}
	case jpegCompressed:
		if l.bits != 8 || l.planar && l.photometric == ycbcr {
			return Refusal("a TIFF compressed with JPEG in an uncommon form, which is not read: save it with LZW or deflate")
		}
	default:
		name := compressionNames[l.compression]
		if name == "" {
			name = fmt.Sprintf("method %d", l.compression)
		}
		return Refusal(fmt.Sprintf("a TIFF compressed with %s, which is not read: save it with LZW or deflate", name))
	}
	switch predictor := d.number(tagPredictor, predictorNone); {
	case predictor == predictorNone || l.compression != lzwCompressed && l.compression != deflate && l.compression != deflateOld:
	case predictor == predictorSimple && l.bits >= 8:
		l.predictor = true
	default:
		return Refusal(fmt.Sprintf("a TIFF with predictor %d for %d bits, which is not read: save it without a predictor", predictor, l.bits))
	}
	return nil
}

// most is how many times as long as its codes a segment can be, at the very most: a file
// that claims more is damaged, and no memory is taken for it.
func (l *layout) most() int {
	switch l.compression {
	case uncompressed:
		return 1
	case packBits:
		return 64
	case fax3, fax4:
		return 1 << 20 // a line that is as the one before takes a bit
	}
	return 2048 // deflate 1032, LZW 1365
}

// unpack makes size bytes of a segment's codes, of so many rows.
func (l *layout) unpack(codes []byte, rows int) ([]byte, error) {
	size := l.rowBytes() * rows
	if size/l.most() > len(codes) {
		return nil, fmt.Errorf("%d bytes are too few", len(codes))
	}
	if l.reversed {
		codes = bytes.Clone(codes)
		for i, b := range codes {
			codes[i] = bits.Reverse8(b)
		}
	}
	if l.compression == uncompressed {
		return codes[:size], nil
	}
	r, err := l.unpacker(codes, rows)
	if err != nil {
		return nil, err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(r, out); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return out, nil
}

func (l *layout) unpacker(codes []byte, rows int) (io.Reader, error) {
	r := bytes.NewReader(codes)
	switch l.compression {
	case lzwCompressed:
		if len(codes) > 1 && codes[0] == 0 && codes[1]&1 == 1 { // before TIFF 5.0, the lowest bit came first
			return stdlzw.NewReader(r, stdlzw.LSB, 8), nil
		}
		return lzw.NewReader(r, lzw.MSB, 8), nil
	case packBits:
		return &packBitsReader{codes: codes}, nil
	case fax3, fax4:
		form := ccitt.Group3
		if l.compression == fax4 {
			form = ccitt.Group4
		}
		// White runs are zeros, whatever these mean.
		return ccitt.NewReader(r, ccitt.MSB, form, l.segW, rows, &ccitt.Options{Invert: true}), nil
	}
	return zlib.NewReader(r)
}

// packBitsReader unpacks runs of bytes: n ≥ 0 is followed by n+1 bytes, n < 0 by one that
// stands for 1-n of them, -128 by nothing.
type packBitsReader struct {
	codes []byte
	run   int  // bytes that are left of a run
	value byte // of the run, where it repeats one
	plain bool
}

func (p *packBitsReader) Read(out []byte) (int, error) {
	n := 0
	for n < len(out) {
		if p.run == 0 {
			if len(p.codes) < 2 {
				return n, io.EOF
			}
			head := int8(p.codes[0])
			switch p.codes = p.codes[1:]; {
			case head >= 0:
				p.run, p.plain = int(head)+1, true
			case head > -128:
				p.run, p.plain, p.value = 1-int(head), false, p.codes[0]
				p.codes = p.codes[1:]
			}
			continue
		}
		k := min(p.run, len(out)-n)
		if p.plain {
			if k = min(k, len(p.codes)); k == 0 {
				return n, io.EOF
			}
			copy(out[n:], p.codes[:k])
			p.codes = p.codes[k:]
		} else {
			for i := range k {
				out[n+i] = p.value
			}
		}
		n, p.run = n+k, p.run-k
	}
	return n, nil
}

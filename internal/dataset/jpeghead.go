package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"g2c/internal/dataset/tiff"
)

// jpegHead is what stands before a JPEG's pixels.
type jpegHead struct {
	orientation int
	refused     string // what it is, where that is not read
	oneScan     bool   // all pixels are in the first scan
	scan        int    // where the first scan begins; 0: it was not reached
}

// Markers of a JPEG.
const (
	jpegStart    = 0xd8
	jpegEnd      = 0xd9
	jpegScan     = 0xda
	jpegAPP1     = 0xe1
	jpegLossless = 0xc3
	jpegExtended = 0xc1 // the last of the frames whose scans are whole
)

// scanJPEG looks through the segments up to the first scan. What it does not understand
// it leaves to the decoder.
func scanJPEG(data []byte) jpegHead {
	head := jpegHead{orientation: 1}
	var frame, channels byte
	for at := 2; at+4 <= len(data); {
		if data[at] != 0xff {
			return head
		}
		marker := data[at+1]
		if marker == 0xff { // padding
			at++
			continue
		}
		if marker == jpegEnd {
			return head
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if size < 2 || at+2+size > len(data) {
			return head
		}
		body := data[at+4 : at+2+size]
		at += 2 + size
		if marker == jpegScan {
			head.scan = at
			head.oneScan = frame != 0 && frame <= jpegExtended && len(body) > 0 && body[0] == channels
			return head
		}
		if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && marker == jpegAPP1 && head.orientation == 1 {
			head.orientation = tiff.Orientation(exif)
		}
		if !startsFrame(marker) || len(body) < 6 {
			continue
		}
		frame, channels = marker, body[5]
		switch {
		case marker == jpegLossless:
			head.refused = "a lossless JPEG"
		case marker > jpegLossless:
			head.refused = "a JPEG with arithmetic codes or several resolutions"
		case body[0] != 8:
			head.refused = "a JPEG of 12 bits a channel"
		}
	}
	return head
}

// cut tells whether a file that does not decode ends before its pixels do.
func (h jpegHead) cut(data []byte, err error) bool {
	if h.scan == 0 {
		return errors.Is(err, io.ErrUnexpectedEOF)
	}
	return !bytes.Contains(data[h.scan:], []byte{0xff, jpegEnd})
}

// startsFrame tells the markers of frames from those of tables between them.
func startsFrame(marker byte) bool {
	switch marker {
	case 0xc4, 0xc8, 0xcc:
		return false
	}
	return marker >= 0xc0 && marker <= 0xcf
}

package allreduce

import (
	"bytes"
	"testing"
	"testing/quick"

	"g2c/api"
)

func TestHeadersComeBack(t *testing.T) {
	if err := quick.Check(func(key api.Key, generation uint64, kind, encoding uint8, round uint32, bucket, piece, from, to uint16, length uint8) bool {
		h := Header{Session{key, generation}, Kind(kind)%(kinds-1) + 1, Encoding(encoding) % encodings, round, bucket, piece, from, to, uint32(length)}
		b := make([]byte, HeaderBytes)
		h.Put(b)
		got, err := ParseHeader(b, HeaderBytes+int(length))
		return err == nil && got == h
	}, nil); err != nil {
		t.Error(err)
	}
}

// The drawing's offsets, in bytes.
func TestHeaderIsAsItIsDrawn(t *testing.T) {
	h := Header{Session{api.Key{1}, 0x0807060504030201}, Sum, Float32, 0x0b0a0908, 0x0d0c, 0x0f0e, 0x1110, 0x1312, 0x17161514}
	b := make([]byte, HeaderBytes)
	h.Put(b)
	want := append([]byte{1, 3, 1, 1}, make([]byte, 31)...)
	want = append(want, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
	if !bytes.Equal(b, want) {
		t.Errorf("%x, want %x", b, want)
	}
}

func FuzzParseHeader(f *testing.F) {
	h := Header{Kind: Partial, Encoding: Float32, Length: 8}
	b := make([]byte, HeaderBytes)
	h.Put(b)
	f.Add(b, HeaderBytes+8)
	f.Add([]byte{1, 2}, 2)
	f.Fuzz(func(t *testing.T, b []byte, frame int) {
		h, err := ParseHeader(b, frame)
		if err != nil {
			return
		}
		again := make([]byte, HeaderBytes)
		h.Put(again)
		if !bytes.Equal(again, b[:HeaderBytes]) {
			t.Errorf("%x was read, %x is written", b[:HeaderBytes], again)
		}
	})
}

package dataset

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"g2c/internal/fault"
)

// packed is a pack of two small sets.
func packed(t testing.TB) ([]byte, []*Set) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	set := func(n int) *Set {
		var images []Image
		var pixels [][]uint8
		for i := range n {
			p := make([]uint8, 4*4*3)
			for j := range p {
				p[j] = uint8(r.Uint32())
			}
			images = append(images, Image{Name: string(rune('a'+i%3)) + ".png", Label: "l", Group: "g", Split: Splits[i%3]})
			pixels = append(pixels, p)
		}
		return New(4, images, pixels)
	}
	sets := []*Set{set(7), set(0)}
	var b bytes.Buffer
	if err := WritePack(&b, sets...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), sets
}

// What is packed comes out the same, under the same fingerprint.
func TestPacks(t *testing.T) {
	b, sets := packed(t)
	if n := PackBytes(sets...); n != int64(len(b)) {
		t.Errorf("%d bytes were promised, %d came", n, len(b))
	}
	back, err := ReadPack(bytes.NewReader(b))
	if err != nil || len(back) != 2 {
		t.Fatalf("%d sets, %v", len(back), err)
	}
	for i, s := range back {
		if s.Fingerprint() != sets[i].Fingerprint() || s.Len() != sets[i].Len() {
			t.Errorf("set %d changed", i)
		}
		for j := range s.Len() {
			if !bytes.Equal(pixels(t, s, j), pixels(t, sets[i], j)) {
				t.Errorf("pixels of %d changed", j)
			}
		}
	}
	print, err := CheckPack(bytes.NewReader(b))
	if err != nil || print != PackFingerprint(sets...) {
		t.Errorf("fingerprint %s, %v", print, err)
	}
	var one bytes.Buffer
	if err := WritePack(&one, sets[0]); err != nil {
		t.Fatal(err)
	}
	if print, err := CheckPack(&one); err != nil || print != sets[0].Fingerprint() {
		t.Errorf("fingerprint of one set %s, %v", print, err)
	}
}

// A pack that is damaged is refused, or has another fingerprint.
func TestDamagedPacks(t *testing.T) {
	b, sets := packed(t)
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 0x10
		print, err := CheckPack(bytes.NewReader(bad))
		if err == nil && print == PackFingerprint(sets...) {
			t.Errorf("a flipped bit of byte %d is not noticed", at)
		}
		if err != nil && !errors.Is(err, fault.ErrData) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	first := int(PackBytes(sets[0])) // a whole pack of one set is another one
	for n := range b {
		if got, err := ReadPack(bytes.NewReader(b[:n])); !errors.Is(err, fault.ErrData) && (n != first || len(got) != 1) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
	if _, err := ReadPack(bytes.NewReader(append(bytes.Clone(b), 0))); !errors.Is(err, fault.ErrData) {
		t.Errorf("a byte more: %v", err)
	}
}

func FuzzPack(f *testing.F) {
	b, _ := packed(f)
	f.Add(b)
	f.Add([]byte("g2cshard"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sets, err := ReadPack(bytes.NewReader(b))
		print, err2 := CheckPack(bytes.NewReader(b))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("read: %v, checked: %v", err, err2)
		}
		if err == nil && print != PackFingerprint(sets...) {
			t.Errorf("fingerprint %s, of what was read %s", print, PackFingerprint(sets...))
		}
	})
}

package dataset

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRealGlomeruli reads real patches where G2C_TEST_DATA names a folder with
// glomeruli_pas/{train,test} and stains/.
func TestRealGlomeruli(t *testing.T) {
	root := os.Getenv("G2C_TEST_DATA")
	if root == "" {
		t.Skip("G2C_TEST_DATA is not set: no real tissue is read")
	}
	src := Labelled{
		Train: []string{filepath.Join(root, "glomeruli_pas", "train")}, Test: []string{filepath.Join(root, "glomeruli_pas", "test")},
		ValidationFraction: 0.15, GroupPattern: slidePattern,
	}
	s, r, err := LoadLabelled(background, src, Options{Side: 64})
	if err != nil {
		t.Fatal(err)
	}
	if s.Split(Test).Len() != 183 || s.Split(Train).Len()+s.Split(Validation).Len() != 590 || s.groups() != 25 || r.Grouping != BySlide {
		t.Errorf("%d test images, %d in all, %d slides", s.Split(Test).Len(), s.Len(), s.groups())
	}
	for _, split := range Splits {
		if len(s.Split(split).Classes()) != 2 {
			t.Errorf("%s has classes %v", split, s.Split(split).Classes())
		}
	}
	const want = "ab79fdcd14fc604e0325bbbc8fec59d51f61c8e6d40863fcd8dc05e7bfd30a54"
	if got := s.Fingerprint(); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

package dataset

import (
	"fmt"
	"testing"

	"g2c/internal/fault"
)

// pixelless is a set whose images have one pixel each.
func pixelless(images []Image) *Set {
	pixels := make([][]uint8, len(images))
	for i := range pixels {
		pixels[i] = []uint8{uint8(i), uint8(i >> 8), 0}
	}
	return New(1, images, pixels)
}

// A larger part holds each smaller one, and every part has the shares of the whole.
func TestTakeIsNestedAndStratified(t *testing.T) {
	sizes := map[string]int{"a": 70, "b": 25, "c": 5}
	var images []Image
	for class, n := range sizes {
		for i := range n {
			images = append(images, Image{Name: fmt.Sprintf("%s/%02d", class, i), Label: class, Split: Train})
		}
		for _, split := range []Split{Validation, Test} {
			images = append(images, Image{Name: class + "/" + string(split), Label: class, Split: split})
		}
	}
	s := pixelless(images)
	before := map[string]bool{}
	for n := 11; n <= 100; n++ {
		part, err := s.Take(n, 3)
		if err != nil {
			t.Fatal(err)
		}
		train := part.Split(Train)
		if train.Len() != n || part.Split(Test).Len() != 3 || part.Split(Validation).Len() != 3 {
			t.Fatalf("take %d: %d training images of %d", n, train.Len(), part.Len())
		}
		got := map[string]bool{}
		counts := map[string]int{}
		for _, name := range names(train) {
			got[name] = true
			counts[name[:1]]++
		}
		for name := range before {
			if !got[name] {
				t.Errorf("take %d lacks %s, which %d has", n, name, n-1)
			}
		}
		for class, size := range sizes {
			if off := float64(counts[class]) - float64(n*size)/100; off > 1 || off < -1 {
				t.Errorf("take %d has %d images of %s, whose share is %d in 100", n, counts[class], class, size)
			}
		}
		before = got
	}
	if whole, err := s.Take(100, 3); err != nil || whole.Fingerprint() != s.Fingerprint() {
		t.Errorf("all of it is another set: %v", err)
	}
	one, err := s.Take(50, 1)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := s.Take(50, 2); err != nil || other.Fingerprint() == one.Fingerprint() {
		t.Errorf("another seed takes the same: %v", err)
	}
}

// rare has 20 training images of a and one of b, and a test image of b.
func rare() *Set {
	var images []Image
	for i := range 20 {
		images = append(images, Image{Name: fmt.Sprintf("a/%02d", i), Label: "a", Split: Train})
	}
	return pixelless(append(images, Image{Name: "b/0", Label: "b", Split: Train}, Image{Name: "b/1", Label: "b", Split: Test}))
}

func TestTakeRefuses(t *testing.T) {
	s := rare()
	_, err := s.Take(22, 0)
	wantData(t, err, "data.labelled.take is 22", "21 training images")
	_, err = s.Take(5, 0)
	wantData(t, err, "take is 5", "class b", "1 of 21", "take at least 11")
	if part, err := s.Take(11, 0); err != nil || part.Split(Train).Len() != 11 {
		t.Errorf("what is advised: %v", err)
	}
	_, err = s.Take(0, 0)
	wantError(t, fault.ErrSpec, err, "take is 0")
}

// The verdict says what is taken of which labels, and what cannot be, once each.
func TestTheVerdictSaysWhatIsTaken(t *testing.T) {
	s := rare()
	var v Verdict
	for range 2 {
		v.Taken(s, []string{"a", "b"}, 11, 0)
		v.Taken(s, []string{"a", "b"}, 12, 0)
		v.Taken(s, []string{"a", "b"}, 22, 0)
		v.Taken(s.Split(Test), []string{"a", "b"}, 11, 0)
	}
	wantCheck(t, v, "take", Note, "Of 21 training images of a, b 11 are taken.")
	wantCheck(t, v, "take", Note, "Of 21 training images of a, b 12 are taken.")
	wantCheck(t, v, "take", Error, "22 cannot be taken", "take fewer")
	if len(v.Checks) != 3 {
		t.Errorf("not once each:\n%s", v.Text())
	}
}

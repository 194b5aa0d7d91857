package dataset

import (
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/philox"
)

// cohort is images of groups of different sizes and mixtures of classes.
func cohort(groups int) []*Image {
	var images []*Image
	for g := range groups {
		for i := range 1 + g*g%7 {
			label := []string{"a", "a", "b", "c"}[(g+i*i)%4]
			images = append(images, &Image{Name: fmt.Sprintf("%03d-%d", g, i), Group: fmt.Sprintf("g%03d", g), Label: label, Split: Train})
		}
	}
	return images
}

// The rule, written out beside it in exact numbers.
func TestFoldsFollowTheRule(t *testing.T) {
	for _, k := range []int{2, 3, 5} {
		images := cohort(40)
		got, err := foldGroups(images, k, 7)
		if err != nil {
			t.Fatal(err)
		}
		totals, of := map[string]int64{}, map[string]map[string]int64{}
		size := map[string]int{}
		for _, im := range images {
			totals[im.Label]++
			size[im.Group]++
			if of[im.Group] == nil {
				of[im.Group] = map[string]int64{}
			}
			of[im.Group][im.Label]++
		}
		var order []string
		for _, g := range philox.Shuffle(7, philox.Folds, 0, 40) {
			order = append(order, fmt.Sprintf("g%03d", g))
		}
		slices.SortStableFunc(order, func(a, b string) int { return size[b] - size[a] })
		folds := make([]map[string]int64, k)
		for f := range folds {
			folds[f] = map[string]int64{}
		}
		for _, g := range order {
			best, least := 0, (*big.Rat)(nil)
			for f := range folds {
				cost := new(big.Rat) // the sum of (k n/N - 1)^2 over all folds, were g in f
				for class, total := range totals {
					for other := range folds {
						n := folds[other][class]
						if other == f {
							n += of[g][class]
						}
						d := big.NewRat(int64(k)*n-total, total)
						cost.Add(cost, d.Mul(d, d))
					}
				}
				if least == nil || cost.Cmp(least) < 0 {
					best, least = f, cost
				}
			}
			for class, n := range of[g] {
				folds[best][class] += n
			}
			if got[g] != best+1 {
				t.Errorf("%d folds: %s is in %d, want %d", k, g, got[g], best+1)
			}
		}
		for f := range folds { // stratified: no class is further from its share than the largest group
			for class, total := range totals {
				if off := float64(folds[f][class]) - float64(total)/float64(k); off > 3 || off < -3 {
					t.Errorf("%d folds: fold %d has %d of %d images of %s", k, f+1, folds[f][class], total, class)
				}
			}
		}
	}
}

// The test parts of all folds together are the whole set, each patient in one of them.
func TestEachPatientIsTestedOnce(t *testing.T) {
	s := newStudy(t)
	train, test := s.table("train.csv", "path,label,patient", 0, 1, 2, 3, 4), s.table("test.csv", "path,label,patient", 5, 6, 7)
	const k = 4
	tested := map[string]int{}
	var prints []string
	for fold := range k {
		s.src = Labelled{Train: train, Test: test, ValidationFraction: 0.3, Folds: k, Fold: fold + 1, Seed: 5}
		set, r := s.must()
		wantCheck(t, r.Verdict, "leaks", OK, "train and test", "validation and test")
		in := map[string]Split{}
		for i := range set.Len() {
			im := set.Image(i)
			if other, ok := in[im.Group]; ok && other != im.Split {
				t.Errorf("fold %d: %s is in %s and %s", fold+1, im.Group, other, im.Split)
			}
			in[im.Group] = im.Split
			if im.Split == Test {
				tested[im.Name]++
			}
		}
		if set.Len() != 16 || len(set.Split(Test).Classes()) != 2 || set.Split(Validation).Len() == 0 {
			t.Errorf("fold %d: %d images, %d validation", fold+1, set.Len(), set.Split(Validation).Len())
		}
		prints = append(prints, set.Split(Test).Fingerprint())

		again := *s
		again.src.Train, again.src.Test = append(slices.Clone(test), train...), nil
		if other, _ := again.must(); other.Fingerprint() != set.Fingerprint() {
			t.Errorf("fold %d depends on the order of sources", fold+1)
		}
	}
	for name, n := range tested {
		if n != 1 {
			t.Errorf("%s is tested %d times", name, n)
		}
	}
	slices.Sort(prints)
	if len(tested) != 16 || len(slices.Compact(prints)) != k {
		t.Errorf("%d images are tested in %d different parts", len(tested), len(prints))
	}
}

// Folds are cut out of images that are read once, and every image may be its own group.
func TestFoldsOfAPool(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1, 2), Test: s.folder("test", 3, 4), Validation: s.folder("validation", 5), Folds: 2}
	p, _, err := LoadPool(background, s.src, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s.src.Fold = 1; s.src.Fold <= 2; s.src.Fold++ {
		cut, v, err := p.Cut(s.src)
		if err != nil {
			t.Fatal(err)
		}
		whole, r := s.must()
		if cut.Fingerprint() != whole.Fingerprint() || v.Text() != r.Verdict.Text() {
			t.Errorf("fold %d of the pool differs from the fold alone", s.src.Fold)
		}
		if got := names(cut.Split(Validation)); !slices.Equal(got, []string{"a/x-p5.png", "b/x-p5.png"}) {
			t.Errorf("validation images of a fold: %v", got)
		}
		wantCheck(t, v, "groups", Warn, "every image is its own group")
		n += cut.Split(Test).Len()
		if whole, alone, one := p.HeapBytes(), whole.HeapBytes(), cut.HeapBytes(); one != 0 || alone != whole || whole != 12*8*8*3 {
			t.Errorf("the pool's pixels are %d bytes, a fold's %d, one's alone %d", whole, one, alone)
		}
	}
	if n != 10 {
		t.Errorf("%d images are tested", n)
	}
	_, _, err = p.Cut(s.src)
	wantError(t, fault.ErrSpec, err, "no fold 3 of 2")
	s.src.Folds = 1
	_, _, err = s.load()
	wantError(t, fault.ErrSpec, err, "data.labelled.folds is 1")
}

// A fold without a class is refused with what would help.
func TestFoldsLackAClass(t *testing.T) {
	s := newStudy(t)
	write(t, filepath.Join(s.dir, "t.csv"), []byte("path,label,patient\nimg/a-p0.png,a,p0\nimg/a-p1.png,a,p1\nimg/a-p2.png,a,p2\nimg/b-p0.png,b,p0\nimg/b-p1.png,b,p1\n"))
	s.src = Labelled{Train: []string{filepath.Join(s.dir, "t.csv")}, Folds: 3, Fold: 1}
	_, _, err := s.load()
	wantData(t, err, "data.labelled.folds is 3", "class b", "2 groups have", "fold ", "at most 2")
	s.src.Folds = 2
	s.must()
}

// Equal pixels that a fold would part are refused, as between any two splits.
func TestFoldsPartNoTwins(t *testing.T) {
	s := newStudy(t)
	write(t, filepath.Join(s.dir, "img/a-p1.png"), encodePNG(t, picture(8, 8, 5)))
	write(t, filepath.Join(s.dir, "img/a-p2.png"), encodePNG(t, picture(8, 8, 5)))
	s.src = Labelled{Train: s.table("t.csv", "path,label,patient", 0, 1, 2, 3), Folds: 4, Fold: 1}
	refused := 0
	for ; s.src.Fold <= 4; s.src.Fold++ {
		if _, _, err := s.load(); err != nil {
			wantData(t, err, "a-p1.png", "a-p2.png", "allowDuplicates")
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d of 4 folds part the twins, want the two that test one of them", refused)
	}
}

// Labels as many as images are refused, not laid out beside groups as many.
func TestFoldsOfManyClasses(t *testing.T) {
	const n = 100_000 // a number for each class of each group would be 80 GB
	images := make([]*Image, n)
	for i := range images {
		name := fmt.Sprintf("%06d", i)
		images[i] = &Image{Name: name, Group: name, Label: name, Split: Train}
	}
	_, err := foldGroups(images, 5, 1)
	wantData(t, err, "class 000000, which 1 group has")
}

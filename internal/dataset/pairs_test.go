package dataset

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/fault"
)

// openPairs loads pairs of files of 8 pixels: those of training at 6, those held out at 4.
func openPairs(t *testing.T, paths ...string) (*Pairs, *Report, error) {
	t.Helper()
	return LoadPairs(t.Context(), PairSource{Paths: paths}, Options{Side: 6, Fit: Enlarge}, Options{Side: 4, Fit: Enlarge})
}

// twoFolders writes sources and targets of equal names and different pixels.
func twoFolders(t *testing.T, dir string, names ...string) (a, b string) {
	t.Helper()
	for i, n := range names {
		write(t, filepath.Join(dir, "he", n), encodePNG(t, picture(8, 8, i+1)))
		write(t, filepath.Join(dir, "pas", n), encodePNG(t, picture(8, 8, i+101)))
	}
	return filepath.Join(dir, "he"), filepath.Join(dir, "pas")
}

// Folders without splits are all train; with train and test they are split, and validation
// is left out.
func TestPairsOfFolders(t *testing.T) {
	a, b := twoFolders(t, t.TempDir(), "2.png", "1.png", "sub/3.png")
	p, r, err := openPairs(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if p.Test[0] != nil || p.Train[0].Len() != 3 || p.Train[0].Side() != 6 || len(p.Sets()) != 2 {
		t.Errorf("%+v", p)
	}
	if got := strings.Join(names(p.Train[1]), " "); got != "1.png 2.png sub/3.png" {
		t.Errorf("targets %s", got)
	}
	if r.Images != 6 || r.Verdict.Worst() != Warn || !strings.Contains(r.Verdict.Text(), "No pair is held out") {
		t.Errorf("%d images\n%s", r.Images, r.Verdict.Text())
	}
	if len(r.Sizes) != 1 || r.Sizes[0].N != 6 {
		t.Errorf("sizes %v", r.Sizes)
	}

	a, b = twoFolders(t, t.TempDir(), "train/1.png", "train/2.png", "test/3.png", "val/4.png")
	if p, r, err = openPairs(t, a, b); err != nil {
		t.Fatal(err)
	}
	if p.Train[0].Len() != 2 || p.Test[1].Len() != 1 || p.Test[0].Side() != 4 || len(p.Sets()) != 4 {
		t.Errorf("%+v", p)
	}
	if p.Test[0].Image(0).Split != Test || !strings.Contains(r.Verdict.Text(), "1 pair is of validation") {
		t.Error(r.Verdict.Text())
	}
}

// pairTable writes a table of pairs beside folders, and gives its path.
func pairTable(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "pairs.csv")
	write(t, path, []byte(text))
	return path
}

// Tables are read as other tables are: any separator, a mark, Windows' lines, columns in any
// case and order. Pairs keep together whatever their names.
func TestPairsOfTables(t *testing.T) {
	var prints []string
	for _, text := range []string{
		"source,target,split,slide\nhe/a.png,pas/x.png,train,s1\nhe/b.png,pas/w.png,test,s2\n",
		"\ufeffSlide;SPLIT;Target;Source\r\ns1;Train;pas/x.png;he/a.png\r\ns2;TEST;pas/w.png;he/b.png\r\n",
		"target\tsplit\tsource\tslide\tnote\npas/x.png\ttrain\the/a.png\ts1\tgood\n\npas/w.png\ttest\the/b.png\ts2\t\n",
	} {
		dir := t.TempDir()
		for i, n := range []string{"he/a.png", "he/b.png", "pas/w.png", "pas/x.png"} {
			write(t, filepath.Join(dir, n), encodePNG(t, picture(8, 8, i+1)))
		}
		p, r, err := openPairs(t, pairTable(t, dir, text))
		if err != nil {
			t.Fatal(err)
		}
		if s, x := p.Train[0].Image(0), p.Train[1].Image(0); s.Name != "he/a.png" || x.Name != s.Name || s.Slide != "s1" || x.Split != Train || !strings.HasSuffix(x.File, "x.png") {
			t.Errorf("%+v beside %+v", s, x)
		}
		if x := p.Test[1].Image(0); x.Name != "he/b.png" || !strings.HasSuffix(x.File, "w.png") || x.Group != "s2" {
			t.Errorf("%+v", x)
		}
		if !strings.Contains(r.Verdict.Text(), "No slide is in two splits") {
			t.Error(r.Verdict.Text())
		}
		if strings.Contains(text, "note") != strings.Contains(r.Verdict.Text(), `nothing reads 1 column, "note"`) {
			t.Error(r.Verdict.Text())
		}
		prints = append(prints, PackFingerprint(p.Sets()...))
	}
	if prints[0] != prints[1] || prints[1] != prints[2] {
		t.Errorf("one set of pairs has the fingerprints %v", prints)
	}
}

// A target in another's place is other data.
func TestPairsAreInTheFingerprint(t *testing.T) {
	dir := t.TempDir()
	a, b := twoFolders(t, dir, "1.png", "2.png")
	straight, _, err := openPairs(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	crossed, _, err := openPairs(t, pairTable(t, dir, "source,target\nhe/1.png,pas/2.png\nhe/2.png,pas/1.png\n"))
	if err != nil {
		t.Fatal(err)
	}
	if PackFingerprint(straight.Sets()...) == PackFingerprint(crossed.Sets()...) {
		t.Error("crossed pairs have the fingerprint of straight ones")
	}
}

// Packs carry pairs and their splits.
func TestPairsInPacks(t *testing.T) {
	a, b := twoFolders(t, t.TempDir(), "train/1.png", "train/2.png", "test/3.png")
	p, _, err := openPairs(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	if err := WritePack(&pack, p.Sets()...); err != nil {
		t.Fatal(err)
	}
	sets, err := ReadPack(&pack)
	if err != nil {
		t.Fatal(err)
	}
	back, err := PairsOf(sets)
	if err != nil || back.Train[1].Len() != 2 || back.Test[0].Side() != 4 {
		t.Fatalf("%+v, %v", back, err)
	}
	if PackFingerprint(back.Sets()...) != PackFingerprint(p.Sets()...) {
		t.Error("the fingerprint changed")
	}
	if _, err := PairsOf(sets[:3]); err == nil {
		t.Error("three sets are pairs")
	}
	if _, err := PairsOf([]*Set{sets[0], sets[2]}); err == nil {
		t.Error("sets of other images are pairs")
	}
}

// What is wrong with pairs is said with the names of files.
func TestPairsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		spoil func(dir string)
		class error
		words []string
	}{
		"a missing file":     {table: "source,target\nhe/1.png,pas/9.png\n", words: []string{"pas/9.png"}},
		"no target":          {table: "source,split\nhe/1.png,test\n", words: []string{`no column "target"`}},
		"an empty cell":      {table: "source,target\nhe/1.png,\n", words: []string{"line 2", "the target is empty"}},
		"another split":      {table: "source,target,split\nhe/1.png,pas/1.png,validation\n", words: []string{"line 2", "validation", "train or test"}},
		"no lines":           {table: "source,target\n", words: []string{"names no pair"}},
		"a source twice":     {table: "source,target\nhe/1.png,pas/1.png\nhe/1.png,pas/2.png\n", words: []string{"he/1.png", "two pairs", "line 2", "line 3"}},
		"a target twice":     {table: "source,target\nhe/1.png,pas/1.png\nhe/2.png,pas/1.png\n", words: []string{"1.png is the target of two pairs", "line 2", "line 3"}},
		"its own target":     {table: "source,target\nhe/1.png,he/1.png\n", words: []string{"he/1.png", "its own target"}},
		"no training pair":   {table: "source,target,split\nhe/1.png,pas/1.png,test\n", words: []string{"no pair is of the split train"}},
		"a slide in both":    {table: "source,target,split,slide\nhe/1.png,pas/1.png,train,s\nhe/2.png,pas/2.png,test,s\n", words: []string{"slide s is both in train", "he/1.png", "he/2.png"}},
		"some slides":        {table: "source,target,slide\nhe/1.png,pas/1.png,s\nhe/2.png,pas/2.png,\n", words: []string{"slide", "line 2", "line 3"}},
		"a missing target":   {spoil: func(dir string) { write(t, filepath.Join(dir, "he", "x.png"), encodePNG(t, picture(8, 8, 77))) }, words: []string{"x.png has no target", "pas"}},
		"a missing source":   {spoil: func(dir string) { write(t, filepath.Join(dir, "pas", "x.png"), encodePNG(t, picture(8, 8, 77))) }, words: []string{"x.png has no source", "he"}},
		"different sizes":    {spoil: func(dir string) { write(t, filepath.Join(dir, "pas", "1.png"), encodePNG(t, picture(8, 12, 77))) }, words: []string{"he/1.png (8×8 pixels)", "pas/1.png (8×12)"}},
		"an image of no set": {spoil: func(dir string) { twoFolders(t, dir, "train/8.png", "test/9.png") }, words: []string{"1.png lies beside the folders train and test"}},
		"equal sources": {
			table: "source,target,split\nhe/1.png,pas/1.png,train\nhe/2.png,pas/2.png,test\n",
			spoil: func(dir string) { write(t, filepath.Join(dir, "he", "2.png"), encodePNG(t, picture(8, 8, 1))) },
			words: []string{"he/2.png", "he/1.png", "trained on (sources)"},
		},
		"equal targets": {
			table: "source,target,split\nhe/1.png,pas/1.png,train\nhe/2.png,pas/2.png,test\n",
			spoil: func(dir string) { write(t, filepath.Join(dir, "pas", "2.png"), encodePNG(t, picture(8, 8, 101))) },
			words: []string{"pas/2.png", "pas/1.png", "trained on (targets)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, b := twoFolders(t, dir, "1.png", "2.png")
			if c.spoil != nil {
				c.spoil(dir)
			}
			paths := []string{a, b}
			if c.table != "" {
				paths = []string{pairTable(t, dir, c.table)}
			}
			_, _, err := openPairs(t, paths...)
			wantData(t, err, c.words...)
		})
	}
	_, _, err := openPairs(t, "one")
	wantError(t, fault.ErrSpec, err, "a table, or two folders")
}

// An image that is skipped takes its partner with it.
func TestSkippedPairs(t *testing.T) {
	a, b := twoFolders(t, t.TempDir(), "1.png", "2.png", "3.png")
	write(t, filepath.Join(b, "2.png"), []byte("no image"))
	opt := Options{Side: 6, Fit: Enlarge, SkipBad: true}
	p, r, err := LoadPairs(t.Context(), PairSource{Paths: []string{a, b}}, opt, opt)
	if err != nil || strings.Join(names(p.Train[0]), " ") != "1.png 3.png" || strings.Join(names(p.Train[1]), " ") != "1.png 3.png" {
		t.Fatal(p, err)
	}
	if len(r.Skipped) != 1 || !strings.Contains(r.Verdict.Text(), "2.png") {
		t.Error(r.Verdict.Text())
	}
}

// A slide that is held out is so whatever the table says, and each slide is other data.
func TestHeldSlide(t *testing.T) {
	dir := t.TempDir()
	twoFolders(t, dir, "1.png", "2.png", "3.png")
	table := pairTable(t, dir, "source,target,slide,split\nhe/1.png,pas/1.png,x,test\nhe/2.png,pas/2.png,y,train\nhe/3.png,pas/3.png,y,train\n")
	opt := Options{Side: 6, Fit: Enlarge}
	prints := map[string]bool{}
	for slide, want := range map[string]string{"x": "he/1.png", "y": "he/2.png he/3.png"} {
		p, _, err := LoadPairs(t.Context(), PairSource{[]string{table}, slide}, opt, opt)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(p.Test[0]), " "); got != want || p.Train[1].Len()+p.Test[1].Len() != 3 {
			t.Errorf("slide %s: held out are %s", slide, got)
		}
		prints[PackFingerprint(p.Sets()...)] = true
	}
	if len(prints) != 2 {
		t.Error("two slides held out are one fingerprint")
	}
	_, _, err := LoadPairs(t.Context(), PairSource{[]string{table}, "z"}, opt, opt)
	wantData(t, err, "slide z", "x", "y")
	_, _, err = LoadPairs(t.Context(), PairSource{[]string{filepath.Join(dir, "he"), filepath.Join(dir, "pas")}, "z"}, opt, opt)
	wantData(t, err, "of which slide", "1.png")
}

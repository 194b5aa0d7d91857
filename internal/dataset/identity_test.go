package dataset

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const composed, decomposed = "n\u00e9crose", "ne\u0301crose"

// A folder that is listed twice, in whatever way, counts once.
func TestAFolderListedTwiceCountsOnce(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1), Test: s.folder("test", 2, 3)}
	once, r := s.must()
	wantCheck(t, r.Verdict, "sources", OK)
	link := filepath.Join(s.dir, "link")
	if err := os.Symlink(s.src.Train[0], link); err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{s.src.Train[0], s.src.Train[0] + "/.", s.src.Train[0] + "//", link} {
		twice := *s
		twice.src.Train = append(slices.Clone(s.src.Train), again)
		set, r := twice.must()
		if set.Fingerprint() != once.Fingerprint() {
			t.Errorf("%s again: images %v", again, names(set))
		}
		wantCheck(t, r.Verdict, "sources", Note, "train", "twice")
	}
	unlabelled, _, err := Unlabelled(background, s.src.Train, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	twice, r, err := Unlabelled(background, []string{s.src.Train[0], link, filepath.Join(link, "a", "*.png")}, Options{Side: 8})
	if err != nil || twice.Fingerprint() != unlabelled.Fingerprint() {
		t.Errorf("unlabelled images %v, %v", names(twice), err)
	}
	wantCheck(t, r.Verdict, "sources", Note, "one place", "2 files are reached twice")
}

// A file that a table and a folder name is one image, with what either knows of it.
func TestAFileReachedTwiceCountsOnce(t *testing.T) {
	s := newStudy(t)
	table := s.table("train.csv", "path,label,patient", 0, 1)
	s.src.Train = []string{filepath.Join(s.dir, "classes"), table[0]}
	for _, class := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(s.dir, "classes", class), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"p0", "p1"} {
			if err := os.Symlink(filepath.Join(s.dir, "img", class+"-"+p+".png"), filepath.Join(s.dir, "classes", class, p+".png")); err != nil {
				t.Fatal(err)
			}
		}
	}
	set, r := s.must()
	if got := names(set); !slices.Equal(got, []string{"a/p0.png", "a/p1.png", "b/p0.png", "b/p1.png"}) || set.Image(0).Group != "p0" {
		t.Errorf("images %v, the first of group %s", got, set.Image(0).Group)
	}
	wantCheck(t, r.Verdict, "sources", Note, "4 files are reached twice")
	write(t, table[0], []byte("path,label\nimg/a-p0.png,b\n"))
	_, _, err := s.load()
	wantData(t, err, "classes/a/p0.png has the label a", "img/a-p0.png the label b")
}

// One file is in one split.
func TestAFileInTwoSplits(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1), Test: s.folder("train", 0, 1), AllowDuplicates: true}
	_, _, err := s.load()
	wantData(t, err, "train/a/x-p0.png", "both in train and in test")
}

// Two sources of a set that share a name give their images names of their own, in the
// fingerprint, in packs and out of them.
func TestSourcesThatShareNames(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1), Test: slices.Concat(s.folder("siteA", 2, 3), s.folder("siteB", 4))}
	set, r := s.must()
	wantCheck(t, r.Verdict, "names", OK)
	if got := names(set.Split(Test)); !slices.Equal(got, []string{"a/x-p2.png", "a/x-p3.png", "a/x-p4.png", "b/x-p2.png", "b/x-p3.png", "b/x-p4.png"}) {
		t.Errorf("names without need of a number: %v", got)
	}
	for _, class := range []string{"a", "b"} {
		if err := os.Rename(filepath.Join(s.dir, "siteB", class, "x-p4.png"), filepath.Join(s.dir, "siteB", class, "x-p2.png")); err != nil {
			t.Fatal(err)
		}
	}
	set, r = s.must()
	test := set.Split(Test)
	want := []string{"@1/a/x-p2.png", "@1/a/x-p3.png", "@1/b/x-p2.png", "@1/b/x-p3.png", "@2/a/x-p2.png", "@2/b/x-p2.png"}
	if got := names(test); !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
	if got := names(set.Split(Train)); got[0] != "a/x-p0.png" {
		t.Errorf("train, whose one source shares no name with itself: %v", got)
	}
	if im := test.Image(0); im.Group != "@1/a/x-p2.png" {
		t.Errorf("an image that is its own group is in %q", im.Group)
	}
	wantCheck(t, r.Verdict, "names", Note, "test", "a/x-p2.png", "@n/")
	const golden = "d00d707d0f98d862d3be2f579ebe94bd181e13e020ff78563dfa1c178292eb79"
	if got := test.Fingerprint(); got != golden {
		t.Errorf("fingerprint %s, want %s", got, golden)
	}
	var b bytes.Buffer
	if err := WritePack(&b, test); err != nil {
		t.Fatal(err)
	}
	back, err := ReadPack(&b)
	if err != nil || !slices.Equal(names(back[0]), want) || back[0].Fingerprint() != golden {
		t.Errorf("out of a pack: %v, %v", names(back[0]), err)
	}
	slices.Reverse(s.src.Test)
	if other, _ := s.must(); names(other.Split(Test))[0] != "@1/a/x-p2.png" || other.Split(Test).Fingerprint() == golden {
		t.Error("the number is not the source's place in the list")
	}
	unlabelled, r, err := Unlabelled(background, s.src.Test, Options{Side: 8})
	if err != nil || names(unlabelled)[0] != "@1/a/x-p2.png" {
		t.Errorf("unlabelled %v, %v", names(unlabelled), err)
	}
	wantCheck(t, r.Verdict, "names", Note, "unlabelled")
}

// What shares nothing has the fingerprint that it had before names could be numbered.
func TestFingerprintsOfRightDataStay(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{
		Train: slices.Concat(s.table("train.csv", "path,label,patient,slide", 0, 1), s.table("more.csv", "path,label,patient,slide", 5, 6, 7)),
		Test:  s.table("test.csv", "path,label,patient,slide", 2, 3), ValidationFraction: 0.3, Seed: 1,
	}
	set, _ := s.must()
	const golden = "abe77766b484c67820be8995f184912ac038130c0aeeaaf103cbf48a69e33953"
	if got := set.Fingerprint(); got != golden {
		t.Errorf("fingerprint %s, want %s", got, golden)
	}
}

// A Mac's class folder, table and paths are those of the spec.
func TestUnicodeForms(t *testing.T) {
	s := newStudy(t)
	tree(t, s.dir, "mac/"+decomposed+"/1-e\u0301.png", "mac/sain/1.png")
	s.src.Train = []string{filepath.Join(s.dir, "mac")}
	set, _ := s.must()
	if got := set.Classes(); !slices.Equal(got, []string{composed, "sain"}) {
		t.Errorf("classes %+q", got)
	}
	if im := set.Image(0); im.Name != composed+"/1-\u00e9.png" || im.Group != im.Name {
		t.Errorf("name %+q, group %+q", im.Name, im.Group)
	}
	if _, err := os.Stat(set.Image(0).File); err != nil {
		t.Error(err)
	}
	linux := filepath.Join(s.dir, "linux")
	tree(t, linux, composed+"/1-\u00e9.png", "sain/1.png")
	for from, to := range map[string]string{"mac/" + decomposed + "/1-e\u0301.png": composed + "/1-\u00e9.png", "mac/sain/1.png": "sain/1.png"} {
		data, err := os.ReadFile(filepath.Join(s.dir, from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(linux, to), data)
	}
	s.src.Train = []string{linux}
	if other, _ := s.must(); other.Fingerprint() != set.Fingerprint() {
		t.Error("the forms have different fingerprints")
	}
	// A folder that a spec names in the other form, and paths of a table, also with
	// backslashes.
	tree(t, s.dir, decomposed+"/t/a/1.png", decomposed+"/t/b/1.png")
	for _, path := range []string{composed + "/t", composed + `\t`} {
		s.src.Train = []string{filepath.Join(s.dir, path)}
		if set, _ := s.must(); set.Len() != 2 {
			t.Errorf("%+q: %v", path, names(set))
		}
		if set, _, err := Unlabelled(background, s.src.Train, Options{Side: 8}); err != nil || set.Len() != 2 {
			t.Errorf("unlabelled %+q: %v", path, err)
		}
	}
	if set, _, err := Unlabelled(background, []string{filepath.Join(s.dir, composed, "t", "*")}, Options{Side: 8}); err != nil || set.Len() != 2 {
		t.Errorf("a glob: %v", err)
	}
	write(t, filepath.Join(s.dir, "t.csv"), []byte("path,label,patient\n"+composed+"/t/a/1.png,"+decomposed+",ame\u0301\n"+composed+`\t\b\1.png,sain,am`+"\u00e9\n"))
	s.src.Train = []string{filepath.Join(s.dir, "t.csv")}
	set, _ = s.must()
	if got := set.Classes(); !slices.Equal(got, []string{composed, "sain"}) || set.Image(0).Group != set.Image(1).Group {
		t.Errorf("classes %+q, groups %+q and %+q", got, set.Image(0).Group, set.Image(1).Group)
	}
	if got := names(set); got[1] != composed+"/t/b/1.png" {
		t.Errorf("names %+q", got)
	}
}

func TestTwoNamesOfOneForm(t *testing.T) {
	s := newStudy(t)
	tree(t, s.dir, "two/a/\u00e9.png", "two/a/e\u0301.png", "two/b/1.png")
	s.src.Train = []string{filepath.Join(s.dir, "two")}
	_, _, err := s.load()
	wantData(t, err, `\u00e9.png`, `e\u0301.png`, "composed form")
}

// Names that are no UTF-8 are refused, wherever they come from.
func TestNamesThatAreNotUTF8(t *testing.T) {
	s := newStudy(t)
	const bad = "n\xe9crose"
	tree(t, s.dir, "file/a/"+bad+".png", "file/b/1.png", "class/"+bad+"/1.png", "class/b/1.png", "deep/a/"+bad+"/1.png", "deep/b/1.png", bad+"/a/1.png")
	for _, dir := range []string{"file", "class", "deep", bad} {
		s.src.Train = []string{filepath.Join(s.dir, dir)}
		_, _, err := s.load()
		wantData(t, err, `n\xe9crose`, "UTF-8")
		_, _, err = Unlabelled(background, s.src.Train, Options{Side: 8, SkipBad: true})
		wantData(t, err, `n\xe9crose`, "UTF-8")
		if strings.Contains(err.Error(), "\xe9") {
			t.Errorf("the message itself is not UTF-8: %q", err)
		}
	}
	_, _, err := Unlabelled(background, []string{filepath.Join(s.dir, "file/a", bad+".png")}, Options{Side: 8})
	wantData(t, err, `n\xe9crose`)
	for what, text := range map[string]string{
		"label":   "path,label\nimg/a-p0.png," + bad + "\n",
		"patient": "path,label,patient\nimg/a-p0.png,a," + bad + "\n",
		"path":    "path,label\n" + bad + ".png,a\n",
	} {
		write(t, filepath.Join(s.dir, "bad.csv"), []byte(text))
		s.src.Train = []string{filepath.Join(s.dir, "bad.csv")}
		_, _, err := s.load()
		wantData(t, err, "line 2", "the "+what, `n\xe9crose`, "save the table as UTF-8")
	}
	// What is passed over may be called anything.
	tree(t, s.dir, "good/a/1.png", "good/b/1.png")
	write(t, filepath.Join(s.dir, "good/a/"+bad+".txt"), nil)
	s.src.Train = []string{filepath.Join(s.dir, "good")}
	s.must()
}

func TestControlCharactersAreShownEscaped(t *testing.T) {
	s := newStudy(t)
	write(t, filepath.Join(s.dir, "c/a/\x1b[31mred.png"), []byte("no image"))
	tree(t, s.dir, "c/b/1.png")
	s.src.Train = []string{filepath.Join(s.dir, "c")}
	_, _, err := s.load()
	wantData(t, err, `\x1b[31mred.png`)
	if strings.Contains(err.Error(), "\x1b") {
		t.Errorf("a terminal obeys %q", err)
	}
}

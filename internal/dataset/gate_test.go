package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/pixelcache"
)

// study is a folder of images and tables, loaded with few words.
type study struct {
	t   *testing.T
	dir string
	src Labelled
}

// newStudy has one image of each class a and b for every patient p0 to p7:
// img/a-p0.png and so on.
func newStudy(t *testing.T) *study {
	t.Helper()
	s := &study{t: t, dir: t.TempDir()}
	for p := range 8 {
		tree(t, s.dir, fmt.Sprintf("img/a-p%d.png", p), fmt.Sprintf("img/b-p%d.png", p))
	}
	return s
}

// table writes a CSV of some patients' images and returns its path. The header names its
// columns, which tell what stands in them: a slide is a patient's number with an s.
func (s *study) table(name, header string, patients ...int) []string {
	s.t.Helper()
	text := header + "\n"
	for _, p := range patients {
		for _, class := range []string{"a", "b"} {
			var cells []string
			for column := range strings.SplitSeq(header, ",") {
				switch strings.ToLower(column) {
				case "path":
					cells = append(cells, fmt.Sprintf("img/%s-p%d.png", class, p))
				case "label":
					cells = append(cells, class)
				case "slide":
					cells = append(cells, fmt.Sprintf("s%d", p))
				default:
					cells = append(cells, fmt.Sprintf("p%d", p))
				}
			}
			text += strings.Join(cells, ",") + "\n"
		}
	}
	path := filepath.Join(s.dir, name)
	write(s.t, path, []byte(text))
	return []string{path}
}

// folder links some patients' images into class folders and returns its path.
func (s *study) folder(name string, patients ...int) []string {
	s.t.Helper()
	for _, p := range patients {
		for _, class := range []string{"a", "b"} {
			data, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("img/%s-p%d.png", class, p)))
			if err != nil {
				s.t.Fatal(err)
			}
			write(s.t, filepath.Join(s.dir, name, class, fmt.Sprintf("x-p%d.png", p)), data)
		}
	}
	return []string{filepath.Join(s.dir, name)}
}

func (s *study) load() (*Set, *Report, error) {
	return LoadLabelled(background, s.src, Options{Side: 8})
}

// must loads what is right.
func (s *study) must() (*Set, *Report) {
	s.t.Helper()
	set, r, err := s.load()
	if err != nil {
		s.t.Fatal(err)
	}
	return set, r
}

// wantCheck holds a verdict's check of a name and state to words that it must say.
func wantCheck(t *testing.T, v Verdict, name string, state State, words ...string) {
	t.Helper()
next:
	for _, c := range v.Checks {
		if c.Name != name || c.State != state {
			continue
		}
		for _, w := range words {
			if !strings.Contains(c.Text, w) {
				continue next
			}
		}
		return
	}
	t.Errorf("no check %s, %s says %q:\n%s", name, state, words, v.Text())
}

// A spreadsheet's header is Patient as well as patient: one patient in train and test is
// one patient.
func TestAHeaderInAnyCaseProtectsFromLeaks(t *testing.T) {
	for _, header := range []string{"path,label,patient", "Path,Label,Patient", "PATH,LABEL,PATIENT", "path,label,SLIDE"} {
		s := newStudy(t)
		s.src = Labelled{Train: s.table("train.csv", header, 1, 2, 3), Test: s.table("test.csv", header, 4, 5)}
		if _, r := s.must(); r.Grouping == ByImage {
			t.Errorf("%s: grouped by %s", header, r.Grouping)
		}
		write(t, filepath.Join(s.dir, "img/a-p1-again.png"), encodePNG(t, picture(8, 8, 77)))
		text, err := os.ReadFile(s.src.Test[0])
		if err != nil {
			t.Fatal(err)
		}
		group := "p1"
		if strings.HasSuffix(header, "SLIDE") {
			group = "s1"
		}
		write(t, s.src.Test[0], append(text, []byte("img/a-p1-again.png,a,"+group+"\n")...))
		_, r, err := s.load()
		wantData(t, err, group+" is both in train", "a-p1.png", "a-p1-again.png", "in test")
		if r.Verdict.Worst() != Error {
			t.Errorf("%s: the verdict of a refused set is\n%s", header, r.Verdict.Text())
		}
	}
}

// A column that the spec names must be there, by exactly that name, and hold something.
func TestNamedColumnsMustBeThere(t *testing.T) {
	for name, c := range map[string]struct {
		header  string
		columns Columns
		says    []string
	}{
		"a patient column that is not there": {"path,label,patient", Columns{Patient: "case"}, []string{`no column "case"`, "data.labelled.columns", `"patient"`}},
		"a slide column that is not there":   {"path,label,patient", Columns{Slide: "block"}, []string{`no column "block"`}},
		"the default, written out":           {"path,label", Columns{Patient: "patient"}, []string{`no column "patient"`, `"path", "label"`}},
		"another case":                       {"path,label,Case", Columns{Patient: "case"}, []string{`no column "case"`, `"Case" differs in case`}},
		"two of the name":                    {"path,label,patient,patient", Columns{}, []string{`column "patient" occurs twice`}},
		"paths that are labels":              {"path,label", Columns{Path: "label"}, []string{`column "label" is both path and label`, "data.labelled.columns"}},
		"labels that are paths":              {"path,label", Columns{Label: "path"}, []string{`column "path" is both path and label`}},
		"every image its own patient":        {"path,label", Columns{Patient: "path"}, []string{`column "path" is both path and patient`}},
		"a label is no slide":                {"path,label", Columns{Slide: "label"}, []string{`column "label" is both label and slide`}},
		"two that may be it":                 {"path,label,Patient,PATIENT", Columns{}, []string{`"Patient" and "PATIENT" may both be the column patient`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStudy(t)
			s.src = Labelled{Train: s.table("train.csv", c.header, 1, 2), Columns: c.columns}
			_, _, err := s.load()
			wantData(t, err, append(c.says, "train.csv", "line 1")...)
		})
	}
	s := newStudy(t)
	write(t, filepath.Join(s.dir, "empty.csv"), []byte("path,label,case\nimg/a-p1.png,a,\nimg/b-p1.png,b,\n"))
	s.src = Labelled{Train: []string{filepath.Join(s.dir, "empty.csv")}, Columns: Columns{Patient: "case"}}
	_, _, err := s.load()
	wantData(t, err, `column "case"`, "empty in every line")
	s.src = Labelled{Train: s.table("case.csv", "path,label,case", 1, 2)}
	_, r := s.must()
	wantCheck(t, r.Verdict, "tables", Note, `"case"`, "data.labelled.columns.patient")
	s.src.Columns.Patient = "case"
	if set, r := s.must(); r.Grouping != ByPatient || set.Image(0).Patient != "p1" {
		t.Errorf("grouped by %s, patient %q", r.Grouping, set.Image(0).Patient)
	}
	s.src.Columns.Slide = "case" // a slide a patient
	if set, _ := s.must(); set.Image(0).Patient != "p1" || set.Image(0).Slide != "p1" {
		t.Errorf("patient %q, slide %q", set.Image(0).Patient, set.Image(0).Slide)
	}
}

// A pattern and a column that both say what belongs together must not be guessed between.
func TestAPatternBesideAColumn(t *testing.T) {
	const patient, slide, both = `^[ab]-(?P<patient>p\d)$`, `^(?P<slide>[ab]-p\d)$`, `^(?P<slide>[ab]-(?P<patient>p\d))$`
	for name, c := range map[string]struct {
		header, pattern, by string
		group, slide        string // of img/a-p1.png; empty group: refused
	}{
		"patients twice":                          {"path,label,patient", patient, "", "", ""},
		"patients twice, the pattern wins":        {"path,label,patient", patient, FromPattern, "p1", ""},
		"patients twice, the column wins":         {"path,label,patient", `^nothing(?P<patient>)$`, FromColumn, "p1", ""},
		"slides beside patients":                  {"path,label,patient", slide, "", "", ""},
		"slides beside patients, pattern wins":    {"path,label,patient", slide, FromPattern, "a-p1", "a-p1"},
		"slides beside patients, the column wins": {"path,label,patient", slide, FromColumn, "p1", ""},
		"slides twice":                            {"path,label,slide", slide, "", "", ""},
		"slides twice, beside patients":           {"path,label,slide", both, "", "", ""},
		"slides twice, the column wins":           {"path,label,slide", both, FromColumn, "p1", "s1"},
		"patients beside slides":                  {"path,label,slide", patient, "", "p1", "s1"},
		"patients beside nothing":                 {"path,label", patient, "", "p1", ""},
		"patients beside nothing, by the column":  {"path,label", patient, FromColumn, "p1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStudy(t)
			s.src = Labelled{Train: s.table("train.csv", c.header, 1, 2), GroupPattern: c.pattern, By: c.by}
			set, r, err := s.load()
			if c.group == "" {
				wantData(t, err, "train.csv", "pattern", "column", "data.labelled.group.by")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if im := set.Image(0); im.Group != c.group || im.Slide != c.slide {
				t.Errorf("group %q, slide %q, want %q and %q", im.Group, im.Slide, c.group, c.slide)
			}
			if decided := strings.Contains(r.Verdict.Text(), "wins, as data.labelled.group.by says"); decided != strings.HasSuffix(name, " wins") || decided && c.header == "path,label" {
				t.Errorf("the verdict says that it was decided: %v", decided)
			}
		})
	}
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 1, 2), GroupPattern: `-(?P<patient>p\d)$`, By: FromColumn}
	if set, _ := s.must(); set.Image(0).Group != "p1" {
		t.Errorf("a folder has no columns: group %q", set.Image(0).Group)
	}
	s.src.By = "both"
	_, _, err := s.load()
	wantError(t, fault.ErrSpec, err, "data.labelled.group.by", "both")
}

// Patients are compared between every two splits, also where a third knows none.
func TestPatientsAreComparedBetweenEveryTwoSplits(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{
		Train: s.table("train.csv", "path,label,patient", 0, 1), Validation: s.table("validation.csv", "path,label,patient", 2, 3),
		Test: s.folder("test", 4, 5),
	}
	_, r := s.must()
	wantCheck(t, r.Verdict, "leaks", OK, "No patient", "train and validation")
	wantCheck(t, r.Verdict, "leaks", Warn, "train knows patients, test knows neither patients nor slides")
	wantCheck(t, r.Verdict, "groups", Warn, "train by patient (4 images)", "test by image (4 images)")
	if r.Grouping != Mixed {
		t.Errorf("grouped by %s", r.Grouping)
	}
	write(t, s.src.Validation[0], []byte("path,label,patient\nimg/a-p2.png,a,p1\nimg/b-p3.png,b,p3\n"))
	_, _, err := s.load()
	wantData(t, err, "patient p1", "train", "validation", "1 patient is in two splits")
}

// A slide's name means little where patients are known, and all where they are not.
func TestSlidesAreComparedWherePatientsAreNot(t *testing.T) {
	s := newStudy(t)
	numbered := func(name, header, rows string) []string {
		path := filepath.Join(s.dir, name)
		write(t, path, []byte(header+"\n"+rows))
		return []string{path}
	}
	s.src.Train = numbered("train.csv", "path,label,patient,slide", "img/a-p0.png,a,p0,1\nimg/b-p0.png,b,p0,2\n")
	s.src.Test = numbered("test.csv", "path,label,patient,slide", "img/a-p1.png,a,p1,1\nimg/b-p1.png,b,p1,2\n")
	_, r := s.must()
	wantCheck(t, r.Verdict, "leaks", Note, "different patients")
	s.src.Test = numbered("test.csv", "path,label,slide", "img/a-p1.png,a,1\nimg/b-p1.png,b,2\n")
	_, _, err := s.load()
	wantData(t, err, "slide 1", "2 slides are in two splits")
	s.src.Test = numbered("test.csv", "path,label,slide", "img/a-p1.png,a,3\nimg/b-p1.png,b,4\n")
	_, r = s.must()
	wantCheck(t, r.Verdict, "leaks", OK, "No slide")
}

func TestPatientsThatLookAlikeAreSaid(t *testing.T) {
	s := newStudy(t)
	write(t, filepath.Join(s.dir, "train.csv"), []byte("path,label,patient\nimg/a-p0.png,a,007\nimg/b-p0.png,b,007\n"))
	write(t, filepath.Join(s.dir, "test.csv"), []byte("path,label,patient\nimg/a-p1.png,a,7.0\nimg/b-p1.png,b,7.0\n"))
	s.src = Labelled{Train: []string{filepath.Join(s.dir, "train.csv")}, Test: []string{filepath.Join(s.dir, "test.csv")}}
	_, r := s.must()
	wantCheck(t, r.Verdict, "leaks", Warn, `"007" of train`, `"7.0" of test`)
}

// Equal pixels in two splits are refused by both names, unless they are allowed.
func TestEqualPixelsInTwoSplits(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1), Test: s.folder("test", 2, 3), GroupPattern: `-(?P<patient>p\d)`}
	plain, r := s.must()
	wantCheck(t, r.Verdict, "pixels", OK)
	copied, err := os.ReadFile(filepath.Join(s.dir, "train/a/x-p0.png"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "test/a/y-p4.png"), copied)
	write(t, filepath.Join(s.dir, "test/a/z-p5.png"), copied)
	_, r, err = s.load()
	wantData(t, err, "3 images", "train/a/x-p0.png (train, label a)", "test/a/y-p4.png (test, label a)", "data.labelled.allowDuplicates: true")
	wantCheck(t, r.Verdict, "pixels", Error, "3 images")
	s.src.AllowDuplicates = true
	set, r := s.must()
	wantCheck(t, r.Verdict, "pixels", Warn, "3 images", "allowDuplicates lets them pass")
	wantCheck(t, r.Verdict, "copies", Note, "1 image is a duplicate", "y-p4.png", "z-p5.png")
	if set.Len() != plain.Len()+2 || r.Verdict.Err() != nil {
		t.Errorf("%d images, %v", set.Len(), r.Verdict.Err())
	}
}

// The same pixels under two labels are refused, in one split too.
func TestEqualPixelsUnderTwoLabels(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1)}
	copied, err := os.ReadFile(filepath.Join(s.dir, "train/a/x-p0.png"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "train/b/twin.png"), copied)
	_, _, err = s.load()
	wantData(t, err, "2 images", "a/x-p0.png (train, label a)", "b/twin.png (train, label b)", "allowDuplicates")
	s.src.AllowDuplicates = true
	_, r := s.must()
	wantCheck(t, r.Verdict, "labels", Warn, "2 images")
	wantCheck(t, r.Verdict, "copies", OK)
	_, r, err = Open(background, s.src.Train[0], "", "", Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	wantData(t, r.Verdict.Err(), "a/x-p0.png (label a)", "b/twin.png (label b)")
}

// Every fault is in the verdict, the first one in the error.
func TestTheErrorCountsWhatElseIsWrong(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1), Test: s.folder("test", 0, 1)}
	_, r, err := s.load()
	wantData(t, err, "8 images")
	if strings.Contains(err.Error(), "more fault") {
		t.Errorf("one fault is %v", err)
	}
	s.src.GroupPattern = `-(?P<patient>p\d)`
	if err := os.RemoveAll(filepath.Join(s.dir, "test/b")); err != nil {
		t.Fatal(err)
	}
	_, r, err = s.load()
	wantData(t, err, "class b has no image in test", "and 1 more fault")
	wantCheck(t, r.Verdict, "classes", Error)
	wantCheck(t, r.Verdict, "leaks", Error, "2 patients are in two splits")
}

// Test images that the generators have seen are said, whatever size they were seen in.
func TestTestImagesAmongUnlabelledPatches(t *testing.T) {
	s := newStudy(t)
	s.src = Labelled{Train: s.folder("train", 0, 1), Test: s.folder("test", 2, 3)}
	set, r := s.must()
	tree(t, s.dir, "pas/clean.png")
	for _, dir := range []string{"", t.TempDir()} {
		cache := pixelcache.New(pixelcache.Options{Dir: dir})
		defer cache.Close()
		for range 2 { // the second time out of the cache
			patches, _, err := Unlabelled(background, []string{filepath.Join(s.dir, "pas")}, Options{Side: 11, Cache: cache})
			if err != nil {
				t.Fatal(err)
			}
			v := r.Verdict
			v.Seen("PAS", set, patches)
			wantCheck(t, v, "unlabelled", OK, "PAS")
			dirty, _, err := Unlabelled(background, []string{filepath.Join(s.dir, "pas"), filepath.Join(s.dir, "img")}, Options{Side: 11, Cache: cache})
			if err != nil {
				t.Fatal(err)
			}
			v = r.Verdict
			v.Seen("PAS", set, dirty)
			wantCheck(t, v, "unlabelled", Warn, "4 test images", "PAS", "test/a/x-p2.png is "+filepath.Join(s.dir, "img/a-p2.png"), "have seen them")
		}
	}
}

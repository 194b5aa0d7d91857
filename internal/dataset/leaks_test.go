package dataset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// knownImages makes images of a split, each of a patient and a slide, "patient/slide".
func knownImages(split Split, of ...string) []Image {
	var images []Image
	for i, x := range of {
		patient, slide, _ := strings.Cut(x, "/")
		images = append(images, Image{Name: fmt.Sprintf("%s-%d", split, i), Patient: patient, Slide: slide, Split: split})
	}
	return images
}

// One image with a patient does not make a split known: what lacks a patient, and a slide
// to compare by, is counted, and nothing is claimed of it.
func TestSplitsOfWhichPatientsAreKnownInPart(t *testing.T) {
	for name, c := range map[string]struct {
		train, test []string
		state       State
		says        string
	}{
		"all patients":                     {[]string{"p1/", "p2/"}, []string{"p3/", "p4/s"}, OK, "No patient is in two splits: compared were train and test"},
		"one without a patient":            {[]string{"p1/", "/"}, []string{"p3/", "p4/"}, Warn, "of 1 of 4 images of train and test"},
		"in both splits":                   {[]string{"p1/", "/"}, []string{"p3/", "p4/", "/"}, Warn, "of 2 of 5 images of train and test"},
		"a slide, and nothing beside it":   {[]string{"p1/s1", "/s2"}, []string{"p3/", "p4/"}, Warn, "of 1 of 4 images of train and test"},
		"a slide, and not all have slides": {[]string{"p1/s1", "/s2"}, []string{"p3/s3", "p4/"}, Warn, "of 1 of 4 images of train and test"},
		"slides for all":                   {[]string{"p1/s1", "/s2"}, []string{"p3/s3", "p4/s4"}, OK, "nor a slide where patients are not known: compared were train and test"},
		"slides that need none":            {[]string{"p1/", "p2/s2"}, []string{"p3/s3", "/s4", "p5/s5"}, Warn, "of 1 of 5 images"},
		"slides alone":                     {[]string{"/s1", "/s2"}, []string{"p3/s3", "/s4"}, OK, "No slide is in two splits"},
		"slides alone, one without":        {[]string{"/s1", "/"}, []string{"p3/s3", "/s4"}, Warn, "of 1 of 4 images"},
		"nothing in common":                {[]string{"/s1", "/s2"}, []string{"p3/", "p4/"}, Warn, "train knows slides alone, test knows patients"},
	} {
		t.Run(name, func(t *testing.T) {
			v := Verdict{Checks: checkLeaks(bySplit(append(knownImages(Train, c.train...), knownImages(Test, c.test...)...)))}
			wantCheck(t, v, "leaks", c.state, c.says)
			if c.state != OK && strings.Contains(v.Text(), "No ") {
				t.Errorf("more is claimed than was compared:\n%s", v.Text())
			}
		})
	}
	v := Verdict{Checks: checkLeaks(bySplit(append(knownImages(Train, "p1/", "/"), knownImages(Test, "p1/")...)))}
	wantCheck(t, v, "leaks", Error, "1 patient is in two splits")
	wantCheck(t, v, "leaks", Warn, "of 1 of 3 images")
}

// Who has no name looks like nobody; names of zeros look like each other.
func TestNamesThatLookAlike(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		alike bool
	}{
		{"0", "", false}, {"", "0", false}, {"", "", false}, {"000", " ", false}, {" ", "\u3000", false}, {"0", "0", false},
		{"000", "0", true}, {"0.0", "00", true}, {"0", "1", false}, {"p1", "P1 ", true}, {"007", "7.0", true}, {"10", "1", false},
	} {
		v := Verdict{Checks: checkLeaks(bySplit(append(knownImages(Train, c.a+"/", "other/"), knownImages(Test, c.b+"/", "another/")...)))}
		if alike := strings.Contains(v.Text(), "may be one"); alike != c.alike {
			t.Errorf("%q and %q may be one: %v, want %v", c.a, c.b, alike, c.alike)
		}
	}
}

// Slides are compared as if each image were with each.
func TestSlidesAgainstEveryPair(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	some := func(kind string, n int) string {
		if i := r.IntN(n); i > 0 {
			return fmt.Sprint(kind, i)
		}
		return ""
	}
	for round := range 300 {
		var of [2][]string
		for i := range of {
			for range 1 + r.IntN(6) {
				of[i] = append(of[i], some("p", 4)+"/"+some("s", 4))
			}
		}
		train, test := knownImages(Train, of[0]...), knownImages(Test, of[1]...)
		shared, repeated := map[string]bool{}, false
		for _, a := range train {
			for _, b := range test {
				switch {
				case a.Slide == "" || a.Slide != b.Slide:
				case a.Patient == "" || b.Patient == "":
					shared[a.Slide] = true
				case a.Patient != b.Patient:
					repeated = true
				}
			}
		}
		var l leaks
		l.slides(part{Train, train}, part{Test, test})
		if len(l.shared[1]) != len(shared) || (l.repeated != "") != repeated {
			t.Fatalf("seed %d, round %d: %v shared, %q has two patients; want %v, %v\n%v", seed, round, l.shared[1], l.repeated, shared, repeated, of)
		}
	}
}

// Slides that everybody numbers from 1, as hospitals do: the time is that of the images.
func BenchmarkLeaksOfNumberedSlides(b *testing.B) {
	var images []Image
	for i := range 300_000 {
		split := Train
		if i%3 == 0 {
			split = Test
		}
		images = append(images, Image{Patient: fmt.Sprintf("%s%d", split, i/30), Slide: "1", Split: split})
	}
	for b.Loop() {
		checkLeaks(bySplit(images))
	}
}

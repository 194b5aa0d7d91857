package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/philox"
)

func TestSplitGroupsFollowsTheRule(t *testing.T) {
	// Groups of different sizes; the rule written out beside it.
	var images []*Image
	totals := map[string]int{}
	for g := range 20 {
		for i := range 1 + g%5 {
			label := []string{"a", "b"}[(g+i)%2]
			images = append(images, &Image{Name: fmt.Sprint(g, i), Group: fmt.Sprintf("g%02d", g), Label: label, Split: Train})
			totals[label]++
		}
	}
	limit := map[string]int{"a": (totals["a"] + 3) / 4, "b": (totals["b"] + 3) / 4}
	want, taken := map[string]bool{}, map[string]int{}
	for _, g := range philox.Shuffle(9, philox.Split, 0, 20) {
		name, add, ok := fmt.Sprintf("g%02d", g), map[string]int{}, true
		for _, im := range images {
			if im.Group == name {
				add[im.Label]++
			}
		}
		for class, n := range add {
			ok = ok && taken[class]+n <= limit[class]
		}
		if ok {
			want[name] = true
			taken["a"] += add["a"]
			taken["b"] += add["b"]
		}
	}
	if err := SplitGroups(images, []Part{{Validation, 0.25}}, 9); err != nil {
		t.Fatal(err)
	}
	for _, im := range images {
		if (im.Split == Validation) != want[im.Group] {
			t.Errorf("group %s is in %s", im.Group, im.Split)
		}
	}
	if len(want) < 3 {
		t.Errorf("only %d groups taken: the test tests nothing", len(want))
	}
}

func TestSplitGroupsRoundsWholeProductsExactly(t *testing.T) {
	// In float64, 0.07 x 100 is 7.000000000000001, and must not become 8.
	for _, c := range []struct {
		fraction float64
		n, want  int
	}{{0.15, 20, 3}, {0.1, 30, 3}, {0.07, 100, 7}, {0.29, 100, 29}, {0.15, 21, 4}} {
		var images []*Image
		for i := range c.n {
			images = append(images, &Image{Group: fmt.Sprint(i), Label: "a", Split: Train})
		}
		if err := SplitGroups(images, []Part{{Test, c.fraction}}, 1); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, im := range images {
			if im.Split == Test {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%v of %d: %d taken, want %d", c.fraction, c.n, got, c.want)
		}
	}
}

func TestSplitTables(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, slides("all", "s", 10)...)
	out := filepath.Join(dir, "split")
	req := SplitRequest{Source: filepath.Join(dir, "all"), GroupPattern: slidePattern, Validation: 0.2, Test: 0.3, Out: out}
	counts, r, err := SplitTables(req)
	if err != nil {
		t.Fatal(err)
	}
	want := []Count{{Split: Train, Class: "a", Images: 10, Groups: 5}, {Split: Train, Class: "b", Images: 10, Groups: 5},
		{Split: Validation, Class: "a", Images: 4, Groups: 2}, {Split: Validation, Class: "b", Images: 4, Groups: 2},
		{Split: Test, Class: "a", Images: 6, Groups: 3}, {Split: Test, Class: "b", Images: 6, Groups: 3}}
	if fmt.Sprint(counts) != fmt.Sprint(want) || r.Images != 40 {
		t.Errorf("counts %v, want %v", counts, want)
	}
	// The tables load, from wherever they are read.
	at := func(name string) []string { return []string{filepath.Join(out, name)} }
	s, loaded, err := LoadLabelled(background, Labelled{Train: at("train.csv"), Validation: at("validation.csv"), Test: at("test.csv")}, Options{Side: 8})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 40 || loaded.Grouping != BySlide || s.Split(Test).groups() != 3 {
		t.Errorf("%d images by %s", s.Len(), loaded.Grouping)
	}
	// What is known beside goes along, so that another part can be compared by it.
	write(t, filepath.Join(dir, "both.csv"), []byte("path,label,Slide,PATIENT\nall/a/s0-0.png,a,s0,p0\nall/b/s0-0.png,b,s0,p0\nall/a/s1-0.png,a,s1,p1\nall/b/s1-0.png,b,s1,p1\n"))
	both := SplitRequest{Source: filepath.Join(dir, "both.csv"), Test: 0.5, Out: filepath.Join(dir, "tables")}
	if _, _, err := SplitTables(both); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tables", "test.csv"))
	if err != nil || !strings.HasPrefix(string(text), "path,label,patient,slide\n../all/a/s") || !strings.Contains(string(text), ",a,p") {
		t.Errorf("table %q, %v", text, err)
	}
	both.GroupPattern = `^(?P<patient>s\d)-`
	_, _, err = SplitTables(both)
	wantData(t, err, "both.csv", "data.labelled.group.by")
	both.By = FromPattern
	if _, _, err := SplitTables(both); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over tables that say something else: %v", err)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "tables", "test.csv")); err != nil || string(again) != string(text) {
		t.Errorf("a refused split changed a table: %q, %v", again, err)
	}
	both.Force = true
	for range 2 { // the second time the same, so that nothing need be forced
		_, r, err := SplitTables(both)
		if err != nil || r.Grouping != ByPatient {
			t.Fatalf("by %v: %v", r, err)
		}
		both.Force = false
	}
	// The table that is split is never written over, also where a link leads to it.
	if err := os.Rename(both.Source, filepath.Join(dir, "train.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	both.Source, both.Out, both.Force = filepath.Join(dir, "train.csv"), filepath.Join(dir, "link"), true
	if _, _, err := SplitTables(both); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "which is split") {
		t.Errorf("over the table that is split: %v", err)
	}
	req.Validation, req.Test = 0, 0
	if _, _, err := SplitTables(req); err == nil {
		t.Error("no fraction at all is accepted")
	}
}

// A table of another split does not stay beside tables that may name its images.
func TestNoTableOfAnotherSplitStays(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, slides("all", "s", 10)...)
	req := SplitRequest{Source: filepath.Join(dir, "all"), GroupPattern: slidePattern, Validation: 0.2, Test: 0.3, Out: filepath.Join(dir, "split")}
	if _, _, err := SplitTables(req); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(req.Out, "train.csv"))
	if err != nil {
		t.Fatal(err)
	}
	req.Validation, req.Force = 0, true
	if _, _, err := SplitTables(req); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "validation.csv") {
		t.Errorf("beside validation.csv: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(req.Out, "train.csv")); err != nil || string(after) != string(before) {
		t.Errorf("a refused split changed a table, %v", err)
	}
	if err := os.Remove(filepath.Join(req.Out, "validation.csv")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := SplitTables(req); err != nil {
		t.Error(err)
	}
}

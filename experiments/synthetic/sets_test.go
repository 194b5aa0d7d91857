package synthetic

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/dataset"
	"g2c/internal/fault"
)

var smallWorld = Config{Patients: 8, Patches: 3, Seed: 5}

const smallSide = 16

func TestLabelledSplitsByPatient(t *testing.T) {
	set, err := Labelled(smallWorld, PAS, smallSide)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != smallWorld.Patients*smallWorld.Patches {
		t.Errorf("%d images, want %d", set.Len(), smallWorld.Patients*smallWorld.Patches)
	}
	side := map[string]dataset.Split{}
	for i := range set.Len() {
		im := set.Image(i)
		if s, ok := side[im.Group]; ok && s != im.Split {
			t.Errorf("patient %s is in %s and %s", im.Group, s, im.Split)
		}
		side[im.Group] = im.Split
	}
	for split, want := range map[dataset.Split]int{dataset.Test: 2, dataset.Validation: 2, dataset.Train: 4} {
		part := set.Split(split)
		if len(part.Classes()) != 3 || part.Len() != want*smallWorld.Patches {
			t.Errorf("%s has classes %v and %d images, want 3 classes of %d patients", split, part.Classes(), part.Len(), want)
		}
	}
}

func TestTruthIsTheSameImages(t *testing.T) {
	pas, err := Labelled(smallWorld, PAS, smallSide)
	if err != nil {
		t.Fatal(err)
	}
	he, err := Labelled(smallWorld, HE, smallSide)
	if err != nil {
		t.Fatal(err)
	}
	for i := range pas.Len() {
		if pas.Image(i) != he.Image(i) {
			t.Fatalf("image %d is %v in PAS and %v in HE", i, pas.Image(i), he.Image(i))
		}
	}
	if pas.Fingerprint() == he.Fingerprint() {
		t.Error("two stains have one fingerprint")
	}
}

func TestDomainsShareNoPatient(t *testing.T) {
	seen := map[string]string{}
	labelled, err := Labelled(smallWorld, PAS, smallSide)
	if err != nil {
		t.Fatal(err)
	}
	for i := range labelled.Len() {
		seen[labelled.Image(i).Group] = "the labelled set"
	}
	for _, stain := range Stains {
		set, err := Domain(smallWorld, stain, smallSide)
		if err != nil {
			t.Fatal(err)
		}
		if set.Len() != 3*smallWorld.Patches {
			t.Errorf("%s has %d images", stain, set.Len())
		}
		for i := range set.Len() {
			patient, _, _ := strings.Cut(set.Image(i).Name, "-")
			if where, ok := seen[patient]; ok && where != string(stain) {
				t.Errorf("patient %s of %s is also in %s", patient, stain, where)
			}
			seen[patient] = string(stain)
		}
	}
}

func TestWrittenWorldLoadsAsItself(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, smallWorld, PAS, smallSide); err != nil {
		t.Fatal(err)
	}
	opt := dataset.Options{Side: smallSide, Fit: dataset.Refuse}
	part := func(name string) []string { return []string{filepath.Join(dir, "labelled", name)} }
	got, _, err := dataset.LoadLabelled(context.Background(), dataset.Labelled{
		Train: part("train"), Validation: part("validation"), Test: part("test"), GroupPattern: GroupPattern,
	}, opt)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Labelled(smallWorld, PAS, smallSide)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fingerprint() != want.Fingerprint() {
		t.Error("the labelled set read back is another one")
	}
	domain, err := Domain(smallWorld, PASM, smallSide)
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := dataset.Unlabelled(context.Background(), []string{filepath.Join(dir, "unlabelled", "PASM")}, opt)
	if err != nil {
		t.Fatal(err)
	}
	if read.Fingerprint() != domain.Fingerprint() {
		t.Error("the domain read back is another one")
	}
	table, _, err := dataset.Open(context.Background(), filepath.Join(dir, "labels.csv"), "", "", opt)
	if err != nil {
		t.Fatal(err)
	}
	if table.Len() != want.Len() || table.Image(0).Group == "" {
		t.Errorf("the table names %d images, the first of group %q", table.Len(), table.Image(0).Group)
	}
	if _, err := os.Stat(filepath.Join(dir, "unlabelled", "HE")); err != nil {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{Patients: 3, Patches: 3}, {Patients: 4, Patches: 2}, {Patients: maxPatients + 1, Patches: 3}, {Patients: 4, Patches: maxPatches + 1}} {
		if err := c.Validate(); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("%+v: error %v, want a spec error", c, err)
		}
	}
	if _, err := Domain(smallWorld, "GRAM", smallSide); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("an unknown stain gives %v", err)
	}
	if _, err := Labelled(smallWorld, "GRAM", smallSide); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("an unknown stain gives %v", err)
	}
	if _, err := Labelled(smallWorld, PAS, 0); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("side 0 gives %v", err)
	}
}

package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image/png"
	"slices"
	"strings"
	"testing"
)

// pairedPlan trains a generator on pairs for each of two slides that are held out, and one
// without pairs.
func pairedPlan(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, plan(t, "sweep={}", "tasks=[]", "data.unlabelled={PAS: p, MASSON: m}", "data.paired={HE: pairs.csv}",
		`sweep={data.heldSlide: ["03", "04"]}`, "arms=[{name: BOTH, stains: [HE, MASSON]}]"))
	w.all()
	return w
}

// TestPairedReport shows generators that were trained on pairs beside what needs no network,
// with their images, in every form of the report.
func TestPairedReport(t *testing.T) {
	w := pairedPlan(t)
	d := w.collect()
	paired, unpaired := paired(d.Generators)
	if len(paired) != 2 || len(unpaired) != 1 {
		t.Fatalf("%d generators of pairs, %d others", len(paired), len(unpaired))
	}
	html, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := string(html)
	for _, want := range []string{"Trained on pairs", "data.heldSlide=03", "data.heldSlide=04", ">0.625<", ">21.2<", ">18.5<", ">19.8<", fmt.Sprintf(">%.3f<", float64(paired[0].Pairs.Model.SSIM)), "L1 (weighted)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, ">NaN") || strings.Contains(page, " NaN") {
		t.Error("the page says NaN")
	}
	text, err := d.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(row []string, column string) string { return row[slices.Index(rows[0], column)] }
	found := 0
	for _, row := range rows[1:] {
		if !strings.HasPrefix(at(row, "name"), "paired/") {
			continue
		}
		found++
		if at(row, "kind") != "generator" || at(row, "split") != "test" || at(row, "sourceSSIM") != "0.625" || at(row, "psnr") != "21.25" || at(row, "reinhardPSNR") != "19.75" || at(row, "cycleL1") != "" {
			t.Errorf("%v", row)
		}
	}
	if found != 2 {
		t.Errorf("%d rows of pairs", found)
	}
	sheets := 0
	for _, f := range d.draw().all() {
		if !strings.Contains(f.Path, "images-paired") {
			continue
		}
		sheets++
		if _, err := png.Decode(bytes.NewReader(f.Bytes)); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
	if sheets != 4 {
		t.Errorf("%d sheets of pairs", sheets)
	}
}

// LiveSheet of pairs has three columns.
func TestLiveSheetOfPairs(t *testing.T) {
	images := map[string][]uint8{}
	for _, kind := range []string{"real_A", "fake_B", "real_B"} {
		images[kind] = make([]uint8, 2*3*64*64)
	}
	three, err := png.Decode(bytes.NewReader(LiveSheet("PAS", "HE", 64, images)))
	if err != nil {
		t.Fatal(err)
	}
	images["cycle_A"], images["fake_A"], images["cycle_B"] = images["real_A"], images["real_A"], images["real_A"]
	six, err := png.Decode(bytes.NewReader(LiveSheet("PAS", "HE", 64, images)))
	if err != nil {
		t.Fatal(err)
	}
	if !(2*three.Bounds().Dx() <= six.Bounds().Dx()+tileGap) {
		t.Errorf("sheets of %v and %v", three.Bounds(), six.Bounds())
	}
}

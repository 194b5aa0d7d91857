package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"g2c/experiments/spec"
	"g2c/internal/golden"
)

// contrasted are two finished runs, which differ in an edit.
func contrasted(t *testing.T, setsA, setsB []string) *Contrast {
	t.Helper()
	var of [2]*Data
	for i, sets := range [][]string{setsA, setsB} {
		w := newWorld(t, plan(t, sets...))
		w.all()
		of[i] = w.collect()
	}
	return Contrasted(of[0], of[1], "glomeruli", "glomeruli@0123456789ab", []spec.Difference{{Path: "finetune.gamma", A: "2", B: "1"}})
}

func TestContrastText(t *testing.T) {
	longer := append([]string{"finetune.gamma=1"}, small...)
	c := contrasted(t, small, longer)
	var out bytes.Buffer
	if err := c.Text(&out); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/contrast.txt", out.String())
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(line)); n > textWidth {
			t.Errorf("%d cells: %s", n, line)
		}
	}
}

// What a contrast says of a pair is what the runs' own numbers give, and of what is the same
// in both it says that.
func TestContrastOfPairs(t *testing.T) {
	three := []string{"sweep.seeds=[1, 2, 3]", small[1]}
	c := contrasted(t, small, append([]string{"finetune.gamma=1"}, three...))
	if len(c.Arms) != 2 || len(c.OnlyA)+len(c.OnlyB) > 0 || len(c.Generators) != 1 || !c.Generators[0].Same {
		t.Fatalf("%+v", c)
	}
	for _, a := range c.Arms {
		if len(a.Comparison.Seeds) != 1 || a.Comparison.Seeds[0] != 1 || a.Comparison.Family != 2 || a.Comparison.N == 0 {
			t.Errorf("%s: %+v", a.Arm, a.Comparison)
		}
		for _, m := range a.Metrics {
			got, want := float64(m.Difference), float64(m.B-m.A)
			if !(math.Abs(got-want) <= 1e-12) {
				t.Errorf("%s %s: difference %v of %v and %v", a.Arm, m.Metric, got, m.A, m.B)
			}
		}
	}
	same := contrasted(t, small, small)
	for _, a := range same.Arms {
		if !a.Same || !(a.Metrics[0].Difference == 0) {
			t.Errorf("%s of one run: %+v", a.Arm, a.Metrics[0])
		}
	}
	other := contrasted(t, small, []string{"sweep.seeds=[4]", small[1]})
	for _, a := range other.Arms { // images pair all the same
		if m := a.Metrics[0]; len(a.Comparison.Seeds) > 0 || a.Comparison.N == 0 || !(math.Abs(float64(m.Difference-(m.B-m.A))) <= 1e-12) || a.Comparison.OverSeeds.Difference.Defined() {
			t.Errorf("without a common seed: %+v", a)
		}
	}
	fewer := contrasted(t, small, []string{small[0], `arms=[{name: PAS_ONLY, stains: []}, {name: new, stains: [PASM]}]`})
	if len(fewer.OnlyA) != 1 || len(fewer.OnlyB) != 1 || len(fewer.Arms) != 1 {
		t.Errorf("only in A %v, only in B %v", fewer.OnlyA, fewer.OnlyB)
	}
}

// Generators of pairs have a table of their own, slide by slide, with their own numbers; the
// table of those without pairs has none of them.
func TestContrastOfPairedGenerators(t *testing.T) {
	d := pairedPlan(t).collect()
	c := Contrasted(d, d, "a", "b", nil)
	if len(c.Paired()) != 2 || len(c.Cyclic()) != 1 {
		t.Fatalf("%d of pairs, %d without", len(c.Paired()), len(c.Cyclic()))
	}
	var out bytes.Buffer
	if err := c.Text(&out); err != nil {
		t.Fatal(err)
	}
	html, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range c.Paired() {
		if !g.Same || g.PairsA.Model != g.PairsB.Model {
			t.Errorf("%+v", g)
		}
		ssim, psnr := fmt.Sprintf("%.3f", float64(g.PairsA.Model.SSIM)), decibelsText(&g.PairsA.Model.PSNR)
		if line := ssim + "   " + ssim; !strings.Contains(out.String(), line) || !strings.Contains(out.String(), "ON PAIRS") {
			t.Errorf("%q is not in\n%s", line, out.String())
		}
		if cells := "<td>" + ssim + "</td><td>" + ssim + "</td><td>" + psnr + "</td>"; !strings.Contains(string(html), cells) {
			t.Errorf("%q is not on the page", cells)
		}
	}
	if strings.Contains(out.String(), "–  –") {
		t.Errorf("a table of dashes:\n%s", out.String())
	}
}

// A label that changed between two runs makes them incomparable, and they say so.
func TestContrastOfRelabelled(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	a, b := w.collect(), w.collect()
	p := b.groups[0].rows[0].predictions
	for i := range p {
		if p[i].Split == "test" {
			p[i].Class = 1 - p[i].Class
			break
		}
	}
	c := Contrasted(a, b, "a", "b", nil)
	if got := c.Arms[0]; got.Comparison.Why == "" || got.Metrics[0].Difference.Defined() {
		t.Errorf("%+v", got.Comparison)
	}
}

func TestContrastPage(t *testing.T) {
	c := contrasted(t, small, append([]string{"finetune.gamma=1"}, small...))
	page, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if m := asks.FindAll(page, -1); len(m) > 0 {
		t.Errorf("the page asks for %s", m[0])
	}
	if n := bytes.Count(page, []byte("<svg ")); n != 3 {
		t.Errorf("%d drawings, want one a pair", n)
	}
	text, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Contrast
	if err := json.Unmarshal(text, &back); err != nil || len(back.Arms) != len(c.Arms) {
		t.Errorf("%v", err)
	}
}

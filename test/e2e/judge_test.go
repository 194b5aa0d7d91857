package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A generator is judged image by image, as pretrained and as joint training left it, and the
// figure of the best and the worst is drawn; a figure that others made is not replaced.
func TestJudge(t *testing.T) {
	s := openStudio(t)
	figure := filepath.Join(t.TempDir(), "figure.png")
	type number = *float64
	type verdict struct {
		Stain, By      string
		Images         int
		Structure      struct{ Mean, SD number }
		CycleSSIM      struct{ Mean number }
		ColourDistance number
		Each           []struct {
			Path      string
			CycleSSIM number
		}
	}
	judge := func(model string, more ...string) (v verdict) {
		t.Helper()
		args := append([]string{"judge", model, s.test(), "--store", s.store, "--json"}, more...)
		if err := json.Unmarshal([]byte(must(t, nil, args...).stdout), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := judge(s.pair, "-o", figure, "--rows", "2", "--target", s.test())
	if before.Images != 12 || len(before.Each) != 12 || before.By != "cycle" || before.Stain != "HE" || before.ColourDistance == nil || before.Structure.SD == nil {
		t.Errorf("%+v", before)
	}
	for i := 1; i < len(before.Each); i++ {
		if !(*before.Each[i-1].CycleSSIM >= *before.Each[i].CycleSSIM) {
			t.Errorf("%s is worse than %s behind it", before.Each[i-1].Path, before.Each[i].Path)
		}
	}
	first, err := os.ReadFile(figure)
	if err != nil {
		t.Fatal(err)
	}
	after := judge(s.joint, "--to", "HE", "--by", "structure", "-o", figure) // its own figure it replaces
	if after.Images != 12 || after.CycleSSIM.Mean == nil || after.By != "structure" {
		t.Errorf("%+v", after)
	}
	if second, err := os.ReadFile(figure); err != nil || string(second) == string(first) {
		t.Errorf("the figure is as before, %v", err)
	}
	if o := must(t, nil, "judge", s.pair, s.test(), "--store", s.store); !strings.Contains(o.stdout, "cycle SSIM") || !strings.Contains(o.stdout, "12 images") {
		t.Errorf("%s", o.stdout)
	}
	foreign := filepath.Join(t.TempDir(), "mine.png")
	write(t, foreign, []byte("mine"))
	for name, args := range map[string][]string{
		"not made by this": {s.pair, s.test(), "-o", foreign}, "neither": {s.pair, s.test(), "--by", "beauty"}, "--rows": {s.pair, s.test(), "--rows", "0"},
		"PAS alone": {s.alone, s.test()}, "does not translate": {s.pair, s.test(), "--to", "PASM"},
	} {
		if o := run(t.Context(), t, nil, append(append([]string{"judge"}, args...), "--store", s.store)...); o.code != 2 || !strings.Contains(o.stderr, name) {
			t.Errorf("%v: exit code %d, %s", args, o.code, o.stderr)
		}
	}
}

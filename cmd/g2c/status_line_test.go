package main

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

// Whatever the name, the note and the terminal are, the line fits, fills no cell twice, and
// loses what is told least first.
func TestTheLineFits(t *testing.T) {
	for _, name := range []string{"", "pretrain/HE/w8/b1/s1", "微调/糸球体/染色", "e\u0301te\u0301 👩\u200d🔬 été", strings.Repeat("long", 80), "esc\x1b[2J\nape"} {
		for _, p := range []progress{
			{name: name, done: 3, total: 310, unit: "step", note: "epoch 1/12, loss 0.1234", each: 8, things: "image"},
			{name: name, done: 277524, unit: "image"},
			{name: name, done: 0, total: 1, unit: "image", note: "损失"},
			{name: name, done: 9, total: 8, unit: "image"},
		} {
			for cells := range 200 {
				for _, rate := range []float64{0, 1e-9, 21.34, 1e9} {
					line := p.line(rate, cells)
					if got := uniseg.StringWidth(line); got > cells {
						t.Fatalf("%d cells of %d: %q", got, cells, line)
					}
					if strings.ContainsAny(line, "\x1b\r\n") {
						t.Fatalf("%q moves the cursor", line)
					}
				}
			}
		}
	}
	p := progress{name: "pretrain/HE/w8/b1/s1", done: 155, total: 310, unit: "step", note: "epoch 1/2, loss 0.1234", each: 8, things: "image"}
	part := p
	part.part, part.left = true, "12m20s left in all"
	for cells, want := range map[int]string{
		99: "pretrain/HE/w8/b1/s1 epoch 1/2, loss 0.1234 step 155/310, 50%, 16.0 images/s, 12m20s left in all",
		79: "pretrain/HE/w8/b1/s1 step 155/310, 50%, 16.0 images/s, 12m20s left in all",
		59: "pretr… step 155/310, 50%, 16.0 images/s, 12m20s left in all",
	} {
		if got := part.line(2, cells); got != want {
			t.Errorf("of a run in %d cells:\n%q, want\n%q", cells, got, want)
		}
	}
	part.left = ""
	if got, want := part.text(2), "pretrain/HE/w8/b1/s1: step 155/310, epoch 1/2, loss 0.1234, 16.0 images/s"; got != want {
		t.Errorf("before the time left is known: %q, want %q", got, want)
	}
	for cells, want := range map[int]string{
		99: "pretrain/HE/w8/b1/s1 epoch 1/2, loss 0.1234 [====    ] step 155/310, 50%, 16.0 images/s, 1m18s left",
		80: "pretrain/HE/w8/b1/s1 [======      ] step 155/310, 50%, 16.0 images/s, 1m18s left",
		59: "pretrain/HE/w… step 155/310, 50%, 16.0 images/s, 1m18s left",
		40: "step 155/310, 50%, 16.0 images/s, 1m18s…",
		20: "step 155/310, 50%, …",
	} {
		if got := p.line(2, cells); got != want {
			t.Errorf("in %d cells:\n%q, want\n%q", cells, got, want)
		}
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	for _, c := range []struct {
		text  string
		cells int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abcd", 1, "…"}, {"abcd", 0, ""},
		{"糸球体", 6, "糸球体"}, {"糸球体", 5, "糸球…"}, {"糸球体", 4, "糸…"}, {"糸球体", 2, "…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := cut(c.text, c.cells); got != c.want {
			t.Errorf("%q in %d cells is %q, want %q", c.text, c.cells, got, c.want)
		}
	}
}

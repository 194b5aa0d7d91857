package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"gonum.org/v1/plot"

	"g2c/model/results"
)

// TestSheetKeepsPixels finds every pixel of a tile again, enlarged and unmixed.
func TestSheetKeepsPixels(t *testing.T) {
	tile := make([]uint8, 3*16*16)
	for i := range tile {
		tile[i] = uint8(7 * i)
	}
	s := sheet{size: 16, heads: []string{"one", "two"}, tiles: [][][]uint8{{nil, tile}}}
	if s.factor() != 8 {
		t.Fatalf("factor %d, want 8", s.factor())
	}
	im, err := png.Decode(bytes.NewReader(s.png()))
	if err != nil {
		t.Fatal(err)
	}
	left := 16*8 + tileGap
	if b := im.Bounds(); b.Dx() != left+16*8 || b.Dy() != headHeight+16*8 {
		t.Fatalf("sheet of %v", b)
	}
	for y := range 16 * 8 {
		for x := range 16 * 8 {
			r, g, b, _ := im.At(left+x, headHeight+y).RGBA()
			at := 3 * ((y/8)*16 + x/8)
			if uint8(r>>8) != tile[at] || uint8(g>>8) != tile[at+1] || uint8(b>>8) != tile[at+2] {
				t.Fatalf("pixel %d, %d differs", x, y)
			}
		}
	}
}

func TestThinned(t *testing.T) {
	got := thinned([]int{0, 9, 19, 29, 39, 49, 59}, 3)
	if len(got) != 3 || got[0] != 0 || got[1] != 29 || got[2] != 59 {
		t.Errorf("%v", got)
	}
}

func TestFileName(t *testing.T) {
	if got, want := fileName("PAS_H&E", "", "../a b"), "PAS_H_E-.._a_b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := fileName("nécrose/腎"), "nécrose_腎"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEqualPathsAreNumbered(t *testing.T) {
	f := figures{bars: []Figure{{Path: "figures/a.svg"}, {Path: "figures/a.svg"}}}
	if all := f.all(); all[0].Path != "figures/a.svg" || all[1].Path != "figures/a~2.svg" {
		t.Errorf("%s and %s", all[0].Path, all[1].Path)
	}
}

func TestEpochTicks(t *testing.T) {
	var a plot.Axis
	epochTicks(&a)
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{{0.5, 4, "1 2 3 4"}, {0.5, 12, "2 4 6 8 10 12"}, {1, 200, "50 100 150 200"}, {1, 60, "10 20 30 40 50 60"}} {
		var got []string
		for _, tick := range a.Tick.Marker.Ticks(c.lo, c.hi) {
			got = append(got, tick.Label)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("ticks of %v to %v are %v, want %s", c.lo, c.hi, got, c.want)
		}
	}
}

// FuzzCurves draws whatever curves a store may hold.
func FuzzCurves(f *testing.F) {
	f.Add([]byte(`{"losses":["gan_AB","cycle_A"],"epochs":[{"epoch":0,"losses":[0.5,3]}]}`), []byte(`{"epochs":[{"epoch":0,"frozen":true,"loss":0.2}],"selected":0}`))
	f.Add([]byte(`{"losses":["D_A"],"epochs":[{"epoch":-3,"losses":[1e308]},{"epoch":9999999,"losses":[-1e308]}]}`),
		[]byte(`{"epochs":[{"epoch":5,"loss":0,"validation":{"balancedAccuracy":null}},{"epoch":6,"loss":0,"validation":{"balancedAccuracy":0.5}}],"selected":6}`))
	f.Add([]byte(`{"losses":[]}`), []byte(`{}`))
	f.Add([]byte(`{"losses":["a"],"epochs":[{"epoch":-9223372036854775808,"losses":[0]},{"epoch":9223372036854775807,"losses":[0]}]}`), []byte(`{"selected":-1}`))
	f.Fuzz(func(t *testing.T, pretrained, finetuned []byte) {
		var p results.Pretrain
		if json.Unmarshal(pretrained, &p) == nil && checkLosses(p.Losses, p.Epochs) == nil && len(p.Epochs) > 0 {
			g := Generator{losses: p.Losses, epochs: p.Epochs}
			wellFormed(t, g.lossFigure().Bytes)
		}
		var r results.Finetune
		if json.Unmarshal(finetuned, &r) == nil {
			wellFormed(t, tuningFigure([]tuning{{epochs: r.Epochs, selected: r.Selected, frozen: 1}}).Bytes)
		}
	})
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/model/results"
)

// The verdict follows the rules: each limit, from below and from above.
func TestVerdicts(t *testing.T) {
	n := func(v float64) *metrics.Number { x := metrics.Number(v); return &x }
	base := func() results.Authentic {
		b := results.Looks{CycleSSIM: n(0.8), ColourDistance: 0.03, Checkering: 0.012, SSIM: n(0.45)}
		return results.Authentic{Before: b, After: b, Drift: results.Drift{Weights: 0.001, Images: 0.01, SSIM: 0.99}}
	}
	for _, c := range []struct {
		name string
		with func(g *results.Authentic)
		want Verdict
		why  string
	}{
		{"as it was", func(g *results.Authentic) { g.Drift = results.Drift{SSIM: 1} }, Kept, "the generators stood still"},
		{"hardly moved", func(*results.Authentic) {}, Kept, "images differ by 0.010 in the mean, SSIM 0.990"},
		{"other images", func(g *results.Authentic) { g.Drift.Images = 0.02 }, Changed, "images differ by 0.020"},
		{"other structure", func(g *results.Authentic) { g.Drift.SSIM = 0.96 }, Changed, "SSIM 0.960"},
		{"a little less its colour", func(g *results.Authentic) { g.After.ColourDistance = 0.109 }, Kept, ""},
		{"another colour", func(g *results.Authentic) { g.After.ColourDistance = 0.111 }, Harmed, "colour distance 0.030 → 0.111"},
		{"nearer its colour", func(g *results.Authentic) { g.Before.ColourDistance, g.Drift.Images = 0.3, 0.2 }, Changed, ""},
		{"no colours known", func(g *results.Authentic) {
			g.Before.ColourDistance, g.After.ColourDistance = metrics.Undefined(), metrics.Undefined()
		}, Kept, ""},
		{"twice the checkers", func(g *results.Authentic) { g.After.Checkering = 0.024 }, Kept, ""},
		{"checkers", func(g *results.Authentic) { g.After.Checkering = 0.025 }, Harmed, "checkering 0.012 → 0.025"},
		{"checkers that nobody sees", func(g *results.Authentic) { g.Before.Checkering, g.After.Checkering = 0.002, 0.0119 }, Kept, ""},
		{"less true", func(g *results.Authentic) { g.After.SSIM = n(0.39) }, Harmed, "SSIM with the truth 0.450 → 0.390"},
		{"truer", func(g *results.Authentic) { g.After.SSIM = n(0.6) }, Kept, ""},
		{"no way back", func(g *results.Authentic) { g.After.CycleSSIM = n(0.6) }, Harmed, "cycle SSIM 0.800 → 0.600"},
		{"two harms", func(g *results.Authentic) { g.After.SSIM, g.After.CycleSSIM = n(0), n(0) }, Harmed, "SSIM with the truth 0.450 → 0.000, cycle SSIM 0.800 → 0.000"},
	} {
		g := base()
		c.with(&g)
		if v, why := judgeStain(&g); v != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s: %s; want %s: %s", c.name, v, why, c.want, c.why)
		}
	}
}

// Every form of the report says what became of the stains, the page with images of the first
// seed.
func TestReportOnAuthenticity(t *testing.T) {
	w := newWorld(t, plan(t, "sweep.seeds=[1, 2]", `arms=[{name: PAS_ONLY, stains: []}, {name: PAS_ALL, stains: [HE, MASSON]}]`))
	w.all()
	d := w.collect()
	line := "PAS_ALL: harmed (2 of 4 generators); worst is HE, seed 1: colour distance 0.031 → 0.375, checkering 0.016 → 0.062"
	a := d.Authenticity
	if a == nil || len(a.Arms) != 1 || a.Arms[0].Line != line || a.Arms[0].Verdict != Harmed || len(a.Generators) != 4 || a.Generators[1].Why != stoodStill {
		t.Fatalf("%+v", a)
	}
	html, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`id="authenticity"`, "Are the stains still stains?", "<strong>" + line + "</strong>", "0.031 → 0.375", "as pretrained and after joint training, and the real stain", "32 test images"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(string(html), ">NaN") || strings.Contains(string(html), "g2c authenticity") {
		t.Error("the page says NaN, or that nobody has looked")
	}
	var text bytes.Buffer
	if err := a.Text(&text); err != nil || !strings.HasPrefix(text.String(), line+"\n") || strings.Contains(text.String(), "KID") {
		t.Errorf("%v\n%s", err, &text)
	}
	checkAuthenticRows(t, d)
	sheets := 0
	for _, f := range d.draw().all() {
		if strings.HasPrefix(f.Path, "figures/authenticity-") {
			sheets++
			im, err := png.Decode(bytes.NewReader(f.Bytes))
			if err != nil || im.Bounds().Dy() < im.Bounds().Dx()/2 {
				t.Errorf("%s: %v, %v", f.Path, im.Bounds(), err)
			}
		}
	}
	if sheets != 1 {
		t.Errorf("%d sheets, want that of the first seed", sheets)
	}
}

// checkAuthenticRows finds the numbers before and after in results.csv.
func checkAuthenticRows(t *testing.T, d *Data) {
	t.Helper()
	table, err := d.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(row []string, column string) string { return row[slices.Index(rows[0], column)] }
	var found []string
	for _, row := range rows[1:] {
		if at(row, "kind") == "authenticity" && at(row, "seed") == "2" && at(row, "stains") == "HE" {
			found = append(found, at(row, "split"), at(row, "colourDistance"), at(row, "checkering"), at(row, "driftWeights"), at(row, "verdict"), at(row, "kid"))
		}
	}
	if want := []string{"before", "0.03125", "0.015625", "", "", "", "after", "0.375", "0.0625", "0.09375", "harmed", ""}; !slices.Equal(found, want) {
		t.Errorf("rows %q", found)
	}
}

// Of generators that nobody has looked at the report says how to; what was found of other
// stains than a fine-tuning has is nothing.
func TestNobodyLooked(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	others := func(key api.Key) *Judged {
		j := w.judged(key)
		j.Generators[0].Stain = "PASM"
		return j
	}
	for _, find := range []func(api.Key) *Judged{others, func(api.Key) *Judged { return nil }} {
		d.Authenticate(find)
		html, err := d.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if d.Authenticity != nil || !strings.Contains(string(html), "g2c authenticity glomeruli") {
			t.Errorf("authenticity %+v, and the page does not say how to look", d.Authenticity)
		}
		if text, err := d.JSON(); err != nil || strings.Contains(string(text), `"authenticity"`) {
			t.Errorf("results.json has an authenticity: %v", err)
		}
	}
}

// What was found is stored whole, and refused where it is damaged.
func TestJudgedIsStored(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	j := w.judged(w.collect().Jointly()[0])
	data := encodedJudged(t, j)
	again, err := DecodeJudged(data)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := asJSON(t, j), asJSON(t, again); a != b {
		t.Errorf("read back\n%.300s\nwritten\n%.300s", b, a)
	}
	fewer := *j
	fewer.Names = fewer.Names[:1]
	fewer.Source = fewer.Source[:len(fewer.Source)/2]
	fewer.Stains = []results.ShownStain{{Stain: "HE", Before: fewer.Source, After: fewer.Source}}
	fewer.Generators = append(slices.Clone(j.Generators), results.Authentic{Stain: "PASM"})
	older := *j
	older.Version--
	for name, bad := range map[string][]byte{
		"another version": encodedJudged(t, &older),
		"cut":             data[:len(data)-1], "nothing": nil, "a stain without images": encodedJudged(t, &fewer),
	} {
		if _, err := DecodeJudged(bad); !errors.Is(err, fault.ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func encodedJudged(t *testing.T, j *Judged) []byte {
	t.Helper()
	body, err := EncodeJudged(j)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzDecodeJudged never fails otherwise than in words.
func FuzzDecodeJudged(f *testing.F) {
	f.Add([]byte{})
	body, err := EncodeJudged(&Judged{Authenticity: results.Authenticity{Version: results.AuthenticityVersion, Generators: []results.Authentic{{Stain: "HE"}}}, Shown: results.Shown{
		Size: 1, Names: []string{"a"}, Source: make([]uint8, 3), Stains: []results.ShownStain{{Stain: "HE", Before: make([]uint8, 3), After: make([]uint8, 3)}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := DecodeJudged(data)
		if err != nil && !errors.Is(err, fault.ErrData) {
			t.Error(err)
		}
		if err == nil && len(j.Stains) != len(j.Generators) {
			t.Errorf("%d stains of %d generators", len(j.Stains), len(j.Generators))
		}
	})
}

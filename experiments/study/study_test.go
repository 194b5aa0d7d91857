package study

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"g2c/model/metrics"
)

const side = 16

// flat is an image of one colour.
func flat(v uint8) func() ([]uint8, error) {
	return func() ([]uint8, error) { return bytes.Repeat([]uint8{v}, 3*side*side), nil }
}

// pools are n candidates of each kind of two stains: real ones are light.
func pools(n int) []Pool {
	var out []Pool
	for _, stain := range []string{"HE", "PASM"} {
		p := Pool{Stain: stain, Model: "model of " + stain}
		for i := range n {
			p.Real = append(p.Real, Candidate{fmt.Sprintf("%s-real-%d", stain, i), flat(uint8(200 + i))})
			p.Generated = append(p.Generated, Candidate{fmt.Sprintf("%s-source-%d", stain, i), flat(uint8(20 + i))})
		}
		out = append(out, p)
	}
	return out
}

func drawn(t *testing.T, each int, seed uint32) (*Key, []byte) {
	t.Helper()
	k, err := Draw(pools(10), each, side, seed, "testing")
	if err != nil {
		t.Fatal(err)
	}
	page, err := k.Page()
	if err != nil {
		t.Fatal(err)
	}
	return k, page
}

// As many real patches as generated ones, shared by the stains, none twice, in an order
// that the seed decides; the key is what the page shows.
func TestDraw(t *testing.T) {
	k, page := drawn(t, 9, 1)
	count, names := map[string]int{}, map[string]bool{}
	for i, p := range k.Patches {
		count[fmt.Sprint(p.Stain, p.Real)]++
		names[p.Image] = true
		if p.Number != i+1 || (p.Model == "") != p.Real {
			t.Errorf("%+v", p)
		}
	}
	if len(names) != 18 || count["HEtrue"] != 5 || count["HEfalse"] != 5 || count["PASMtrue"] != 4 || count["PASMfalse"] != 4 {
		t.Errorf("%d patches, %v", len(names), count)
	}
	again, same := drawn(t, 9, 1)
	if !bytes.Equal(page, same) || again.Study != k.Study {
		t.Error("the same study has other bytes")
	}
	if other, _ := drawn(t, 9, 2); other.Study == k.Study {
		t.Error("another seed draws the same study")
	}
	images := imagesOf(t, page)
	for i, p := range k.Patches {
		m, err := jpeg.Decode(bytes.NewReader(images[i]))
		if err != nil || m.Bounds().Dx() != side {
			t.Fatalf("%v", err)
		}
		if r, _, _, _ := m.At(3, 3).RGBA(); (r>>8 > 100) != p.Real {
			t.Errorf("patch %d is another than the key says", p.Number)
		}
	}
	for _, secret := range []string{"real-", "source-", "model of", `"real"`, "HE"} {
		if text := regexp.MustCompile(`data:image[^"]*|(?s)<script>.*</script>`).ReplaceAllString(string(page), ""); strings.Contains(text, secret) && secret != `"real"` {
			t.Errorf("the page says %q", secret)
		}
	}
	for _, each := range []int{1, 21, MaxPatches} {
		if _, err := Draw(pools(10), each, side, 1, ""); err == nil {
			t.Errorf("%d of each were drawn", each)
		}
	}
}

// imagesOf are the patches of a page.
func imagesOf(t *testing.T, page []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for _, m := range regexp.MustCompile(`data:image/jpeg;base64,([A-Za-z0-9+/=\\u]*)`).FindAllSubmatch(page, -1) {
		text := strings.ReplaceAll(string(m[1]), `\u002b`, "+")
		b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(strings.ReplaceAll(text, `\u002f`, "/"), `\u003d`, "="))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// browser is enough of one for the page's script.
const browser = `
var elements = {}, keys = [], clock = 0, stored = {};
function element() { return { hidden: false, value: "", textContent: "", listeners: [],
	addEventListener: function (kind, f) { this.listeners.push(f); }, click: function () { this.listeners.forEach(function (f) { f(); }); }, focus: function () {} }; }
var document = { getElementById: function (id) { if (!elements[id]) { elements[id] = element(); } return elements[id]; },
	addEventListener: function (kind, f) { keys.push(f); } };
var performance = { now: function () { clock += 1500; return clock; } };
var localStorage = { setItem: function (k, v) { stored[k] = v; }, getItem: function (k) { return k in stored ? stored[k] : null; } };
function press(k) { keys.forEach(function (f) { f({ key: k }); }); }
`

// open is a page in a browser.
func open(t *testing.T, page []byte) *goja.Runtime {
	t.Helper()
	vm := goja.New()
	js(t, vm, browser)
	data := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindSubmatch(page)
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindSubmatch(page)
	if data == nil || script == nil {
		t.Fatal("the page has no data or no script")
	}
	if err := vm.Set("theData", string(data[1])); err != nil {
		t.Fatal(err)
	}
	js(t, vm, `document.getElementById("data").textContent = theData`)
	js(t, vm, string(script[1]))
	return vm
}

func js(t *testing.T, vm *goja.Runtime, code string) string {
	t.Helper()
	v, err := vm.RunString(code)
	if err != nil {
		t.Fatal(err)
	}
	return v.String()
}

// A reader goes through the page, by keys and buttons, stops, goes on, and saves a file
// that is scored.
func TestAReadersSession(t *testing.T) {
	k, page := drawn(t, 4, 3)
	vm := open(t, page)
	js(t, vm, `document.getElementById("start").click()`)
	if js(t, vm, `"" + document.getElementById("begin").hidden`) != "false" {
		t.Error("a reader without a name began")
	}
	js(t, vm, `document.getElementById("reader").value = " Dr. A "; document.getElementById("start").click()`)
	for i := range k.Patches {
		switch {
		case i == 3: // reloaded
			kept := js(t, vm, `JSON.stringify(stored)`)
			vm = open(t, page)
			if err := vm.Set("before", kept); err != nil {
				t.Fatal(err)
			}
			js(t, vm, `stored = JSON.parse(before); document.getElementById("reader").value = "Dr. A"; document.getElementById("start").click()`)
		case js(t, vm, `document.getElementById("patch").src`) == "":
			t.Fatal("no patch is shown")
		}
		if got := js(t, vm, `document.getElementById("place").textContent`); got != fmt.Sprintf("%d of 8", i+1) {
			t.Errorf("it shows %q", got)
		}
		js(t, vm, []string{`press("r")`, `document.getElementById("real").click()`, `press("x"); press("G")`}[i%3])
	}
	js(t, vm, `press("r")`) // there is nothing more to judge
	if js(t, vm, `"" + document.getElementById("end").hidden`) != "false" {
		t.Error("the end is not shown")
	}
	text, err := goja.New().RunString("decodeURIComponent(" + fmt.Sprintf("%q", strings.TrimPrefix(js(t, vm, `document.getElementById("save").href`), "data:application/json;charset=utf-8,")) + ")")
	if err != nil {
		t.Fatal(err)
	}
	if got := js(t, vm, `document.getElementById("save").download`); got != "answers-"+k.Study+"-Dr_A.json" {
		t.Errorf("it is saved as %s", got)
	}
	a, err := ReadAnswers([]byte(text.String()), k)
	if err != nil {
		t.Fatal(err)
	}
	if a.Reader != "Dr. A" || len(a.Answers) != 8 || !(a.Answers[0].Seconds == 1.5) {
		t.Errorf("%+v", a)
	}
	for i, x := range a.Answers {
		if x.Real != (i%3 < 2) {
			t.Errorf("answer %d: %+v", i+1, x)
		}
	}
}

// answered are the answers of a reader who is right where the function says so.
func answered(k *Key, reader string, right func(i int) bool) *Answers {
	a := &Answers{Format: Format, Study: k.Study, Reader: reader}
	for i, p := range k.Patches {
		a.Answers = append(a.Answers, Answer{p.Number, p.Real == right(i), float64(i)})
	}
	return a
}

func TestJudge(t *testing.T) {
	k, _ := drawn(t, 10, 1)
	s, err := Judge(k, []*Answers{
		answered(k, "all", func(int) bool { return true }),
		answered(k, "none", func(int) bool { return false }),
		answered(k, "most", func(i int) bool { return i%5 != 0 }),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 0, 0.8} {
		r := s.Readers[i]
		if !(math.Abs(float64(r.Accuracy)-want) < 1e-12) || r.Judged != 20 || !(float64(r.CI95[0]) <= want && want <= float64(r.CI95[1])) || !(r.MedianSeconds == 9.5) {
			t.Errorf("%+v", r)
		}
	}
	if !(math.Abs(float64(s.Together.Accuracy)-0.6) < 1e-12) || len(s.Stains) != 2 || s.JudgedByAll != 20 {
		t.Errorf("%+v", s)
	}
	// Independently: of each patch two of three agree; what chance expects follows from the
	// share that is called real.
	reals := 0
	for i, p := range k.Patches {
		reals++ // "all" if it is, "none" if it is not
		if p.Real == (i%5 != 0) {
			reals++
		}
	}
	q := float64(reals) / 60
	want := (1.0/3 - (q*q + (1-q)*(1-q))) / (1 - (q*q + (1-q)*(1-q)))
	if !(math.Abs(float64(s.Kappa)-want) < 1e-12) {
		t.Errorf("kappa %v, want %v", s.Kappa, want)
	}
	one, err := Judge(k, []*Answers{answered(k, "a", func(int) bool { return true })})
	if err != nil || one.Kappa.Defined() {
		t.Errorf("%v, %v", err, one.Kappa)
	}
	two, err := Judge(k, []*Answers{answered(k, "a", func(i int) bool { return i%2 == 0 }), answered(k, "b", func(i int) bool { return i%2 == 0 })})
	if err != nil || !(math.Abs(float64(two.Kappa)-1) < 1e-12) {
		t.Errorf("%v, %v", err, two.Kappa)
	}
	if _, err := Judge(k, []*Answers{one.answers(k), one.answers(k)}); err == nil {
		t.Error("one reader twice")
	}
	var text bytes.Buffer
	if err := s.Text(&text); err != nil || !strings.Contains(text.String(), "the paper  300     0.700") || !strings.Contains(text.String(), "Fleiss' kappa") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if data, err := s.JSON(); err != nil || !json.Valid(data) {
		t.Error(err)
	}
}

func (s *Score) answers(k *Key) *Answers {
	return answered(k, s.Readers[0].Name, func(int) bool { return true })
}

// Fleiss' own example: 10 subjects, 14 raters, 5 categories gives 0.210; with its first two
// categories joined against the others it is computed here as the definition says.
func TestFleissAgainstTheDefinition(t *testing.T) {
	k, _ := drawn(t, 10, 1)
	var readers []*Answers
	for r := range 5 {
		readers = append(readers, answered(k, fmt.Sprint(r), func(i int) bool { return (i*7+r*3)%4 != 0 }))
	}
	got, n := fleiss(k, readers)
	agree, reals := 0.0, 0.0
	for i := range k.Patches {
		pairs, same := 0.0, 0.0
		for a := range readers {
			if readers[a].Answers[i].Real {
				reals++
			}
			for b := range a {
				pairs++
				if readers[a].Answers[i].Real == readers[b].Answers[i].Real {
					same++
				}
			}
		}
		agree += same / pairs / 20
	}
	q := reals / 100
	chance := q*q + (1-q)*(1-q)
	if want := (agree - chance) / (1 - chance); n != 20 || !(math.Abs(float64(got)-want) < 1e-12) {
		t.Errorf("%v over %d, want %v", got, n, want)
	}
	if v := median(nil); v.Defined() || median([]float64{3, 1, 2}) != metrics.Number(2) {
		t.Error("medians")
	}
}

func TestRefusals(t *testing.T) {
	k, _ := drawn(t, 4, 1)
	text, err := k.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadKey(text)
	if err != nil || back.Study != k.Study || !slices.EqualFunc(back.Patches, k.Patches, func(a, b Patch) bool { return a.Number == b.Number && a.Real == b.Real && a.Image == b.Image }) {
		t.Fatalf("%v: %+v", err, back)
	}
	for _, bad := range []string{"", "[]", `{"format":2}`, `{"format":1,"study":"x"}`, `{"format":1,"study":"x","patches":[{"patch":2}]}`} {
		if _, err := ReadKey([]byte(bad)); err == nil {
			t.Errorf("a key: %s", bad)
		}
	}
	head := fmt.Sprintf(`{"format":1,"study":%q,"reader":"a","answers":`, k.Study)
	for _, bad := range []string{
		"", `{"format":1,"study":"other","answers":[{"patch":1}]}`, `{"format":3}`, head + `[]}`, head + `[{"patch":0}]}`, head + `[{"patch":9}]}`,
		head + `[{"patch":1},{"patch":1}]}`, head + `[{"patch":1,"seconds":-1}]}`, head + `[{"patch":1,"seconds":1e300}]}`,
	} {
		if _, err := ReadAnswers([]byte(bad), k); err == nil {
			t.Errorf("answers: %s", bad)
		}
	}
}

func FuzzReadAnswers(f *testing.F) {
	k, err := Draw(pools(4), 4, side, 1, "")
	if err != nil {
		f.Fatal(err)
	}
	k.Study = "s"
	f.Add([]byte(`{"format":1,"study":"s","reader":"a","answers":[{"patch":1,"real":true,"seconds":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := ReadAnswers(data, k); err == nil {
			if _, err := Judge(k, []*Answers{a}); err != nil {
				t.Error(err)
			}
		}
		if key, err := ReadKey(data); err == nil && len(key.Patches) == 0 {
			t.Error("an empty key")
		}
	})
}

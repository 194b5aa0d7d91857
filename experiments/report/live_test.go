package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"g2c/experiments/live"
	"g2c/model/metrics"
)

// liveRun is a run in which a task of each state stands.
func liveRun() *Live {
	number := func(v float64) *metrics.Number { n := metrics.Number(v); return &n }
	images := map[string][]uint8{}
	for i, kind := range []string{"real_A", "fake_B", "cycle_A", "real_B", "fake_A", "cycle_B"} {
		images[kind] = bytes.Repeat([]byte{uint8(40 * i)}, 2*3*200*200)
	}
	return &Live{
		Experiment: "quickstart", ID: "quickstart@0123456789ab", Written: "2026-11-30 17:00:00", Done: 1, Left: "over 3m left in all",
		Notes: []string{`<script src="http://example.org/x.js"></script>`},
		Tasks: []LiveTask{
			{Name: "pretrain/HE", State: "running", Key: "00112233445566", Heard: 2, Step: 3, Steps: 8, Sheet: LiveSheet("PAS", "HE", 200, images), SheetEpoch: 1, Lines: []live.Line{
				{Step: 1, Epoch: 1, Loss: number(3)}, {Step: 2, Epoch: 1, Loss: number(2)},
				{Step: 2, Epoch: 1, Ended: true, Losses: map[string]metrics.Number{"cycle_A": 2, "adversarial_A": metrics.Undefined()}},
				{Step: 3, Epoch: 2, Loss: number(1), ImagesPerSecond: 12},
			}},
			{Name: "finetune/a", State: "done", Key: "aa", Heard: 1, Step: 4, Steps: 4, Lines: []live.Line{
				{Step: 4, Epoch: 1, Ended: true, Validation: &metrics.Binary{BalancedAccuracy: 0.5, AUC: metrics.Undefined()}},
			}},
			{Name: "finetune/b", State: "failed", Why: `loss is <not> finite`, Key: "bb", Heard: 3},
			{Name: "evaluate/a", State: "waiting", Key: "cc"},
		},
	}
}

// The page of a run asks for nothing but its own report, parses, and loads itself again
// exactly as long as the run goes on.
func TestLivePage(t *testing.T) {
	l := liveRun()
	for _, ended := range []string{"", "Finished."} {
		l.Ended, l.Report = ended, ""
		if ended != "" {
			l.Report = "../../reports/quickstart@0123456789ab/index.html"
		}
		page, err := l.HTML()
		if err != nil {
			t.Fatal(err)
		}
		text := string(page)
		for _, m := range asks.FindAllSubmatch(page, -1) {
			target := string(m[2]) + string(m[3])
			if !strings.HasPrefix(target, "data:image/png;base64,") && (ended == "" || target != l.Report) {
				t.Errorf("the page asks for %.80q", m[0])
			}
		}
		if strings.Contains(text, `http-equiv="refresh"`) != (ended == "") || strings.Contains(text, "<script") {
			t.Errorf("ended %q: it reloads itself where it should not, or runs a script", ended)
		}
		for _, want := range []string{"1 of 4 tasks done", "finetune/b</strong>: loss is &lt;not&gt; finite", "pretrain/HE after epoch 1", "3 / 8"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q on the page", want)
			}
		}
		if n := strings.Count(text, "<svg "); n != 2 {
			t.Errorf("%d drawings of two tasks with lines", n)
		}
		parses(t, text)
	}
}

// parses reads a page as XML, as far as HTML is that.
func parses(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 {
		t.Errorf("%d elements are not closed", depth)
	}
}

// However many tasks run and however large their images are, the page is bounded.
func TestLivePageIsBounded(t *testing.T) {
	l := liveRun()
	for range 100 {
		l.Tasks = append(l.Tasks, l.Tasks[0])
	}
	page, err := l.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte("<svg ")); n != liveCurves {
		t.Errorf("%d drawings", n)
	}
	if n := bytes.Count(page, []byte("<img ")); n != liveSheets {
		t.Errorf("%d sheets", n)
	}
	im, err := png.Decode(bytes.NewReader(l.Tasks[0].Sheet))
	if err != nil || im.Bounds().Dx() > sheetWidth {
		t.Errorf("%v, %v", im.Bounds(), err)
	}
}

// An image is made smaller by the means of its squares.
func TestSmaller(t *testing.T) {
	pixels := make([]uint8, 3*4*4)
	for i := range pixels {
		pixels[i] = uint8(i / 3 % 4 * 10) // by column
	}
	got := smaller(pixels, 4, 2)
	if want := []uint8{5, 5, 5, 25, 25, 25, 5, 5, 5, 25, 25, 25}; !bytes.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func BenchmarkLivePage(b *testing.B) {
	l := liveRun()
	for range b.N {
		if _, err := l.HTML(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLiveSheet(b *testing.B) {
	images := map[string][]uint8{}
	for _, kind := range []string{"real_A", "fake_B", "cycle_A", "real_B", "fake_A", "cycle_B"} {
		v := make([]uint8, 3*3*256*256)
		for i := range v {
			v[i] = uint8(i * i >> 7)
		}
		images[kind] = v
	}
	for range b.N {
		b.SetBytes(int64(len(LiveSheet("PAS", "HE", 256, images))))
	}
}

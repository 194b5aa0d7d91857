package planned

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/internal/golden"
)

func plan(t *testing.T, sets ...string) *sweep.Plan {
	t.Helper()
	text, err := os.ReadFile("testdata/plan.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := spec.Parse("plan.yaml", text, sets...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sweep.Expand(f, sweep.Options{Numerics: api.ClassCPU, Fingerprint: func(d api.DataSet) (api.Key, error) {
		text, err := json.Marshal(d)
		return sha256.Sum256(text), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func key(t *testing.T, p *sweep.Plan, name string) api.Key {
	t.Helper()
	for _, item := range p.Items {
		for _, n := range item.Names {
			if n == name {
				return item.Key
			}
		}
	}
	t.Fatalf("no task %s", name)
	return api.Key{}
}

// TestGolden lists a plan in which one generator is done, the other of its depth
// follows at its rate, one is estimated and the rest is unknown.
func TestGolden(t *testing.T) {
	p := plan(t)
	he, masson, deep := key(t, p, "pretrain/HE/w16/b3/s1"), key(t, p, "pretrain/MASSON/w16/b3/s1"), key(t, p, "pretrain/HE/w16/b6/s1")
	known := Known{
		State: map[api.Key]State{he: Done, masson: Running},
		Steps: map[api.Key]int64{he: 400, masson: 600, deep: 400}, Seconds: map[api.Key]float64{he: 50}, Estimate: map[api.Key]float64{deep: 7300, masson: 1},
	}
	l := List(p, known)
	var text bytes.Buffer
	if err := l.Text(&text); err != nil {
		t.Fatal(err)
	}
	inJSON, err := l.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"testdata/plan.txt": text.Bytes(), "testdata/plan.json": inJSON} {
		golden.Check(t, name, string(got))
	}
	if want := 75 + 7300.0; l.SecondsLeft != want {
		t.Errorf("%v seconds left, want %v", l.SecondsLeft, want)
	}
}

func TestCostText(t *testing.T) {
	p := plan(t)
	none := List(p, Known{})
	if got := none.costText(); !strings.Contains(got, "time unknown") {
		t.Error(got)
	}
	known := Known{State: map[api.Key]State{}, Estimate: map[api.Key]float64{}}
	for _, item := range p.Items {
		known.Estimate[item.Key] = 60
	}
	if got, want := List(p, known).costText(), "about "+Duration(60*float64(len(p.Items)))+" one after another."; !strings.Contains(got, want) {
		t.Errorf("%q lacks %q", got, want)
	}
	for _, item := range p.Items {
		known.State[item.Key] = Done
	}
	if got := List(p, known).costText(); got != "Left to do: nothing." {
		t.Error(got)
	}
}

// TestShape holds apart what takes its own time, and together what does not.
func TestShape(t *testing.T) {
	shapes := func(name string, sets ...string) string {
		p := plan(t, sets...)
		return Shape(p.Find(key(t, p, name)).Task)
	}
	const name = "finetune/s-vs-noa/PAS_ALL/b3/s1"
	base := shapes(name)
	for set, same := range map[string]bool{
		"finetune.lr=0.5": true, "data.seed=7": true, "finetune.gamma=1": true, "finetune.batch=32": false, "data.size=128": false,
		"model.classifier.width=128": false, "finetune.augment=true": false,
	} {
		if got := shapes(name, set) == base; got != same {
			t.Errorf("%s: the same shape %v, want %v", set, got, same)
		}
	}
	if shapes("pretrain/HE/w16/b3/s1") != shapes("pretrain/MASSON/w16/b3/s1") || shapes("pretrain/HE/w16/b3/s1") == shapes("pretrain/HE/w16/b6/s1") {
		t.Error("shapes of pretrainings: stains share one, depths do not")
	}
}

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{0.04: "0.0 s", 9.5: "9.5 s", 59.4: "59 s", 60: "1 min 00 s", 3599.6: "1 h 00 min", 7384: "2 h 03 min", 190000: "2 d 04 h"} {
		if got := Duration(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
}

// A step that was timed is better than arithmetic, and worse than what a task of the kind
// took.
func TestTimedIsABasis(t *testing.T) {
	p := plan(t)
	he, masson := key(t, p, "pretrain/HE/w16/b3/s1"), key(t, p, "pretrain/MASSON/w16/b3/s1")
	known := Known{
		Steps: map[api.Key]int64{he: 400, masson: 600}, Timed: map[api.Key]float64{he: 40, masson: 60}, Estimate: map[api.Key]float64{he: 1, masson: 1},
	}
	basis := func(k Known) (Basis, float64) {
		for _, task := range List(p, k).Tasks {
			if task.Key == masson {
				return task.Basis, *task.Seconds
			}
		}
		return "", 0
	}
	if b, s := basis(known); b != Timed || s != 60 {
		t.Errorf("%s, %v s", b, s)
	}
	known.State, known.Seconds = map[api.Key]State{he: Done}, map[api.Key]float64{he: 50}
	if b, s := basis(known); b != Rate || s != 75 {
		t.Errorf("%s, %v s", b, s)
	}
}

// Plans together count a task once that several ask for, and name it.
func TestJoin(t *testing.T) {
	p := plan(t)
	known := Known{Seconds: map[api.Key]float64{}, Estimate: map[api.Key]float64{}, State: map[api.Key]State{}}
	for _, item := range p.Items {
		known.Estimate[item.Key] = 10
	}
	part, err := p.Only("pretrain")
	if err != nil {
		t.Fatal(err)
	}
	done := part.Items[0].Key
	known.State[done], known.Seconds[done] = Done, 7
	whole, some := List(p, known), List(part, known)
	some.Experiment = "some"
	j := Join([]*Listing{whole, some})
	if j.Tasks != len(p.Items) || j.Requests != len(p.Items)+len(part.Items) || j.Done != 1 || len(j.Shared) != len(part.Items) || j.UnknownLeft != 0 {
		t.Errorf("%+v", j)
	}
	if want := 10 * float64(len(p.Items)-1); !(j.SecondsLeft == want) {
		t.Errorf("%v s left, want %v", j.SecondsLeft, want)
	}
	for _, s := range j.Shared {
		if !slices.Equal(s.Experiments, []string{whole.Experiment, "some"}) || (s.State == Done) != (s.Key == done) {
			t.Errorf("%+v", s)
		}
	}
	var text bytes.Buffer
	if err := j.Text(&text); err != nil || !strings.Contains(text.String(), "together") || !strings.Contains(text.String(), whole.Experiment+", some") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if err := Join([]*Listing{whole}).Text(&text); err != nil || !strings.Contains(text.String(), "They share no task.") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// Prices are of what tasks took, or are expected to take.
func TestCost(t *testing.T) {
	p := plan(t)
	p.Cost = &spec.Cost{DeviceHour: 3, KWh: 1, Currency: "EUR"}
	joules := 7.2e6
	done := p.Items[0].Key
	known := Known{State: map[api.Key]State{done: Done}, Seconds: map[api.Key]float64{done: 600}, Used: map[api.Key]Used{done: {DeviceSeconds: 3600, Joules: &joules}}, Estimate: map[api.Key]float64{}}
	for _, item := range p.Items[1:3] {
		known.Estimate[item.Key] = 1200
	}
	l := List(p, known)
	if !(l.Cost.Done == 5) || !(l.Cost.Left == 2) || l.Tasks[0].Price == nil || !(*l.Tasks[1].Price == 1) || l.Tasks[4].Price != nil {
		t.Errorf("%+v", l.Cost)
	}
	var text bytes.Buffer
	if err := l.Text(&text); err != nil || !strings.Contains(text.String(), "5.00 EUR for what is done, about 2.00 EUR") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

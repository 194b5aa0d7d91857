package sweep

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/search"
	"g2c/experiments/spec"
	"g2c/model/metrics"
)

const halving = "search={method: halving, over: {finetune.lr: [0.1, 0.2, 0.3], model.generator.width: {min: 4, max: 16, step: 4}}, arm: PAS_H&E, trials: 9}"

// searched is a spec with a search, and its plan without.
func searched(t *testing.T, edits ...string) (*spec.File, *Plan, Options) {
	t.Helper()
	f, err := spec.Parse("spec.yaml", readBase(t), edits...)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Numerics: api.ClassCPU, Fingerprint: fakePrint, Resolve: fakeResolve}
	p, err := Expand(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, p, o
}

// A search changes no key of the arms as they are written, and another search is another run.
func TestSearchEntersNoKey(t *testing.T) {
	_, without, _ := searched(t)
	_, with, _ := searched(t, halving)
	if len(with.Items) != len(without.Items) {
		t.Fatalf("%d tasks, %d without the search", len(with.Items), len(without.Items))
	}
	for i := range with.Items {
		if with.Items[i].Key != without.Items[i].Key {
			t.Errorf("%s has another key", with.Items[i].Name())
		}
	}
	_, other, _ := searched(t, halving, "search.seed=5")
	if with.Hash() == without.Hash() || with.Hash() == other.Hash() {
		t.Error("two searches are one run")
	}
}

// Trials are trained and not evaluated, with the epochs of their rungs; the winner's values
// are the arm's at every point of the sweep, and its training is the last rung's.
func TestExpandSearch(t *testing.T) {
	f, base, o := searched(t, halving)
	s := NewSearch(f, base)
	proposer := f.Spec.Search.Proposer()
	for {
		round := proposer.Next(s.Scored())
		if len(round) == 0 {
			break
		}
		for _, trial := range round {
			next := NewTrial(f, trial)
			score := metrics.Number(trial.Values[0])
			next.Score = &score
			s.Trials = append(s.Trials, next)
		}
		p, err := ExpandSearch(f, o, s)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := p.Count(api.KindEvaluate); n != 0 {
			t.Fatalf("%d evaluations of trials", n)
		}
		if p.Hash() != base.Hash() {
			t.Error("a round has another hash than the run")
		}
		checkPlan(t, p)
	}
	if len(s.Trials) != 9+3+1 || !slices.Equal(s.Epochs, []int{1, 3, 10}) {
		t.Fatalf("%d trials on %v", len(s.Trials), s.Epochs)
	}
	winner := len(s.Trials) - 1
	s.Winner = &winner
	p, err := ExpandSearch(f, o, s)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p)
	if n, _ := p.Count(api.KindEvaluate); n != 3*3 {
		t.Errorf("%d evaluations of 3 arms with 3 seeds", n)
	}
	last := p.Find(s.Trials[winner].Judged[0])
	if !slices.ContainsFunc(last.Uses, func(u Use) bool { return !u.Trial && u.Arm == "PAS_H&E" && u.Seed == 1 }) {
		t.Errorf("the arm does not train as the winner: %v", last.Names)
	}
	low := p.Find(s.Trials[0].Judged[0])
	longer, ok := low.Longer()
	if !ok || longer.Finetune.Epochs != 3 || longer.Finetune.FrozenEpochs != 2 || low.Task.Finetune.FrozenEpochs != 1 {
		t.Errorf("the lowest rung goes on as %+v", longer.Finetune)
	}
	for _, trial := range s.Trials {
		if trial.Rung == 1 {
			first := s.Trials[slices.IndexFunc(s.Trials, func(o Trial) bool { return o.Config == trial.Config })]
			longer, _ := p.Find(first.Judged[0]).Longer()
			if longer.Key() != trial.Judged[0] {
				t.Errorf("%s does not go on as %s", first.Name, trial.Name)
			}
		}
	}
	for _, item := range p.Items {
		if item.Task.Kind == api.KindEvaluate && strings.Contains(item.Name(), "trial") {
			t.Errorf("%s is evaluated", item.Name())
		}
	}
}

func mustJSON(t *testing.T, p *Plan) []byte {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A plan with a search is read back as it was.
func TestSearchPlanJSON(t *testing.T) {
	f, base, o := searched(t, halving, "search.method=random")
	s := NewSearch(f, base)
	s.Trials = append(s.Trials, NewTrial(f, search.Trial{Values: []float64{1, 8}}))
	p, err := ExpandSearch(f, o, s)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if text := mustJSON(t, p); back.UnmarshalJSON(text) != nil || string(mustJSON(t, &back)) != string(text) || back.Hash() != p.Hash() {
		t.Error("another plan is read back")
	}
	if got := s.Trials[0].Values; !slices.Equal(got, []string{"0.2", "8"}) {
		t.Errorf("values %v", got)
	}
}

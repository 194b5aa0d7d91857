package sweep

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/experiments/search"
	"g2c/experiments/spec"
	"g2c/model/metrics"
)

// Search is the search of a plan, as far as it has come.
type Search struct {
	Run     string   `json:"run"` // hash of the plan without the search
	Method  string   `json:"method"`
	Metric  string   `json:"metric"`
	Arm     string   `json:"arm"`
	Paths   []string `json:"paths"`            // of the parameters
	Epochs  []int    `json:"epochs,omitempty"` // of the rungs of halving
	Trials  []Trial  `json:"trials"`
	Most    int      `json:"most"`              // trials that there can be
	Winner  *int     `json:"winner,omitempty"`  // of Trials; nil while the search goes on
	Stopped string   `json:"stopped,omitempty"` // why it ended early, a sentence
}

// Trial is a trial of a search.
type Trial struct {
	Config int       `json:"config"` // from 0, in the order of proposals
	Rung   int       `json:"rung"`
	Values []string  `json:"values"` // of Paths, in YAML
	At     []float64 `json:"at"`     // the same as the search has them
	Name   string    `json:"name"`   // stands in the names of its tasks as an arm's does
	Keys   []api.Key `json:"keys"`   // of all its tasks
	Judged []api.Key `json:"judged"` // of its fine-tunings, whose scores are its own
	Steps  int64     `json:"steps"`  // that it adds to those of the trials before
	Whole  int64     `json:"whole"`  // of its fine-tunings, from their beginnings
	// Score is the mean over Judged; nil while one is not done, not a number where one is none.
	Score *metrics.Number `json:"score,omitempty"`
}

// NewTrial is a trial as the spec's values.
func NewTrial(f *spec.File, t search.Trial) Trial {
	out := Trial{Config: t.Config, Rung: t.Rung, At: t.Values, Name: fmt.Sprintf("trial-%d", t.Config+1)}
	if f.Spec.Search.Method == search.Halving {
		out.Name += fmt.Sprintf(".%d", t.Rung+1)
	}
	params := f.Spec.Search.Over.Params
	for i := range params {
		out.Values = append(out.Values, params[i].Value(t.Values[i]))
	}
	return out
}

// NewSearch is the search of a spec before its first trial.
func NewSearch(f *spec.File, base *Plan) *Search {
	s := f.Spec.Search
	out := &Search{
		Run: base.Hash(), Method: s.Method, Metric: s.Metric, Arm: f.SearchedArm(), Epochs: f.Rungs(), Most: s.Proposer().Most(), Trials: []Trial{},
	}
	for _, p := range s.Over.Params {
		out.Paths = append(out.Paths, p.Path)
	}
	return out
}

// ExpandSearch makes the plan of a spec with the trials so far: their trainings and, once
// there is a winner, all arms, the one of the search with the winner's values. Nothing but
// arms is evaluated on the test images.
func ExpandSearch(f *spec.File, o Options, s *Search) (*Plan, error) {
	e, err := begin(f, o)
	if err != nil {
		return nil, err
	}
	of := f
	if s.Winner != nil {
		if of, err = f.Adopt(s.Trials[*s.Winner].Values); err != nil {
			return nil, err
		}
		if err := e.variants(of); err != nil {
			return nil, err
		}
	}
	for i := range s.Trials {
		if err := e.trial(f, s, &s.Trials[i]); err != nil {
			return nil, err
		}
	}
	p, err := e.end(of)
	if err == nil {
		p.Search = s
	}
	return p, err
}

// trial requests the trainings of a trial.
func (e *expansion) trial(f *spec.File, s *Search, t *Trial) error {
	epochs, longer := 0, 0
	if len(s.Epochs) > 0 {
		epochs = s.Epochs[t.Rung]
		if t.Rung+1 < len(s.Epochs) {
			longer = s.Epochs[t.Rung+1]
		}
	}
	v, err := f.Trial(t.Name, t.Values, epochs)
	if err != nil {
		return err
	}
	generators, models, err := e.generators(v)
	if err != nil {
		return err
	}
	t.Judged, t.Keys = nil, nil
	for _, key := range generators {
		if e.plan.byKey[key] != nil {
			t.Keys = append(t.Keys, key)
		}
	}
	for _, fold := range folds(&v.Spec) {
		for i := range v.Spec.Tasks {
			r := request{variant: v, task: &v.Spec.Tasks[i], fold: fold, trial: true, longer: longer}
			model, err := e.finetune(r, generators, models)
			if err != nil {
				return err
			}
			t.Judged = append(t.Judged, api.FinetuneTask(e.Numerics, model).Key())
		}
	}
	t.Keys = append(t.Keys, t.Judged...)
	return nil
}

// longerFrozen is how many epochs of a longer fine-tuning have frozen generators, in normal
// form.
func longerFrozen(s *spec.Spec, f *api.Finetune, epochs int) int {
	switch n := s.Finetune.FrozenEpochs; {
	case f.Networks() == 0:
		return 0
	case n < 0:
		return epochs
	default:
		return min(n, epochs)
	}
}

// Scored are the trials that were judged, for the proposer.
func (s *Search) Scored() []search.Scored {
	var out []search.Scored
	for _, t := range s.Trials {
		if t.Score != nil {
			out = append(out, search.Scored{Trial: search.Trial{Config: t.Config, Rung: t.Rung, Values: t.At}, Score: float64(*t.Score)})
		}
	}
	return out
}

// Equal is the name of an earlier trial that came out as the same tasks; empty for none.
func (s *Search) Equal(i int) string {
	for _, t := range s.Trials[:i] {
		if slices.Equal(t.Judged, s.Trials[i].Judged) {
			return t.Name
		}
	}
	return ""
}

// Steps are those of all trials, and of a grid: every configuration on the last rung.
func (s *Search) Steps() (taken, grid int64) {
	for _, t := range s.Trials {
		taken += t.Steps
		if t.Rung == 0 {
			whole := t.Whole
			if n := len(s.Epochs); n > 0 {
				whole = whole / int64(s.Epochs[0]) * int64(s.Epochs[n-1])
			}
			grid += whole
		}
	}
	return taken, grid
}

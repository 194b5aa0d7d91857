package search

import (
	"cmp"
	"math"
	"slices"
)

// The methods.
const (
	Random  = "random"  // configurations drawn evenly
	Halving = "halving" // synchronous successive halving
	TPE     = "tpe"     // tree-structured Parzen estimator
)

// RoundSize is how many trials tpe proposes at once.
const RoundSize = 4

// Search is what is searched, and how.
type Search struct {
	Method string
	Space  []Param
	Trials int // configurations
	Seed   uint32
	Eta    int // halving: of so many trials one is promoted to the next rung
	Rungs  int // halving: how many there are, at least 1
}

// Trial is a configuration on a rung.
type Trial struct {
	Config int       // its number, in the order of proposals
	Rung   int       // 0 but with halving
	Values []float64 // of each parameter; of a list the place in it
}

// Scored is a trial with its score, higher is better; NaN is worse than any number.
type Scored struct {
	Trial
	Score float64
}

// Next is the next round, given all trials of the rounds before; none at the end.
func (s *Search) Next(done []Scored) []Trial {
	if s.Method == Halving && len(done) > 0 {
		return s.promote(done)
	}
	done = inOrder(done)
	left := s.Trials - len(done)
	if s.Method == TPE {
		left = min(left, RoundSize)
	}
	draw := s.random
	if s.Method == TPE && len(done) >= startup {
		draw = s.estimate(done)
	}
	var seen [][]float64
	for _, d := range done {
		seen = append(seen, d.Values)
	}
	var out []Trial
	for i := range max(left, 0) {
		config := len(done) + i
		values := s.fresh(&seen, func(try int) []float64 { return draw(config, try) })
		if values == nil {
			break
		}
		out = append(out, Trial{Config: config, Values: values})
	}
	return out
}

// random is a configuration drawn evenly.
func (s *Search) random(config, try int) []float64 {
	out := make([]float64, len(s.Space))
	for k, p := range s.Space {
		out[k] = p.draw(s.uniform(config, k, try, 0))
	}
	return out
}

// promote is the next rung of halving: of the trials of the last one the best, one of Eta, at
// least one.
// Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
// optimization", AISTATS 2016; the rungs are those of a bracket of Hyperband (Li et al. 2018).
func (s *Search) promote(done []Scored) []Trial {
	top := last(done)
	if len(top) == 0 || top[0].Rung+1 >= s.Rungs {
		return nil
	}
	var out []Trial
	for _, t := range top[:max(len(top)/s.Eta, 1)] {
		t.Rung++
		out = append(out, t.Trial)
	}
	return out
}

// last are the trials of the highest rung, the best first.
func last(done []Scored) []Scored {
	rung := 0
	for _, t := range done {
		rung = max(rung, t.Rung)
	}
	var out []Scored
	for _, t := range done {
		if t.Rung == rung {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, better)
	return out
}

// better orders trials by score, then by number.
func better(a, b Scored) int {
	return cmp.Or(cmp.Compare(orWorst(b.Score), orWorst(a.Score)), cmp.Compare(a.Config, b.Config))
}

func orWorst(score float64) float64 {
	if math.IsNaN(score) {
		return math.Inf(-1)
	}
	return score
}

// inOrder are trials by their numbers.
func inOrder(done []Scored) []Scored {
	out := slices.Clone(done)
	slices.SortFunc(out, func(a, b Scored) int {
		return cmp.Or(cmp.Compare(a.Rung, b.Rung), cmp.Compare(a.Config, b.Config))
	})
	return out
}

// Winner is the best trial of the highest rung, the first on a tie; false where no score is a
// number.
func Winner(done []Scored) (Scored, bool) {
	top := last(done)
	if len(top) == 0 || math.IsNaN(top[0].Score) {
		return Scored{}, false
	}
	return top[0], true
}

// Most is how many trials a search proposes at most.
func (s *Search) Most() int {
	n := int(min(float64(s.Trials), s.size()))
	all := n
	for rung := 1; s.Method == Halving && rung < s.Rungs; rung++ {
		n = max(n/s.Eta, 1)
		all += n
	}
	return all
}

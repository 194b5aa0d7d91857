package report

import (
	"fmt"
	"strings"

	"g2c/experiments/search"
	"g2c/experiments/sweep"
)

// searchView is the section of a search.
type searchView struct {
	Intro, Metric string
	Paths         []string
	Rungs         bool
	Rows          []trialView
}

// trialView is a row of its table.
type trialView struct {
	Name, Score, Equal string
	Rung, Epochs       int
	Values             []string
	Steps              int64 // that it added
	Winner             bool
}

// Searched is the search of the run, nil for none.
func (p page) Searched() *searchView {
	s := p.Search
	if s == nil {
		return nil
	}
	v := &searchView{Intro: searchIntro(s), Metric: s.Metric, Paths: s.Paths, Rungs: s.Method == search.Halving}
	for i, t := range s.Trials {
		row := trialView{Name: t.Name, Score: "–", Equal: s.Equal(i), Rung: t.Rung + 1, Values: t.Values, Steps: t.Steps, Winner: s.Winner != nil && *s.Winner == i}
		if t.Score != nil && t.Score.Defined() {
			row.Score = fmt.Sprintf("%.4f", float64(*t.Score))
		}
		if len(s.Epochs) > 0 {
			row.Epochs = s.Epochs[t.Rung]
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// searchIntro says what was searched, and what came of it.
func searchIntro(s *sweep.Search) string {
	taken, grid := s.Steps()
	text := fmt.Sprintf("%s over %s for arm %s: %s, %d training steps", s.Method, strings.Join(s.Paths, ", "), s.Arm, plural(len(s.Trials), "trial"), taken)
	if s.Method == search.Halving && grid > 0 {
		text += fmt.Sprintf(", %.0f %% of the %d that every configuration would take to its end", 100*float64(taken)/float64(grid), grid)
	}
	text += ". Trials were judged on validation images alone; no trial was evaluated on the test images but the winner, as the arm."
	if s.Stopped != "" {
		text += " " + s.Stopped
	}
	if s.Winner == nil {
		return text + " The search has not ended."
	}
	return text
}

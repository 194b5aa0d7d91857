package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/planned"
	"g2c/experiments/search"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/model/results"
)

// seek brings the search of a spec as far as the store's results go: the plan gets the trials
// that are known, and at its end the arms, of which one has the winner's values. Nothing is
// kept of a search but what its tasks leave, so that a run that is repeated comes to the same
// trials. repo may be nil, where nothing was run yet.
func (e *experiment) seek(ctx context.Context, repo *checkpoint.Repo) error {
	s := sweep.NewSearch(e.File, e.base)
	proposer := e.Spec.Search.Proposer()
	e.searching = true
	for s.Stopped == "" {
		first := len(s.Trials)
		for _, t := range proposer.Next(s.Scored()) {
			s.Trials = append(s.Trials, sweep.NewTrial(e.File, t))
		}
		if len(s.Trials) == first {
			break
		}
		if err := e.affordable(ctx, s, first); err != nil {
			return err
		}
		if judged, err := e.judgeTrials(ctx, repo, s, first); err != nil || !judged {
			return err
		}
	}
	winner, ok := search.Winner(s.Scored())
	switch {
	case len(s.Trials) == 0:
		return fault.New(fault.ErrSpec, "search.budget.steps: %d steps are too few for the first trial", e.Spec.Search.Budget.Steps)
	case !ok:
		return fault.New(fault.ErrTraining, "the search has no winner: no trial has the metric %s on the validation images", s.Metric).
			WithHint("every trial failed, or the validation images are of one class")
	}
	for i, t := range s.Trials {
		if t.Config == winner.Config && t.Rung == winner.Rung {
			s.Winner = &i
		}
	}
	e.searching = false
	return e.replan(ctx, s)
}

// replan makes the plan of a search.
func (e *experiment) replan(ctx context.Context, s *sweep.Search) (err error) {
	e.plan, err = sweep.ExpandSearch(e.File, e.options(ctx), s)
	return err
}

// affordable plans a round, reckons its steps, and leaves out the trials that would take more
// than the budget. Of halving that goes on, a trial takes what its lower rungs did not.
func (e *experiment) affordable(ctx context.Context, s *sweep.Search, first int) error {
	if err := e.replan(ctx, s); err != nil {
		return err
	}
	seen, whole, spent := map[api.Key]bool{}, map[int]int64{}, int64(0)
	for i := range s.Trials {
		t := &s.Trials[i]
		t.Steps, t.Whole = 0, 0
		for _, key := range t.Keys {
			item := e.plan.Find(key)
			steps, err := stepsOf(ctx, e.data, &item.Work)
			if err != nil {
				return err
			}
			if item.Task.Kind == api.KindFinetune {
				t.Whole += steps
			}
			if !seen[key] {
				t.Steps += steps
			}
			seen[key] = true
		}
		if t.Rung > 0 {
			t.Steps = max(t.Steps-whole[t.Config], 0)
		}
		whole[t.Config] = t.Whole
		spent += t.Steps
		if most := int64(e.Spec.Search.Budget.Steps); most > 0 && i >= first && spent > most {
			s.Trials = s.Trials[:i]
			s.Stopped = fmt.Sprintf("The next trial would take more than the budget of %d steps.", most)
			return e.replan(ctx, s)
		}
	}
	return nil
}

// judgeTrials gives the trials of a round their scores; false if one is not done.
func (e *experiment) judgeTrials(ctx context.Context, repo *checkpoint.Repo, s *sweep.Search, first int) (bool, error) {
	all := true
	for i := range s.Trials[first:] {
		t := &s.Trials[first+i]
		sum, done := 0.0, true
		for _, key := range t.Judged {
			score, known, err := e.validation(ctx, repo, key, s.Metric)
			if err != nil {
				return false, err
			}
			sum, done = sum+float64(score), done && known
		}
		all = all && done
		if done {
			mean := metrics.Number(sum / float64(len(t.Judged)))
			t.Score = &mean
		}
	}
	return all, nil
}

// validation is the metric of a fine-tuning's selected epoch on the validation images; false
// if it is not done. One that has failed, as with too high a learning rate, has none.
func (e *experiment) validation(ctx context.Context, repo *checkpoint.Repo, key api.Key, metric string) (metrics.Number, bool, error) {
	if e.lost[key] {
		return metrics.Undefined(), true, nil
	}
	if repo == nil {
		return 0, false, nil
	}
	m, _, err := repo.Final(ctx, key.String(), checkpoint.Present) // the run warns of damage
	if err != nil || m == nil {
		return 0, false, err
	}
	data, err := repo.Payload(ctx, *m, checkpoint.Results)
	if err != nil {
		return 0, false, err
	}
	var r results.Finetune
	if err := json.Unmarshal(data, &r); err != nil || r.Selected < 0 || r.Selected >= len(r.Epochs) {
		return 0, false, fault.New(fault.ErrData, "the results of %s are damaged", key.Short()).WithHint("`g2c ckpt verify` lists all damage")
	}
	v := r.Epochs[r.Selected].Validation
	switch {
	case v == nil:
		return metrics.Undefined(), true, nil
	case metric == spec.MetricAUC:
		return v.AUC, true, nil
	}
	return v.BalancedAccuracy, true, nil
}

// nextRound is what a search does once a round has ended: with an error, if not only trials
// failed, and these of their own values. Otherwise the next round is planned and recorded.
func (e *experiment) nextRound(ctx context.Context, repo *checkpoint.Repo, ended error) error {
	if ended != nil && !errors.Is(ended, fault.ErrTraining) {
		return ended
	}
	trials := map[api.Key]bool{}
	for _, t := range e.plan.Search.Trials {
		for _, key := range t.Judged {
			trials[key] = true
		}
	}
	for key := range e.failed {
		if !trials[key] {
			return ended
		}
		say("trial %s failed, and counts as the worst", e.plan.Find(key).Name())
		e.lost[key] = true
	}
	if ended != nil && len(e.failed) == 0 {
		return ended
	}
	e.failed = nil
	if err := e.seek(ctx, repo); err != nil {
		return err
	}
	e.sayRound()
	return e.record(ctx, repo.Store())
}

// sayRound says how far a search is.
func (e *experiment) sayRound() {
	s := e.plan.Search
	if !e.searching {
		w := s.Trials[*s.Winner]
		say("search: the winner is %s, %s on the validation images: %s", w.Name, scoreText(w.Score), valuesText(s, &w))
		if s.Stopped != "" {
			say("search: %s", s.Stopped)
		}
		return
	}
	say("search: %s known, of at most %d", plural(len(s.Trials), "trial"), s.Most)
	for i := range s.Trials {
		if other := s.Equal(i); other != "" && s.Trials[i].Score == nil {
			say("search: %s is the same training as %s, and is run once", s.Trials[i].Name, other)
		}
	}
}

func scoreText(n *metrics.Number) string {
	if n == nil || !n.Defined() {
		return "without a score"
	}
	return fmt.Sprintf("%.4f", float64(*n))
}

func valuesText(s *sweep.Search, t *sweep.Trial) string {
	out := ""
	for i, path := range s.Paths {
		if i > 0 {
			out += ", "
		}
		out += path + "=" + t.Values[i]
	}
	return out
}

// mostLeft is, for people, what else may come of a search that goes on: trials that nobody
// knows yet, at the mean of those that are known.
func mostLeft(l *planned.Listing, s *sweep.Search) string {
	more := s.Most - len(s.Trials)
	text := fmt.Sprintf("search: %s known and %d more at most, then the arms", plural(len(s.Trials), "trial"), more)
	steps, _ := s.Steps()
	if n := int64(len(s.Trials)); n > 0 {
		text += fmt.Sprintf("; %d steps for those known, about %d for the rest at their mean", steps, steps/n*int64(more))
	}
	if l.Cost != nil && l.UnknownLeft == 0 && len(s.Trials) > 0 {
		text += fmt.Sprintf(", %.2f %s", (l.Cost.Done+l.Cost.Left)/float64(len(s.Trials))*float64(more), l.Cost.Currency)
	}
	return text
}

// release lets go of the states that lower rungs kept for trials that were not promoted. The
// payloads go with the store's next collection.
func (e *experiment) release(ctx context.Context, repo *checkpoint.Repo) error {
	var plan checkpoint.Plan
	for _, item := range e.plan.Items {
		longer, ok := item.Longer()
		if !ok {
			continue
		}
		key := longer.Key().String()
		final, _, err := repo.Final(ctx, key, checkpoint.Present)
		if err != nil {
			return err
		}
		if final != nil || e.plan.Find(longer.Key()) != nil {
			continue // it has thinned out its own
		}
		if _, running, err := repo.Running(key); err != nil || running {
			if err != nil {
				return err
			}
			continue // another run's
		}
		m, _, err := repo.Latest(ctx, key)
		if err != nil {
			return err
		}
		if m != nil && m.Epoch == item.Task.Finetune.Epochs { // and no other training's
			plan.Actions = append(plan.Actions, checkpoint.Action{Key: m.Key(), Delete: true, Why: "the search did not go on from it"})
		}
	}
	if len(plan.Actions) == 0 {
		return nil
	}
	return repo.Execute(ctx, plan)
}

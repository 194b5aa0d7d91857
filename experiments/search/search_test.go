package search

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/internal/golden"
)

var space = []Param{
	{Min: 1e-4, Max: 1, Log: true}, {Choices: 3}, {Min: 1, Max: 8, Integer: true}, {Min: 0, Max: 0.9, Step: 0.1},
}

// toy is highest at a learning rate of 0.01, the second choice, 6 and 0.5.
func toy(v []float64) float64 {
	away := math.Abs(math.Log10(v[0])+2)/4 + math.Abs(v[2]-6)/7 + math.Abs(v[3]-0.5)
	if v[1] != 1 {
		away += 0.5
	}
	return -away
}

// play carries out a search, with the scores of each round given in another order.
func play(t *testing.T, s *Search, score func(Trial) float64) (done []Scored, rounds int) {
	t.Helper()
	for {
		round := s.Next(done)
		if len(round) == 0 {
			return done, rounds
		}
		backwards := slices.Clone(done)
		slices.Reverse(backwards)
		if again := s.Next(backwards); fmt.Sprint(again) != fmt.Sprint(round) {
			t.Fatalf("%v, and with the results in another order %v", round, again)
		}
		rounds++
		for _, trial := range round {
			done = append(done, Scored{trial, score(trial)})
		}
	}
}

func byValues(trial Trial) float64 { return toy(trial.Values) }

func TestProposals(t *testing.T) {
	var b strings.Builder
	for _, s := range []*Search{
		{Method: Random, Space: space, Trials: 8, Seed: 1}, {Method: TPE, Space: space, Trials: 16, Seed: 1},
		{Method: Halving, Space: space, Trials: 16, Seed: 2, Eta: 3, Rungs: 3},
	} {
		done, rounds := play(t, s, byValues)
		fmt.Fprintf(&b, "%s, %d rounds\n", s.Method, rounds)
		for _, d := range done {
			fmt.Fprintf(&b, "  %2d rung %d  %v  %.4f\n", d.Config, d.Rung, d.Values, d.Score)
		}
		if len(done) != s.Most() {
			t.Errorf("%s: %d trials, and at most %d were announced", s.Method, len(done), s.Most())
		}
	}
	golden.Check(t, "testdata/proposals.golden", b.String())
}

// TPE finds better values than chance, over 20 seeds.
func TestTPEBeatsRandom(t *testing.T) {
	wins, sums := 0, [2]float64{}
	for seed := range uint32(20) {
		var best [2]float64
		for i, method := range []string{Random, TPE} {
			done, _ := play(t, &Search{Method: method, Space: space, Trials: 40, Seed: seed}, byValues)
			w, ok := Winner(done)
			if !ok {
				t.Fatal("no winner")
			}
			best[i] = w.Score
			sums[i] += w.Score
		}
		if best[1] > best[0] {
			wins++
		}
	}
	if !(sums[1] > sums[0]) || wins < 15 {
		t.Errorf("tpe wins %d of 20, mean best %.4f against %.4f", wins, sums[1]/20, sums[0]/20)
	}
}

// A finite space is never drawn from twice, and ends the search.
func TestNoConfigurationTwice(t *testing.T) {
	small := []Param{{Choices: 3}, {Min: 1, Max: 4, Integer: true}}
	for _, method := range []string{Random, TPE, Halving} {
		done, _ := play(t, &Search{Method: method, Space: small, Trials: 100, Seed: 3, Eta: 2, Rungs: 1}, func(trial Trial) float64 { return trial.Values[1] })
		seen := map[string]bool{}
		for _, d := range done {
			seen[fmt.Sprint(d.Values)] = true
		}
		if len(done) != 12 || len(seen) != 12 {
			t.Errorf("%s: %d trials, %d different", method, len(done), len(seen))
		}
	}
}

// Ties go to the first, and a score that is no number to the last.
func TestHalvingTies(t *testing.T) {
	s := &Search{Method: Halving, Space: space, Trials: 9, Eta: 3, Rungs: 3}
	done, _ := play(t, s, func(trial Trial) float64 {
		if trial.Config < 2 {
			return math.NaN()
		}
		return 0.5
	})
	var rungs [3][]int
	for _, d := range done {
		rungs[d.Rung] = append(rungs[d.Rung], d.Config)
	}
	if !slices.Equal(rungs[1], []int{2, 3, 4}) || !slices.Equal(rungs[2], []int{2}) {
		t.Errorf("promoted %v", rungs)
	}
	if w, ok := Winner(done); !ok || w.Config != 2 || w.Rung != 2 {
		t.Errorf("winner %v %v", w, ok)
	}
	if _, ok := Winner([]Scored{{Score: math.NaN()}}); ok {
		t.Error("a winner without a score")
	}
}

// Ranges are covered to both ends, and not beyond.
func TestDraw(t *testing.T) {
	for _, p := range space {
		low, high := p.draw(0), p.draw(1-0x1p-24)
		wantLow, wantHigh := p.Min, p.Max
		if p.Choices > 0 {
			wantLow, wantHigh = 0, float64(p.Choices-1)
		}
		if !(math.Abs(low-wantLow) < 1e-5) || !(math.Abs(high-wantHigh) < 1e-5) {
			t.Errorf("%+v: %v to %v", p, low, high)
		}
	}
}

package main

import (
	"math"
	"runtime"
	"sync"

	"g2c/internal/fmath/distribution"
	"g2c/model/metrics"
)

// tally counts the intervals of one method and quantity in a cell.
type tally struct {
	made, covered int
	width         float64
}

func (t *tally) add(b bounds, truth float64) {
	const hair = 1e-4 // a miss by less is none: an area of 0.99999 may be called 1
	if math.IsNaN(b[0]) || math.IsNaN(b[1]) {
		return
	}
	t.made++
	t.width += b[1] - b[0]
	if b[0] <= truth+hair && truth-hair <= b[1] {
		t.covered++
	}
}

func (t tally) coverage() float64 { return float64(t.covered) / float64(t.made) }

// intervals is the outcome of a cell, by method and quantity.
type intervals [][quantities]tally

// simulateIntervals draws a cell and makes every interval of it. The number of the
// cell is the seed of its draws.
func simulateIntervals(c cell, seed uint32, repetitions int, methods []method) intervals {
	w := newWorld(c)
	out := make(intervals, len(methods))
	in := input{seed: seed}
	for r := range repetitions {
		in.samples = w.samples(seed, r, in.samples)
		in.clusters = metrics.Cluster(in.samples)
		for q, f := range formula {
			in.jackknife[q] = in.clusters.Jackknife(f)
		}
		for m, by := range methods {
			if by.repetitions > 0 && r >= by.repetitions {
				continue
			}
			for q, b := range by.bounds(in) {
				out[m][q].add(b, w.truth[0][q])
			}
		}
	}
	return out
}

// The tests of a difference that are held to their level.
const (
	signFlip = iota
	obuchowski
	obuchowskiNormal
	mcNemar
	deLong
	tests
)

// comparisons is the outcome of a cell of two arms.
type comparisons struct {
	intervals   [differences]tally
	rejected    [tests]int
	repetitions int
}

// The intervals of a difference.
const (
	balancedChosen = iota
	balancedJackknife
	areaChosen
	areaObuchowski
	differences
)

// significance is the level of the tests.
const significance = 0.05

func simulateComparisons(c cell, seed uint32, repetitions int) comparisons {
	w := newWorld(c)
	out := comparisons{repetitions: repetitions}
	gain, gainArea := w.truth[1][balanced]-w.truth[0][balanced], w.truth[1][auc]-w.truth[0][auc]
	var pairs []metrics.Pair
	for r := range repetitions {
		pairs = w.pairs(seed, r, pairs)
		d := metrics.Compare(pairs, metrics.Level)
		a, b := metrics.Arms(pairs)
		area := metrics.Obuchowski(a, b)
		df := min(d.Groups[0], d.Groups[1]) - 1
		out.intervals[balancedChosen].add(boundsOf(d.BalancedAccuracy.Interval), gain)
		out.intervals[areaChosen].add(boundsOf(d.AUC.Interval), gainArea)
		j := b.Jackknife(metrics.BalancedAccuracy).Less(a.Jackknife(metrics.BalancedAccuracy))
		out.intervals[balancedJackknife].add(around(float64(j.Value), j.Variance(), df), gain)
		out.intervals[areaObuchowski].add(around(area.Value, area.Variance, df), gainArea)
		normal := 1.0
		if area.Variance > 0 {
			normal = 2 * distribution.Normal(-math.Abs(area.Value)/math.Sqrt(area.Variance))
		}
		for i, p := range [tests]float64{
			signFlip: float64(d.BalancedAccuracy.P), obuchowski: float64(d.AUC.P), obuchowskiNormal: normal,
			mcNemar: float64(d.McNemar), deLong: float64(d.DeLong),
		} {
			if p <= significance {
				out.rejected[i]++
			}
		}
	}
	return out
}

// around is a difference ± t standard errors.
func around(value, variance float64, df int) bounds {
	reach := quantile95[df] * math.Sqrt(variance)
	return bounds{value - reach, value + reach}
}

func boundsOf(i metrics.Interval) bounds { return bounds{float64(i[0]), float64(i[1])} }

// onAllCores runs of for every number below n. Results are by number, so cores
// do not change them.
func onAllCores[T any](n int, of func(i int) T) []T {
	out, next := make([]T, n), make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				out[i] = of(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	return out
}

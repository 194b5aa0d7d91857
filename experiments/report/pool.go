package report

import (
	"maps"
	"slices"

	"g2c/model/metrics"
	"g2c/model/results"
)

// pool makes the row of a seed out of its folds: every image was tested once, by the
// model of its fold. Its predictions are judged together; metrics of other splits are
// means over the folds.
func (a *Arm) pool() {
	if len(a.parts) == 0 {
		return
	}
	a.predictions, a.LeftOut, a.Metrics.GapGivenTrain = nil, 0, 0
	for _, p := range a.parts {
		a.Metrics.GapGivenTrain += p.Metrics.GapGivenTrain
		a.predictions = append(a.predictions, testOnly(p.predictions)...)
		a.LeftOut += p.LeftOut
	}
	a.Metrics.Test = judge(a.samples(), a.positive, a.negative)
	a.Metrics.Train = meanSplit(a.parts, func(m *Metrics) *Split { return &m.Train })
	a.Metrics.Validation = meanSplit(a.parts, func(m *Metrics) *Split { return &m.Validation })
	a.Metrics.Gap = meanOf(a.parts, func(p *Arm) metrics.Number { return p.Metrics.Gap })
	if slices.ContainsFunc(a.parts, func(p *Arm) bool { return p.Metrics.GapGiven != nil }) {
		gap := meanOf(a.parts, gapGiven)
		a.Metrics.GapGiven = &gap
	}
}

// judge is the metrics of samples as an evaluation stores them.
func judge(samples []metrics.Sample, positive, negative string) Split {
	return split(results.Judge(samples, positive, negative))
}

// meanSplit is the means of a split's metrics over folds; N counts images once a fold.
func meanSplit(parts []*Arm, of func(*Metrics) *Split) Split {
	var out Split
	number := func(get func(*Split) metrics.Number) metrics.Number {
		return meanOf(parts, func(p *Arm) metrics.Number { return get(of(&p.Metrics)) })
	}
	for _, p := range parts {
		s := of(&p.Metrics)
		out.N += s.N
		for i := range 4 {
			out.Confusion[i/2][i%2] += s.Confusion[i/2][i%2]
		}
	}
	if out.N == 0 {
		return out
	}
	out.BalancedAccuracy = number(func(s *Split) metrics.Number { return s.BalancedAccuracy })
	out.Accuracy = number(func(s *Split) metrics.Number { return s.Accuracy })
	out.AUC = number(func(s *Split) metrics.Number { return s.AUC })
	out.F1 = number(func(s *Split) metrics.Number { return s.F1 })
	out.Precision = number(func(s *Split) metrics.Number { return s.Precision })
	out.Recall = map[string]metrics.Number{}
	for _, class := range []string{parts[0].positive, parts[0].negative} {
		out.Recall[class] = number(func(s *Split) metrics.Number { return recall(s, class) })
	}
	out.CI95 = noIntervals()
	return out
}

// meanOf is the mean of what is defined.
func meanOf(parts []*Arm, of func(*Arm) metrics.Number) metrics.Number {
	return spreadOf(each(parts, of)).Mean
}

// evaluated are the evaluations behind a row: its folds, or itself.
func (a *Arm) evaluated() []*Arm {
	if len(a.parts) == 0 {
		return []*Arm{a}
	}
	return a.parts
}

// tested is the evaluation of a row that judged a test image: the image's fold.
func (a *Arm) tested(name string) *Arm {
	if len(a.parts) == 0 {
		return a
	}
	if a.partOf == nil {
		a.partOf = map[string]*Arm{}
		for _, part := range a.parts {
			for _, p := range testOnly(part.predictions) {
				a.partOf[p.Name] = part
			}
		}
	}
	return a.partOf[name]
}

// averaged is a test image with the mean of the probabilities that the seeds of a group
// give it: seeds judge the same images, so that their judgements are not independent.
type averaged struct {
	results.Prediction
	seeds float64
	by    *Arm // the evaluation of the first seed that judged it
}

// add takes the probability of another seed into the mean.
func (a *averaged) add(p float64) {
	a.P = (float64(a.P*a.seeds) + p) / (a.seeds + 1)
	a.seeds++
}

// byImage are the test images of a group by their names, over its seeds.
func (g *group) byImage() map[string]*averaged {
	out := map[string]*averaged{}
	for _, row := range g.rows {
		for _, part := range row.evaluated() {
			for _, p := range testOnly(part.predictions) {
				at := out[p.Name]
				if at == nil {
					at = &averaged{Prediction: p, by: part}
					at.P = 0
					out[p.Name] = at
				}
				at.add(p.P)
			}
		}
	}
	return out
}

// tested are the test images of a group, sorted by name.
func (g *group) tested() []*averaged {
	if g.images == nil {
		all := g.byImage()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			g.images = append(g.images, all[name])
		}
	}
	return g.images
}

// meanSamples are the test images of a group, sorted by name, with their mean
// probabilities.
func (g *group) meanSamples() []metrics.Sample {
	var out []metrics.Sample
	for _, at := range g.tested() {
		out = append(out, at.Sample())
	}
	return out
}

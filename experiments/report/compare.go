package report

import "g2c/model/metrics"

// compare tests every group against its counterpart of the baseline, over the
// seeds that both have together, and seed by seed. Together, an image counts
// once, with the mean of its probabilities: seeds judge the same images, so their
// judgements are not independent. Predictions are paired by the name
// of the image; of evaluations of different images (tasks that are given another)
// those that both judge are compared.
func (d *Data) compare() {
	for _, g := range d.groups {
		if g.base == nil {
			continue
		}
		pooled := Comparison{
			A: g.base.label, B: g.label, Test: "mcnemar", Task: g.task, Width: g.width, Blocks: g.blocks, Options: g.options,
		}
		var single []Comparison
		for _, b := range g.rows {
			a := g.base.seed(b.Seed)
			if a == nil {
				continue
			}
			c := pooled
			seed := b.Seed
			c.Seed = &seed
			c.OnlyA, c.OnlyB, c.N = pairs(a, b)
			c.P = metrics.Number(metrics.McNemar(c.OnlyA, c.OnlyB))
			single = append(single, c)
		}
		if len(single) == 0 {
			continue
		}
		pooled.OnlyA, pooled.OnlyB, pooled.N = together(g)
		pooled.P = metrics.Number(metrics.McNemar(pooled.OnlyA, pooled.OnlyB))
		d.Comparisons = append(append(d.Comparisons, pooled), single...)
	}
}

// pairs counts the test images that both rows judge, and those that only one of
// them judges right.
func pairs(a, b *Arm) (onlyA, onlyB, n int) {
	before := a.byName()
	for _, p := range testOnly(b.predictions) {
		q, ok := before[p.Name]
		if !ok {
			continue
		}
		n++
		switch x, y := q.Sample().Right(), p.Sample().Right(); {
		case x && !y:
			onlyA++
		case y && !x:
			onlyB++
		}
	}
	return onlyA, onlyB, n
}

// together counts as pairs does, over the images that a group and its baseline
// judge, each with the mean probability of the seeds in which both do.
func together(g *group) (onlyA, onlyB, n int) {
	type sums struct {
		a, b  metrics.Sample // P holds the sum
		seeds float64
	}
	by := map[string]*sums{}
	for _, b := range g.rows {
		a := g.base.seed(b.Seed)
		if a == nil {
			continue
		}
		before := a.byName()
		for _, p := range testOnly(b.predictions) {
			q, ok := before[p.Name]
			if !ok {
				continue
			}
			s := by[p.Name]
			if s == nil {
				s = &sums{a: metrics.Sample{Class: q.Class}, b: metrics.Sample{Class: p.Class}}
				by[p.Name] = s
			}
			s.a.P, s.b.P, s.seeds = s.a.P+q.P, s.b.P+p.P, s.seeds+1
		}
	}
	for _, s := range by { // counts alone: their order does not matter
		s.a.P, s.b.P = s.a.P/s.seeds, s.b.P/s.seeds
		n++
		switch x, y := s.a.Right(), s.b.Right(); {
		case x && !y:
			onlyA++
		case y && !x:
			onlyB++
		}
	}
	return onlyA, onlyB, n
}

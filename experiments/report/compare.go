package report

import "g2c/model/metrics"

// compare tests every group against its counterpart of the baseline, pooled over
// the seeds that both have, and seed by seed. Predictions are paired by the name
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
		for _, c := range single {
			pooled.OnlyA, pooled.OnlyB, pooled.N = pooled.OnlyA+c.OnlyA, pooled.OnlyB+c.OnlyB, pooled.N+c.N
		}
		if len(single) == 0 {
			continue
		}
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

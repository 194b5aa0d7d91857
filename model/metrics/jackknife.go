package metrics

import "math"

// Jackknife is how a metric moves when one group is left out.
type Jackknife struct {
	Value Number
	Moves []float64 // by group: the metric without it less the metric
	scale []float64 // by group: (k-1)/k of the k groups that hold its class
}

// Jackknife leaves out every group in turn. Groups of the two classes are two
// samples unless a group holds both, so a group's move is scaled by the number of
// groups that hold what it holds:
//
//	variance = sum over groups g of (k_g-1)/k_g (metric without g - metric)²
//
// It is undefined where leaving out a group leaves the metric undefined.
// Source: Efron and Stein 1981; for two samples, Arvesen 1969.
func (c Clusters) Jackknife(m Metric) Jackknife {
	j := Jackknife{Value: m(c.Whole), Moves: make([]float64, len(c.Groups)), scale: make([]float64, len(c.Groups))}
	holding := c.Holding()
	for i, g := range c.Groups {
		j.Moves[i] = float64(m(c.Without(i)) - j.Value)
		k := 0
		for class, n := range holding {
			if g.size(class) > 0 {
				k = max(k, n)
			}
		}
		j.scale[i] = float64(k-1) / float64(k)
	}
	return j
}

// Variance is the jackknife's estimate of the metric's variance.
func (j Jackknife) Variance() float64 { return j.covariance(j) }

// covariance is that of two metrics of the same groups.
func (j Jackknife) covariance(o Jackknife) float64 {
	sum := 0.0
	for i, a := range j.Moves {
		sum += float64(j.scale[i] * a * o.Moves[i])
	}
	return sum
}

// Less is the jackknife of the difference of two metrics, or of one metric of two
// arms, of the same groups.
func (j Jackknife) Less(o Jackknife) Jackknife {
	d := Jackknife{Value: j.Value - o.Value, Moves: make([]float64, len(j.Moves)), scale: j.scale}
	for i := range j.Moves {
		d.Moves[i] = j.Moves[i] - o.Moves[i]
	}
	return d
}

// Correlation is that of two metrics, 0 if one does not vary.
func (j Jackknife) Correlation(o Jackknife) float64 {
	r := j.covariance(o) / math.Sqrt(j.Variance()*o.Variance())
	if math.IsNaN(r) {
		return 0
	}
	return max(-1, min(1, r))
}

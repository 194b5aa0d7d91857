package metrics

import (
	"sort"

	"g2c/internal/philox"
)

// Resamples is the number of bootstrap resamples behind an interval.
const Resamples = 2000

// Interval is a 95 % confidence interval.
type Interval [2]Number

// Intervals are bootstrap intervals of the metrics: Resamples resamples of whole
// groups with replacement, percentiles 2.5 and 97.5. Draw d of resample r is word
// 0 of the Philox block (r, d, 0, 0), purpose Bootstrap. Resamples in which a
// metric is undefined are left out of its interval.
// Source: spec, "Evaluation".
func Intervals(samples []Sample, seed uint32) (balancedAccuracy, auc Interval) {
	groups := byGroup(samples)
	var ba, au []float64
	var draw []Sample
	for r := range Resamples {
		draw = draw[:0]
		for d := range groups {
			w := philox.Words(seed, philox.Bootstrap, [4]uint32{uint32(r), uint32(d), 0, 0})
			draw = append(draw, groups[philox.Below(w[0], len(groups))]...)
		}
		b := Judge(draw)
		ba = appendDefined(ba, b.BalancedAccuracy)
		au = appendDefined(au, b.AUC)
	}
	return percentiles(ba), percentiles(au)
}

// byGroup collects samples by group, groups in order of their names.
func byGroup(samples []Sample) [][]Sample {
	at := map[string]int{}
	var groups [][]Sample
	sorted := append([]Sample(nil), samples...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Group < sorted[j].Group })
	for _, s := range sorted {
		i, ok := at[s.Group]
		if !ok {
			i = len(groups)
			at[s.Group] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

func appendDefined(v []float64, n Number) []float64 {
	if n.Defined() {
		v = append(v, float64(n))
	}
	return v
}

func percentiles(v []float64) Interval {
	if len(v) == 0 {
		return Interval{Undefined(), Undefined()}
	}
	sort.Float64s(v)
	return Interval{Number(v[len(v)*25/1000]), Number(v[min(len(v)*975/1000, len(v)-1)])}
}

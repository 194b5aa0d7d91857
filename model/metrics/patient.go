package metrics

import (
	"maps"
	"slices"
)

// Patients makes one sample of each group: the mean of its probabilities, in the
// order of the groups' names. ok is false, and there are no samples, where a group
// has images of both classes: it then has no class of its own.
func Patients(samples []Sample) (patients []Sample, ok bool) {
	type sum struct {
		p      float64
		images float64
		class  int
	}
	by := map[string]*sum{}
	for _, s := range samples {
		g := by[s.Group]
		if g == nil {
			g = &sum{class: s.Class}
			by[s.Group] = g
		}
		if g.class != s.Class {
			return nil, false
		}
		g.p, g.images = g.p+s.P, g.images+1
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		g := by[name]
		patients = append(patients, Sample{P: g.p / g.images, Class: g.class, Group: name})
	}
	return patients, true
}

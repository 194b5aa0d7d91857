package nn

import (
	"math"
	"sort"

	"g2c/internal/philox"
)

// NormalStd is the standard deviation of Init Normal.
// Source: CycleGAN, networks.py, init_gain.
const NormalStd = 0.02

// Net numbers, the third word of the counter that draws initial weights.
const (
	NetGAB uint32 = iota
	NetGBA
	NetDA
	NetDB
	NetClassifier
)

// Initial draws the initial values of one network's parameters, in our layout.
// Element e, in a file's layout, of the parameter at place p among the network's
// sorted names comes from word e mod 4 of the Philox block with counter (e/4, p,
// number, 0), purpose Weights.
// Source: spec, "Time and randomness".
func Initial(params []Param, seed, number uint32) map[string][]float32 {
	sorted := append([]Param(nil), params...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Name < sorted[j].Name })
	values := map[string][]float32{}
	for place, p := range sorted {
		drawn := draw(p, seed, uint32(place), number)
		ours := make([]float32, len(drawn))
		Import(ours, drawn, p.Shape)
		values[p.Name] = ours
	}
	return values
}

func draw(p Param, seed, place, number uint32) []float32 {
	v := make([]float32, p.Shape.Len())
	switch p.Init {
	case Ones:
		for i := range v {
			v[i] = 1
		}
	case Normal:
		blocks(v, seed, place, number, func(w [4]uint32) [4]float32 {
			n := philox.Normals(w)
			for i := range n {
				n[i] = float32(NormalStd * n[i])
			}
			return n
		})
	case FanIn:
		bound := float32(1 / math.Sqrt(float64(p.Fan)))
		blocks(v, seed, place, number, func(w [4]uint32) (u [4]float32) {
			for i := range u {
				u[i] = bound * (float32(2*philox.Uniform(w[i])) - 1)
			}
			return u
		})
	}
	return v
}

// blocks fills v four elements at a time.
func blocks(v []float32, seed, place, number uint32, f func(w [4]uint32) [4]float32) {
	for i := 0; i < len(v); i += 4 {
		values := f(philox.Words(seed, philox.Weights, [4]uint32{uint32(i / 4), place, number, 0}))
		copy(v[i:], values[:])
	}
}

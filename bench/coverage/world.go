package main

import (
	"fmt"
	"math"
	"slices"

	"g2c/internal/fmath"
	"g2c/internal/fmath/distribution"
	"g2c/internal/philox"
	"g2c/model/metrics"
)

const (
	grid     = 1024 // points of a distribution of group effects
	farthest = 8    // a group effect at which every image is judged rightly

	// Correlations of two arms that judge the same images.
	armsAgree  = 0.8 // of their group effects
	noiseAgree = 0.7 // of their images' noise
)

// world draws the samples of a cell. An image of a group with effect z scores
// z + noise towards its class, noise normal, and is judged rightly above 0. The
// effects are such that Normal(z) is the group's recall: of a beta distribution,
// or normal themselves.
type world struct {
	cell
	sizes  [2][]int        // images by class and group
	effect [2][2][]float64 // by arm and class: equally likely group effects
	truth  [2]truth        // by arm
}

func newWorld(c cell) *world {
	w := &world{cell: c}
	positives, negatives := sizesOf(c.shape, c.groups, c.images), sizesOf(c.shape, c.groups*c.times, c.images)
	if c.mixed == 0 {
		w.sizes[0] = append(positives, make([]int, len(negatives))...)
		w.sizes[1] = append(make([]int, c.groups), negatives...)
	} else { // the largest share of one class is the smallest of the other
		slices.Reverse(negatives)
		w.sizes = [2][]int{positives, negatives}
	}
	for arm := range 2 {
		if arm == 1 && c.gain == 0 {
			w.effect[1], w.truth[1] = w.effect[0], w.truth[0]
			break
		}
		var r [2]float64
		for class := range r {
			r[class] = c.recall[class] + float64(float64(arm)*c.gain)
			w.effect[arm][class] = effects(c.model, r[class], c.icc)
		}
		w.truth[arm] = w.findTruth(w.effect[arm], r)
	}
	return w
}

// sizesOf are numbers of images of so many groups, on average that given.
func sizesOf(shape string, groups, images int) []int {
	share := make([]float64, groups)
	sum := 0.0
	for i := range share {
		share[i] = 1
		switch {
		case shape == "geometric": // the first has five times the images of the last
			share[i] = fmath.Exp(-fmath.Log(5) * float64(i) / float64(groups-1))
		case shape == "third" && i == 0:
			share[i] = float64(groups-1) / 2
		}
		sum += share[i]
	}
	out := make([]int, groups)
	for i, s := range share {
		out[i] = max(1, int(math.Round(s/sum*float64(images*groups))))
	}
	return out
}

// effects are the quantiles of the group effect at the midpoints of the grid.
func effects(model string, recall, icc float64) []float64 {
	z := make([]float64, grid)
	for i := range z {
		u := (float64(i) + 0.5) / grid
		switch {
		case recall == 1:
			z[i] = farthest
		case model == "beta":
			k := 1/icc - 1
			z[i] = distribution.NormalQuantile(distribution.BetaQuantile(u, recall*k, (1-recall)*k))
		default:
			z[i] = (distribution.NormalQuantile(recall) + float64(math.Sqrt(icc)*distribution.NormalQuantile(u))) / math.Sqrt(1-icc)
		}
		z[i] = max(-farthest, min(farthest, z[i]))
	}
	return z
}

// groupEffects draws the effects of a group on its images, by arm and class.
func (w *world) groupEffects(seed uint32, repetition, group int) (e [2][2]float64) {
	n := philox.Normals(philox.Words(seed, philox.Simulation, [4]uint32{uint32(repetition), uint32(group), 0, 0}))
	u := [2][2]float64{{float64(n[0]), float64(n[1])}, {float64(n[2]), float64(n[3])}}
	for arm := range u {
		u[arm][1] = correlated(w.mixed, u[arm][0], u[arm][1])
	}
	for class := range 2 {
		u[1][class] = correlated(armsAgree, u[0][class], u[1][class])
		for arm := range 2 {
			place := int(distribution.Normal(u[arm][class]) * grid)
			e[arm][class] = w.effect[arm][class][min(grid-1, place)]
		}
	}
	return e
}

// correlated is a normal draw with correlation r to x, made of an independent one.
func correlated(r, x, own float64) float64 {
	return float64(r*x) + float64(math.Sqrt(1-float64(r*r))*own)
}

// eachImage draws the noise of the images of a repetition, two words an image.
func (w *world) eachImage(seed uint32, repetition int, visit func(effects [2][2]float64, class, group int, noise [2]float64)) {
	for g := range w.sizes[0] {
		e := w.groupEffects(seed, repetition, g)
		for class := range 2 {
			for i := 0; i < w.sizes[class][g]; i += 2 {
				n := philox.Normals(philox.Words(seed, philox.Simulation, [4]uint32{uint32(repetition), uint32(g), uint32(i + 1), uint32(class)}))
				visit(e, class, g, [2]float64{float64(n[0]), float64(n[1])})
				if i+1 < w.sizes[class][g] {
					visit(e, class, g, [2]float64{float64(n[2]), float64(n[3])})
				}
			}
		}
	}
}

// samples draws what the first arm says in a repetition.
func (w *world) samples(seed uint32, repetition int, s []metrics.Sample) []metrics.Sample {
	s = s[:0]
	w.eachImage(seed, repetition, func(e [2][2]float64, class, group int, noise [2]float64) {
		s = append(s, metrics.Sample{P: probability(e[0][class]+noise[0], class), Class: class, Group: names[group]})
	})
	return s
}

// pairs draws what both arms say in a repetition.
func (w *world) pairs(seed uint32, repetition int, p []metrics.Pair) []metrics.Pair {
	p = p[:0]
	w.eachImage(seed, repetition, func(e [2][2]float64, class, group int, noise [2]float64) {
		a := e[0][class] + noise[0]
		b := e[1][class] + correlated(noiseAgree, noise[0], noise[1])
		p = append(p, metrics.Pair{A: probability(a, class), B: probability(b, class), Class: class, Group: names[group]})
	})
	return p
}

// probability turns a score towards an image's class into one of the positive
// class. Its order and the side of 0.5 are all that matters.
func probability(score float64, class int) float64 {
	if class == 1 {
		score = -score
	}
	return 0.5 + score/64
}

var names = func() (n [128]string) {
	for i := range n {
		n[i] = fmt.Sprintf("%03d", i)
	}
	return n
}()

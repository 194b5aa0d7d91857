package synthetic

import "math"

// addNuclei places nuclei in tubules, between them, in the tuft and along the
// capsule, each by its own rule, and paints them over everything.
func (sc *scene) addNuclei(t *tissue, s *stream) {
	sc.tubularNuclei(t, s)
	sc.scatteredNuclei(t, s)
	sc.tuftNuclei(t, s)
	sc.capsularNuclei(t, s)
}

// tubularNuclei stand in a row along the wall of each tubule.
func (sc *scene) tubularNuclei(t *tissue, s *stream) {
	reach := int(1/sc.tubule.pitch) + 2
	for j := -1; j < reach; j++ {
		for i := -1; i < reach; i++ {
			c := sc.tubule.at(mul(float64(i)+0.5, sc.tubule.pitch), mul(float64(j)+0.5, sc.tubule.pitch))
			if sc.glom.outside(sc.noise, c.x, c.y) < mul(-0.75, sc.tubule.pitch) {
				continue // nothing of it is to be seen
			}
			for range 9 {
				ux, uy := s.direction()
				depth, size := s.between(0.022, 0.034), s.between(0.0145, 0.018)
				density := s.between(0.7, 1)
				d, ok := sc.wallDistance(c, ux, uy, sc.traits.gap+depth)
				x, y := c.x+mul(d, ux), c.y+mul(d, uy)
				if ok && !sc.glom.nearWall(sc.noise, x, y) {
					t.paint(sc, x, y, size, mul(size, 0.85), ux, uy, density)
				}
			}
		}
	}
}

// wallDistance is how far from the centre of a cell, in a direction, its border
// is a given depth away; false where the cell is too narrow there.
func (sc *scene) wallDistance(c cell, ux, uy, depth float64) (float64, bool) {
	lo, hi := 0.0, sc.tubule.pitch
	for range 8 {
		mid := mul(0.5, lo+hi)
		at := sc.tubule.at(c.x+mul(mid, ux), c.y+mul(mid, uy))
		if at.x == c.x && at.y == c.y && at.border > depth {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo, lo > mul(0.12, sc.tubule.pitch)
}

// scatteredNuclei are the thin ones of the interstitium.
func (sc *scene) scatteredNuclei(t *tissue, s *stream) {
	for range 140 {
		x, y := s.unit(), s.unit()
		ux, uy := s.direction()
		size, density := s.between(0.010, 0.016), s.between(0.7, 1)
		c := sc.tubule.at(x, y)
		if c.border < sc.traits.gap+0.004 && !sc.glom.nearWall(sc.noise, x, y) {
			t.paint(sc, x, y, size, mul(size, 0.5), ux, uy, density)
		}
	}
}

// tuftNuclei lie between the loops, fewer where the tuft is sclerosed.
func (sc *scene) tuftNuclei(t *tissue, s *stream) {
	g := &sc.glom
	for range 420 {
		x, y := g.tx+mul(g.tuft, s.between(-1, 1)), g.ty+mul(g.tuft, s.between(-1, 1))
		ux, uy := s.direction()
		size, density := s.between(0.0105, 0.0155), s.between(0.65, 1)
		keep := s.unit()
		sclerosis := g.sclerosis(sc.noise, x, y)
		outside := g.outside(sc.noise, x, y)
		depth := g.tuftDepth(sc.noise, x, y, outside, sclerosis)
		c := sc.loop.at(x, y)
		lumen := mul(sc.loop.pitch, g.openness(c))
		crowd := lerp(mul(g.density, ramp(0.8, 1.1, c.centre/lumen)), 0.045, mul(sclerosis, g.solid))
		if depth > 0.006 && keep < crowd {
			t.paint(sc, x, y, size, mul(size, 0.72), ux, uy, density)
		}
	}
}

// capsularNuclei are the flat ones of the parietal layer.
func (sc *scene) capsularNuclei(t *tissue, s *stream) {
	g := &sc.glom
	for range 9 {
		ux, uy := s.direction()
		size, density := s.between(0.012, 0.016), s.between(0.7, 1)
		x, y := g.x+mul(g.radius, ux), g.y+mul(g.radius, uy)
		d := g.outside(sc.noise, x, y) + 0.006
		t.paint(sc, x-mul(d, ux), y-mul(d, uy), mul(size, 0.45), size, ux, uy, density)
	}
}

// paint lays an ellipse with half axes a along (ux, uy) and b across over the
// tissue. Chromatin makes it uneven, with a darker rim.
func (t *tissue) paint(sc *scene, x, y, a, b, ux, uy, density float64) {
	reach := max(a, b) + t.step
	first := func(v float64) int { return max(int(math.Floor((v-reach)/t.step)), 0) }
	last := func(v float64) int { return min(int(math.Ceil((v+reach)/t.step)), t.n) }
	small := min(a, b)
	for j := first(y); j < last(y); j++ {
		for i := first(x); i < last(x); i++ {
			px, py := mul(float64(i)+0.5, t.step), mul(float64(j)+0.5, t.step)
			along := mul(px-x, ux) + mul(py-y, uy)
			across := mul(py-y, ux) - mul(px-x, uy)
			r := length(along/a, across/b)
			if share := sc.edge(mul(1-r, small)); share > 0 {
				chromatin := sc.noise.at(mul(90, px), mul(90, py))
				t.at[j*t.n+i].over(mul(0.92, share), nucleus, mul(density, 0.6+mul(0.25, chromatin)+mul(0.25, mul(r, r))))
			}
		}
	}
}

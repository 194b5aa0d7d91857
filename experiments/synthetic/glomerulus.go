package synthetic

import "math"

// glomerulus is the corpuscle in the middle of a patch: Bowman's capsule, the
// space in it, and the tuft.
type glomerulus struct {
	class      Class
	x, y       float64 // centre of the capsule
	radius     float64
	rim        float64 // thickness of the capsule
	tx, ty     float64 // centre of the tuft
	tuft       float64 // its radius
	lobes      float64 // how deep its folds are
	scar       float64 // collagen around the capsule
	fill       float64 // collagen in the space
	ux, uy     float64 // direction of the sclerosed segment
	segment    float64 // where it begins along that direction, in radii
	solid      float64 // how solid sclerosis is
	mesangium  float64 // share of matrix in what is not sclerosed
	density    float64 // of nuclei in what is not sclerosed
	bleeding   float64 // share of loops with red cells
	ox, oy, oz float64 // places in the noise
}

// newGlomerulus draws the layout of a class. Draws are the same in number for
// every class, so patches of one number differ by class alone.
func newGlomerulus(s *stream, p traits, class Class) glomerulus {
	g := glomerulus{
		class: class,
		x:     s.between(0.46, 0.54), y: s.between(0.46, 0.54),
		radius: s.between(0.36, 0.47), rim: s.around(p.capsule, 0.2),
		lobes: s.between(0.10, 0.34), scar: s.between(0.1, 0.4),
		mesangium: clamp01(p.mesangium + s.between(-0.08, 0.12)),
		density:   s.around(p.nuclei, 0.15),
		bleeding:  s.between(0, 0.25),
		solid:     s.between(0.55, 1),
		ox:        s.between(0, 20), oy: s.between(0, 20), oz: s.between(0, 20),
	}
	space := s.between(0.84, 0.94)
	shift := mul(g.radius, s.between(0, 0.05))
	g.ux, g.uy = s.direction()
	extent, shrink, filled := s.unit(), s.unit(), s.unit()
	switch class {
	case SS: // from a lobe's tip to nearly half of the tuft
		g.segment = lerp(0.66, 0, extent)
		g.scar = min(g.scar+0.15, 1)
	case GS:
		g.solid = lerp(0.8, 1, g.solid)
		g.radius = mul(g.radius, lerp(0.72, 0.98, shrink))
		space = lerp(0.78, 0.97, shrink)
		g.lobes = mul(0.5, g.lobes)
		g.rim = mul(g.rim, 1.8)
		g.scar = 0.75
		g.fill = mul(0.8, ramp(0.35, 0.6, filled))
	}
	g.tuft = mul(g.radius, space)
	g.tx, g.ty = g.x-mul(shift, g.ux), g.y-mul(shift, g.uy)
	return g
}

// direction is a random unit vector.
func (s *stream) direction() (x, y float64) {
	for range 16 {
		x, y = s.between(-1, 1), s.between(-1, 1)
		if l := length(x, y); l > 0.1 && l < 1 {
			return x / l, y / l
		}
	}
	return 1, 0
}

// outside is the distance of a point from the inner wall of the capsule, negative
// within it.
func (g *glomerulus) outside(n *noise, x, y float64) float64 {
	dx, dy := x-g.x, y-g.y
	r := length(dx, dy) + 1e-9
	wobble := n.at(g.ox+mul(1.6, dx/r), g.oy+mul(1.6, dy/r)) - 0.5
	return r - mul(g.radius, 1+mul(0.16, wobble))
}

// sclerosis is how solid the tuft is at a point, from 0 to 1.
func (g *glomerulus) sclerosis(n *noise, x, y float64) float64 {
	switch g.class {
	case NOA:
		return 0
	case GS:
		return 1
	}
	along := (mul(x-g.tx, g.ux) + mul(y-g.ty, g.uy)) / g.tuft
	ragged := mul(0.6, n.at(mul(8, x)+g.oz, mul(8, y)+g.ox)) + mul(0.4, n.at(mul(21, x)+g.oy, mul(21, y)+g.ox)) - 0.5
	return ramp(g.segment-0.12, g.segment+0.12, along+mul(0.8, ragged))
}

// tuftDepth is the distance of a point from the tuft's surface, negative outside.
// A sclerosed segment sticks to the capsule.
func (g *glomerulus) tuftDepth(n *noise, x, y, outside, sclerosis float64) float64 {
	dx, dy := x-g.tx, y-g.ty
	r := length(dx, dy) + 1e-9
	fold := n.at(g.oy+mul(3.5, dx/r), g.oz+mul(3.5, dy/r))
	depth := mul(g.tuft, 1-mul(g.lobes, ramp(0.35, 1, fold))) - r
	if g.class == SS {
		depth = max(depth, lerp(depth, -outside, sclerosis))
	}
	return depth
}

// corpuscle mixes everything within the capsule, and the capsule.
func (sc *scene) corpuscle(m *mixture, x, y, wx, wy, outside float64) {
	g := &sc.glom
	inside := sc.edge(-outside)
	if inside > 0 {
		m.clear(inside)
		m.over(mul(inside, g.fill), collagen, 0.5)
		sclerosis := g.sclerosis(sc.noise, x, y)
		depth := g.tuftDepth(sc.noise, wx, wy, outside, sclerosis)
		if depth > -sc.fine {
			var t mixture
			sc.tuft(&t, x, y, wx, wy, depth, sclerosis)
			share := mul(inside, sc.edge(depth))
			for i := range m {
				m[i] = lerp(m[i], t[i], share)
			}
		}
	}
	lamella := 1.0
	if g.class == GS { // a thickened capsule splits into layers
		lamella = 0.6 + mul(0.4, sc.noise.at(mul(40, x), mul(40, y)))
	}
	m.over(sc.band(outside-mul(0.5, g.rim), g.rim), membrane, mul(0.85, lamella))
}

// tuft mixes capillary loops, mesangium and scar.
func (sc *scene) tuft(m *mixture, x, y, wx, wy, depth, sclerosis float64) {
	g := &sc.glom
	grain := sc.noise.at(mul(37, x)+g.ox, mul(37, y)+g.oz)
	broad := sc.noise.at(mul(12, x)+g.oy, mul(12, y)+g.ox)
	c := sc.loop.at(wx+mul(0.035, broad), wy+mul(0.03, grain))
	m[stroma] = 0.40 + mul(0.5, grain)
	m.over(ramp(1-g.mesangium-0.25, 1-g.mesangium+0.15, broad), matrix, 0.35+mul(0.3, grain))
	m.over(mul(0.5, sc.band(c.border, 0.012)), membrane, 0.5)
	if open := mul(sc.loop.pitch, g.openness(c)) - c.centre; open > -0.02 {
		patent := 1 - mul(sclerosis, g.solid)
		m.over(mul(patent, sc.band(open+0.005, 0.011)), membrane, 0.5+mul(0.35, grain)) // the loop's wall
		m.clear(mul(0.9, mul(sc.edge(open), patent)))
		if c.random[1] < g.bleeding {
			m.over(mul(0.8, mul(mul(sc.edge(open), patent), grain)), blood, 0.8)
		}
	}
	m.over(mul(0.8, sc.band(depth-0.004, 0.009)), membrane, 0.5)
	if sclerosis > 0 {
		sc.sclerotic(m, x, y, c, mul(sclerosis, g.solid), broad, grain)
	}
}

// openness is the radius of a loop's lumen in units of the loops' pitch.
func (g *glomerulus) openness(c cell) float64 { return 0.14 + mul(0.30, c.random[0]) }

// sclerotic lays scar over a tuft: matrix of uneven density, folds of collapsed
// loops, and gaps.
func (sc *scene) sclerotic(m *mixture, x, y float64, c cell, share, broad, grain float64) {
	g := &sc.glom
	slow := sc.noise.at(mul(5, x)+g.oz, mul(5, y)+g.oy)
	m.over(share, matrix, 0.25+mul(0.30, slow)+mul(0.35, broad)+mul(0.25, grain))
	folds := mul(ramp(0.35, 0.75, broad), sc.band(c.border, 0.014))
	m.over(mul(share, mul(0.6, folds)), membrane, 0.6)
	m.over(mul(mul(share, 0.6), ramp(0.55, 0.85, 1-slow)), collagen, 0.6)
	gap := sc.noise.at(mul(22, x)+g.oz, mul(22, y)+g.oy)
	m.clear(mul(mul(0.8, share), ramp(0.80, 0.95, gap)))
}

// nearWall tells whether a point lies in the corpuscle or its capsule.
func (g *glomerulus) nearWall(n *noise, x, y float64) bool {
	return g.outside(n, x, y) < mul(3, math.Max(g.rim, 0.008))
}

package synthetic

// Class is what became of a glomerulus.
type Class string

// The classes.
const (
	NOA Class = "noa" // no abnormality
	SS  Class = "ss"  // segmentally sclerosed
	GS  Class = "gs"  // globally sclerosed
)

// Classes lists the classes in the order in which patches take turns.
var Classes = []Class{NOA, SS, GS}

// material is something that a stain may colour.
type material int

const (
	nucleus   material = iota
	cytoplasm          // of tubules
	membrane           // basement membranes, capsule, brush border
	matrix             // of the mesangium, and of sclerosis
	collagen           // of the interstitium and around a dead glomerulus
	stroma             // everything pale: interstitium, cells of the tuft
	blood              // red cells
	materials
)

// mixture is the density of each material at a point; 1 is as dense as it gets.
type mixture [materials]float64

// over lays a material over the mixture, covering the share a of the point.
func (m *mixture) over(a float64, what material, density float64) {
	switch {
	case a <= 0:
		return
	case a >= 1:
		*m = mixture{}
		m[what] = density
		return
	}
	for i := range m {
		m[i] = mul(m[i], 1-a)
	}
	m[what] += mul(a, density)
}

// clear takes the share a of everything away: a lumen.
func (m *mixture) clear(a float64) { m.over(a, stroma, 0.02) }

// tissue is the mixtures of a patch on an n x n grid, row by row.
type tissue struct {
	n    int
	at   []mixture
	step float64 // distance of samples
}

// superSample is the samples of the grid for each pixel and direction.
const superSample = 2

// scene is all that is drawn from for one patch.
type scene struct {
	traits traits
	noise  *noise
	tubule cells
	loop   cells
	glom   glomerulus
	fine   float64 // half the width of an edge: what one sample resolves
	sharp  float64 // 1/(2 fine)
}

// traits are a patient's tissue.
type traits struct {
	gap       float64 // between tubules: fibrosis widens it
	lumen     float64 // how open tubules are
	mesangium float64 // how much matrix normal tufts have
	nuclei    float64 // how many the tuft has
	capsule   float64 // thickness of Bowman's capsule
}

func newTraits(seed, patient uint32) traits {
	s := newStream(seed, patient, wholePatient, streamTraits)
	return traits{
		gap:       s.between(0.006, 0.024),
		lumen:     s.between(0.35, 0.75),
		mesangium: s.between(0.05, 0.40),
		nuclei:    s.between(0.55, 0.95),
		capsule:   s.between(0.006, 0.011),
	}
}

// newTissue draws a patch of a class at the given side.
func newTissue(seed, patient, patch uint32, class Class, side int) *tissue {
	n := side * superSample
	t := &tissue{n: n, at: make([]mixture, n*n), step: 1 / float64(n)}
	points := newCellPoints(newStream(seed, patient, patch, streamCells))
	layout := newStream(seed, patient, patch, streamLayout)
	sc := &scene{
		traits: newTraits(seed, patient),
		noise:  newNoise(newStream(seed, patient, patch, streamNoise)),
		tubule: cells{layout.between(0.24, 0.32), points},
		loop:   cells{layout.between(0.066, 0.088), points},
		fine:   t.step,
		sharp:  mul(0.5, float64(n)),
	}
	sc.glom = newGlomerulus(layout, sc.traits, class)
	for y := range n {
		for x := range n {
			sc.sample(&t.at[y*n+x], mul(float64(x)+0.5, t.step), mul(float64(y)+0.5, t.step))
		}
	}
	sc.addNuclei(t, newStream(seed, patient, patch, streamNuclei))
	return t
}

// edge is the share of a sample that lies on the inner side of a border at
// distance d.
func (sc *scene) edge(d float64) float64 { return clamp01(0.5 + mul(d, sc.sharp)) }

// band is the share of a sample inside a line of a width, at distance d from its
// middle; lines thinner than a sample keep their share.
func (sc *scene) band(d, width float64) float64 {
	half := mul(0.5, width)
	return sc.edge(half-d) - sc.edge(-half-d)
}

// sample mixes the materials at one point.
func (sc *scene) sample(m *mixture, x, y float64) {
	// Organic borders: everything is looked up at a slightly warped place.
	wx := x + mul(0.05, sc.noise.at(mul(6, x), mul(6, y))-0.5)
	wy := y + mul(0.05, sc.noise.at(mul(6, x)+11, mul(6, y)+5)-0.5)
	outside := sc.glom.outside(sc.noise, wx, wy)
	rim := sc.glom.rim
	if outside > -sc.fine {
		sc.background(m, x, y, wx, wy)
		if outside < mul(4, rim) { // the scar around the capsule
			m.over(mul(sc.glom.scar, 1-ramp(0, mul(4, rim), outside)), collagen, 0.75)
		}
	}
	if outside < mul(2, rim)+sc.fine {
		sc.corpuscle(m, x, y, wx, wy, outside)
	}
}

// background mixes interstitium and tubules.
func (sc *scene) background(m *mixture, x, y, wx, wy float64) {
	coarse := sc.noise.at(mul(9, x)+3, mul(9, y)+17)
	grain := sc.noise.at(mul(31, x)+7, mul(31, y)+1)
	m[stroma] = 0.35 + mul(0.3, grain)
	m[collagen] = mul(0.55, mul(coarse, 0.4+grain))
	m.clear(mul(0.8, ramp(0.72, 0.85, coarse))) // capillaries between tubules

	c := sc.tubule.at(wx, wy)
	// Round corners: a tubule is a tube, and what it leaves is interstitium.
	inner := min(c.border-sc.traits.gap, mul(sc.tubule.pitch, 0.50+mul(0.14, c.random[0]))-c.centre)
	if inner < -sc.fine {
		return
	}
	depth := 0.45 + mul(0.35, grain) + mul(0.15, c.random[0])
	m.over(sc.edge(inner), cytoplasm, depth)
	m.over(sc.band(inner-0.004, 0.011), membrane, 0.8)
	open := mul(0.11, mul(sc.traits.lumen, 0.2+c.random[1])) + mul(0.05, coarse-0.5) + mul(0.04, grain-0.5)
	if into := open - c.centre; into > -0.03 {
		m.over(mul(0.5, sc.band(into+0.006, 0.014)), membrane, 0.4) // brush border
		m.clear(sc.edge(into))
	}
}

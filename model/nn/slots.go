package nn

import "g2c/kernels"

// Prefixes of the slots that belong to a parameter. The parameter itself has its
// plain name.
const (
	GradPrefix     = "grad/"
	MomentPrefix   = "moment/"    // Adam's first moment, SGD's momentum, AdaGrad's sum of squares
	VariancePrefix = "variance/"  // Adam's second moment
	SumsPrefix     = "statistic/" // tree sums of batch statistics
)

// Group makes a group of slots, one for each parameter, with a prefix to their
// names.
func Group(name, prefix string, params []Param) kernels.Group {
	g := kernels.Group{Name: name}
	for _, p := range params {
		g.Slots = append(g.Slots, kernels.Slot{Name: prefix + p.Name, Type: kernels.Real(p.Shape...)})
	}
	return g
}

// ByNet picks the parameters of networks, in the order of the catalog.
func ByNet(params []Param, nets ...string) []Param {
	var out []Param
	for _, p := range params {
		for _, n := range nets {
			if p.Net == n {
				out = append(out, p)
			}
		}
	}
	return out
}

package nn

import (
	"fmt"

	"g2c/kernels"
	"g2c/model/graph"
)

// Adam is the groups of slots of networks that Adam trains, and its two factors' slot: see
// kernels.Adam.
type Adam struct {
	Weights, Grads, Moments, Variances string
	Hyper                              string
}

// adamEps is PyTorch's.
const adamEps = 1e-8

// Groups are the slots of the networks' parameters.
func (a Adam) Groups(params []Param) []kernels.Group {
	return []kernels.Group{
		Group(a.Weights, "", params), Group(a.Grads, GradPrefix, params),
		Group(a.Moments, MomentPrefix, params), Group(a.Variances, VariancePrefix, params),
	}
}

// Step is a step before differentiation.
type Step struct {
	Builder *graph.Builder
	Params  []Param // that are trained, of those in the graph
	Total   *graph.Value
	Outputs []graph.Output
}

// Compile differentiates a step and compiles it with Adam as its update.
func (a Adam) Compile(name string, s *Step, beta1, beta2 float64, state *kernels.StateSpec) (*kernels.Program, error) {
	mine := map[string]bool{}
	for _, p := range s.Params {
		mine[p.Name] = true
	}
	var params []*graph.Param
	for _, p := range s.Builder.Params() {
		if mine[p.Name] {
			params = append(params, p)
		}
	}
	ds, err := s.Builder.Differentiate(s.Total, params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	outputs := s.Outputs
	for i, p := range params {
		outputs = append(outputs, graph.Output{Slot: GradPrefix + p.Name, Value: ds[i]})
	}
	adam := graph.Update{
		Op:  kernels.Adam{Beta1: beta1, Beta2: beta2, Eps: adamEps},
		In:  []string{a.Weights, a.Moments, a.Variances, a.Grads, a.Hyper},
		Out: []string{a.Weights, a.Moments, a.Variances},
	}
	return s.Builder.Compile(graph.Plan{Name: name, Outputs: outputs, Updates: []graph.Update{adam}}, state)
}

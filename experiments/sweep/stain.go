package sweep

import (
	"fmt"
	"slices"
	"strings"

	"g2c/api"
	"g2c/experiments/spec"
)

// stain requests what makes a stain of a variant without training.
func (e *expansion) stain(v *spec.Variant, stain string) (api.Key, error) {
	return e.made(v, stain, v.Spec.Generators[stain].Method)
}

// normaliser requests the target that a variant's images are normalised to; nil for none.
func (e *expansion) normaliser(v *spec.Variant) (*api.Normaliser, error) {
	method := v.Spec.Data.Normalise
	if method == api.NormaliseNone {
		return nil, nil
	}
	key, err := e.made(v, v.Spec.Data.Source, method)
	return &api.Normaliser{Method: method, Stain: key}, err
}

// made requests what a method makes of a stain.
func (e *expansion) made(v *spec.Variant, stain, method string) (api.Key, error) {
	s := &v.Spec
	body := api.Stain{Origin: s.Data.Origin, Stain: stain, View: s.Data.View, Method: method}
	work := api.Work{Where: stainWhere(s, stain, body.Method), Gang: api.Gang{Min: 1, Max: 1}}
	use := Use{Name: fmt.Sprintf("stain/%s/%s", stain, body.Method), Stains: []string{stain}}
	switch {
	case api.Targeted(body.Method):
		print, err := e.fingerprint(body.Target(work.Where))
		if err != nil {
			return api.Key{}, err
		}
		body.Data = print
	case body.Method == api.MethodRandom:
		g := s.Model.Generator
		body.Generator, body.Seed = &g, s.Seed
		use.Width, use.Blocks, use.Seed = g.Width, g.Blocks, s.Seed
		use.Name = fmt.Sprintf("%s/w%d/b%d/s%d", use.Name, g.Width, g.Blocks, s.Seed)
	}
	work.Task = api.StainTask(e.Numerics, body)
	return e.request(request{variant: v}, work, use)
}

// stainWhere says where the images of a stain's target are: of a method without one
// nowhere.
func stainWhere(s *spec.Spec, stain, method string) api.Where {
	w := api.Where{Source: s.Data.Source, Synthetic: synthetic(s)}
	if w.Synthetic == nil && api.Targeted(method) {
		w.Unlabelled = []api.StainPaths{{Stain: stain, Paths: s.Data.Unlabelled[stain]}}
	}
	return w
}

// methods are how the branches of a variant are made, in the order of its stains; nil where
// a trained generator makes every one.
func methods(v *spec.Variant) []string {
	out := make([]string, len(v.Stains))
	for i, stain := range v.Stains {
		out[i] = v.Spec.Generators[stain].Method
	}
	if !slices.ContainsFunc(out, func(m string) bool { return m != "" }) {
		return nil
	}
	return out
}

// makesStain says whether a field decides what a stain that is made without training comes
// to.
func makesStain(t *api.Stain, path string) bool {
	switch {
	case path == "data.source" || path == "data.size" || path == "data.fit":
		return true
	case t.Method == api.MethodRandom:
		return path == "seed" || strings.HasPrefix(path, "model.generator.")
	case api.Targeted(t.Method):
		return path == "data.unlabelled."+t.Stain || strings.HasPrefix(path, "data.synthetic.")
	}
	return false
}

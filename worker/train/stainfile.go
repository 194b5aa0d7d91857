package train

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/stain"
)

// The numbers of a target are tensors of float64, so that a model that needs them has them
// among its weights:
//
//	reinhard.mean, reinhard.std     (3): L, a, b
//	macenko.stains                  (2, 3): optical densities
//	macenko.max                     (2)

// painting is what a method needs to know.
type painting struct {
	apply   func(dst, src []uint8)
	tensors []safetensors.Tensor
}

func paintingOfReinhard(r stain.Reinhard) painting {
	mean, std := r.Mean, r.Std
	return painting{r.Apply, []safetensors.Tensor{
		safetensors.Float64("reinhard.mean", []int{3}, mean[:]), safetensors.Float64("reinhard.std", []int{3}, std[:]),
	}}
}

func paintingOfMacenko(m stain.Macenko) painting {
	stains, most := slices.Concat(m.Stains[0][:], m.Stains[1][:]), m.Max
	return painting{m.Apply, []safetensors.Tensor{
		safetensors.Float64("macenko.stains", []int{2, 3}, stains), safetensors.Float64("macenko.max", []int{2}, most[:]),
	}}
}

// readPainting reads a method's numbers, whose names have a prefix.
func readPainting(method string, f *safetensors.File, prefix string) (painting, error) {
	read := func(name string, shape []int, to []float64) error {
		t, ok := f.Tensor(prefix + name)
		if !ok {
			return fault.New(fault.ErrData, "there is no tensor %s, which the method %s needs", prefix+name, method)
		}
		return t.CopyFloat64(to, shape)
	}
	switch method {
	case api.MethodReinhard:
		var r stain.Reinhard
		if err := read("reinhard.mean", []int{3}, r.Mean[:]); err != nil {
			return painting{}, err
		}
		if err := read("reinhard.std", []int{3}, r.Std[:]); err != nil {
			return painting{}, err
		}
		if !r.Valid() {
			return painting{}, fault.New(fault.ErrData, "%s holds no colour", prefix+"reinhard")
		}
		return paintingOfReinhard(r), nil
	case api.MethodMacenko:
		var m stain.Macenko
		var stains [6]float64
		if err := read("macenko.stains", []int{2, 3}, stains[:]); err != nil {
			return painting{}, err
		}
		if err := read("macenko.max", []int{2}, m.Max[:]); err != nil {
			return painting{}, err
		}
		m.Stains = [2][3]float64{[3]float64(stains[:3]), [3]float64(stains[3:])}
		if !m.Valid() {
			return painting{}, fault.New(fault.ErrData, "%s holds no stains", prefix+"macenko")
		}
		return paintingOfMacenko(m), nil
	case api.MethodCopy:
		return painting{apply: func(dst, src []uint8) { copy(dst, src) }}, nil
	}
	return painting{}, fault.New(fault.ErrSpec, "the method %s paints nothing", method)
}

// named are tensors with a prefix to their names.
func named(prefix string, all []safetensors.Tensor) (out []safetensors.Tensor) {
	for _, t := range all {
		t.Name = prefix + t.Name
		out = append(out, t)
	}
	return out
}

// normalisePrefix begins the names of a normaliser's numbers among a model's weights.
const normalisePrefix = "normalise."

// Normalised is a set whose images are normalised as a model wants them, by the numbers
// among its weights.
func Normalised(set *dataset.Set, n *api.Normaliser, weights *safetensors.File) (*dataset.Set, error) {
	p, err := NewNormaliser(n, weights)
	if err != nil || p == nil {
		return set, err
	}
	return set.Painted(p), nil
}

// NewNormaliser is a model's normaliser, by the numbers among its weights, to see images
// once; nil of a model without one.
func NewNormaliser(n *api.Normaliser, weights *safetensors.File) (*dataset.Painter, error) {
	p, _, err := newNormaliser(n, weights, normalisePrefix, 0)
	return p, err
}

// newNormaliser is NewNormaliser where the names have another prefix, and the numbers as a
// model's weights hold them. It keeps so many bytes of what it has painted.
func newNormaliser(n *api.Normaliser, f *safetensors.File, prefix string, keep int64) (*dataset.Painter, []safetensors.Tensor, error) {
	if n == nil {
		return nil, nil, nil
	}
	if f == nil {
		f = &safetensors.File{}
	}
	p, err := readPainting(n.Method, f, prefix)
	if err != nil {
		return nil, nil, fmt.Errorf("normaliser: %w", err)
	}
	return &dataset.Painter{Apply: p.apply, Keep: keep}, named(normalisePrefix, p.tensors), nil
}

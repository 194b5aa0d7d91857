package train

import (
	"fmt"
	"sort"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/nn"
)

// element is the type weights are read and written as: float32 for training,
// float64 where the reference backend is compared.
type element interface{ float32 | float64 }

// get reads a slot.
func get[T element](s kernels.State, slot string, dst []T) error {
	switch d := any(dst).(type) {
	case []float32:
		return s.GetF32(slot, d)
	case []float64:
		return s.GetF64(slot, d)
	}
	panic("unreachable")
}

func put[T element](s kernels.State, slot string, src []T) error {
	switch v := any(src).(type) {
	case []float32:
		return s.PutF32(slot, v)
	case []float64:
		return s.PutF64(slot, v)
	}
	panic("unreachable")
}

func tensor[T element](name string, shape []int, v []T) safetensors.Tensor {
	switch d := any(v).(type) {
	case []float32:
		return safetensors.Float32(name, shape, d)
	case []float64:
		return safetensors.Float64(name, shape, d)
	}
	panic("unreachable")
}

// exportParam reads a parameter's slot, with a prefix to its name, as a tensor in
// the layout of files.
func exportParam[T element](s kernels.State, prefix, as string, p nn.Param) (safetensors.Tensor, error) {
	ours := make([]T, p.Shape.Len())
	if err := get(s, prefix+p.Name, ours); err != nil {
		return safetensors.Tensor{}, err
	}
	file := make([]T, len(ours))
	nn.Export(file, ours, p.Shape)
	return tensor(as, nn.ExportShape(p.Shape), file), nil
}

// Weights reads parameters and running statistics of networks (all networks if
// none is named), in the layout of files.
func (s *step) Weights(nets ...string) ([]safetensors.Tensor, error) {
	return weights[float32](s, nets...)
}

func weights[T element](s *step, nets ...string) ([]safetensors.Tensor, error) {
	var out []safetensors.Tensor
	for _, p := range s.parameters(nets...) {
		t, err := exportParam[T](s.state, "", p.Name, p)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// parameters lists parameters and running statistics by name.
func (s *step) parameters(nets ...string) []nn.Param {
	all := append(append([]nn.Param(nil), s.catalog.Params...), s.catalog.Running...)
	if len(nets) > 0 {
		all = nn.ByNet(all, nets...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// SetWeights writes parameters and running statistics of networks (all if none
// is named) from a file. rename maps a name of ours to the file's. A tensor that
// is missing or has another shape is an error of class fault.ErrData.
func (s *step) SetWeights(f *safetensors.File, rename func(string) string, nets ...string) error {
	return PutWeights(s.state, s.parameters(nets...), f, rename)
}

// PutWeights is SetWeights for any state.
func PutWeights(s kernels.State, params []nn.Param, f *safetensors.File, rename func(string) string) error {
	for _, p := range params {
		name := p.Name
		if rename != nil {
			name = rename(name)
		}
		t, ok := f.Tensor(name)
		if !ok {
			return fault.New(fault.ErrData, "weights have no tensor %s", name)
		}
		file := make([]float64, p.Shape.Len())
		if err := t.CopyReals(file, nn.ExportShape(p.Shape)); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		ours := make([]float64, len(file))
		nn.Import(ours, file, p.Shape)
		if err := s.PutF64(p.Name, ours); err != nil {
			return err
		}
	}
	return nil
}

// initialise draws a network's initial weights and sets its running statistics.
func (s *step) initialise(net string, seed, number uint32) error {
	values := nn.Initial(nn.ByNet(s.catalog.Params, net), seed, number)
	for _, p := range nn.ByNet(s.catalog.Params, net) {
		if err := s.state.PutF32(p.Name, values[p.Name]); err != nil {
			return err
		}
	}
	for _, p := range nn.ByNet(s.catalog.Running, net) {
		v := make([]float32, p.Shape.Len())
		if p.Init == nn.Ones {
			for i := range v {
				v[i] = 1
			}
		}
		if err := s.state.PutF32(p.Name, v); err != nil {
			return err
		}
	}
	return nil
}

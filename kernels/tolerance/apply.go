package tolerance

import (
	"g2c/kernels"
	"g2c/kernels/ref"
)

// apply runs one operation on the reference backend.
func apply(op kernels.Op, in []Tensor) ([]Tensor, error) {
	spec, p, err := kernels.Single(op, types(in))
	if err != nil {
		return nil, err
	}
	var out []Tensor
	for _, id := range p.Instrs[0].Out {
		t := p.Values[id].Type
		out = append(out, Tensor{t, make([]float64, t.Shape.Len())})
	}
	return out, runOnce(p, spec, in, out)
}

func runOnce(p *kernels.Program, spec *kernels.StateSpec, in, out []Tensor) error {
	device := ref.New()
	state, err := device.NewState(spec)
	if err != nil {
		return err
	}
	exec, err := device.Load(p, state)
	if err != nil {
		return err
	}
	for k, id := range p.Instrs[0].In {
		if err := exec.PutValue(id, in[k].V); err != nil {
			return err
		}
	}
	if err := exec.Run(); err != nil {
		return err
	}
	for k, id := range p.Instrs[0].Out {
		if err := exec.GetValue(id, out[k].V); err != nil {
			return err
		}
	}
	return exec.Close()
}

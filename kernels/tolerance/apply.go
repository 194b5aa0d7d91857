package tolerance

import (
	"fmt"

	"g2c/kernels"
	"g2c/kernels/ref"
)

// apply runs one operation on the reference backend.
func apply(op kernels.Op, in []Tensor) ([]Tensor, error) {
	results, err := op.Infer(types(in))
	if err != nil {
		return nil, err
	}
	p := &kernels.Program{Name: op.Name(), Instrs: []kernels.Instr{{Op: op}}, Segments: []kernels.Segment{{Name: "all", To: 1}}}
	var groups []kernels.Group
	add := func(kind string, k int, t kernels.Type) int {
		name := fmt.Sprintf("%s%d", kind, k)
		groups = append(groups, kernels.Group{Name: "group/" + name, Slots: []kernels.Slot{{Name: name, Type: t}}})
		p.Values = append(p.Values, kernels.Value{Type: t, Slot: name})
		return len(p.Values) - 1
	}
	instr := &p.Instrs[0]
	for k, t := range in {
		instr.In = append(instr.In, add("in", k, t.Type))
	}
	out := make([]Tensor, len(results))
	for k, t := range results {
		instr.Out = append(instr.Out, add("out", k, t))
		out[k] = Tensor{t, make([]float64, t.Shape.Len())}
	}
	spec, err := kernels.NewStateSpec(groups...)
	if err != nil {
		return nil, err
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

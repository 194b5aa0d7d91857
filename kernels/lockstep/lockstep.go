package lockstep

import (
	"fmt"

	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/kernels/tolerance"
)

// Run runs a program over state, which is ref's, beside the follower, from the
// slots as they are. Afterwards the slots hold what ref's step has made of them:
// programs that belong together are run one after another on one state. scale
// multiplies every tolerance. An error means that a device failed, not that it
// computed something wrong: that is in the report.
func Run(p *kernels.Program, state kernels.State, follower kernels.Device, scale float64) (*Report, error) {
	r := &run{program: p, scale: scale, report: &Report{Program: p.Name}}
	if err := r.open(state, follower); err != nil {
		return nil, fmt.Errorf("lockstep: %w", err)
	}
	for i := range r.program.Instrs {
		if err := r.step(i); err != nil {
			return nil, fmt.Errorf("lockstep: %s: %w", r.program.Line(i), err)
		}
	}
	return r.report, r.close()
}

// run is one program on both devices.
type run struct {
	program          *kernels.Program
	scale            float64
	leader, follower kernels.Exec
	state            kernels.State // the follower's
	report           *Report
}

// open loads the program on both: as the follower rewrites it, so that both have
// the same instructions.
func (r *run) open(state kernels.State, follower kernels.Device) error {
	var err error
	if r.state, err = follower.NewState(state.Spec()); err != nil {
		return err
	}
	if err := copyState(r.state, state); err != nil {
		return err
	}
	if r.follower, err = follower.Load(r.program, r.state); err != nil {
		return err
	}
	r.program = r.follower.Program()
	r.leader, err = ref.New().Load(r.program, state)
	return err
}

func (r *run) close() error {
	for _, c := range []interface{ Close() error }{r.leader, r.follower, r.state} {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// copyState copies all slots, group by group.
func copyState(to, from kernels.State) error {
	for _, g := range from.Spec().Groups {
		t, _ := from.Spec().Type(g.Name)
		n := t.Shape.Len()
		var err error
		switch t.DType {
		case kernels.I32:
			v := make([]int32, n)
			if err = from.GetI32(g.Name, v); err == nil {
				err = to.PutI32(g.Name, v)
			}
		case kernels.U8:
			v := make([]uint8, n)
			if err = from.GetU8(g.Name, v); err == nil {
				err = to.PutU8(g.Name, v)
			}
		default:
			v := make([]float64, n)
			if err = from.GetF64(g.Name, v); err == nil {
				err = to.PutF64(g.Name, v)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step runs instruction i on both and compares. Operands are read before and
// results right after, for a temporary's memory holds it no longer than that, and
// a result may stand in the place of an operand.
func (r *run) step(i int) error {
	instr := r.program.Instrs[i]
	in, err := r.share(instr.In)
	if err != nil {
		return err
	}
	if err := r.leader.RunInstr(i); err != nil {
		return err
	}
	if err := r.follower.RunInstr(i); err != nil {
		return err
	}
	want, err := r.read(r.leader, instr.Out)
	if err != nil {
		return err
	}
	got, err := r.read(r.follower, instr.Out)
	if err != nil {
		return err
	}
	tol, err := tolerance.Of(instr.Op, in, want)
	if err != nil {
		return err
	}
	r.report.add(r.program.Line(i), i, r.scale, got, want, tol)
	return nil
}

// share rounds ref's operands to float32 and gives them to both devices. All are
// read before any is written.
func (r *run) share(ids []int) ([]tolerance.Tensor, error) {
	in, err := r.read(r.leader, ids)
	if err != nil {
		return nil, err
	}
	for k, id := range ids {
		if in[k].Type.DType == kernels.F32 { // what is bf16 is rounded already
			for i, v := range in[k].V {
				in[k].V[i] = float64(float32(v))
			}
		}
		for _, e := range []kernels.Exec{r.leader, r.follower} {
			if err := e.PutValue(id, in[k].V); err != nil {
				return nil, err
			}
		}
	}
	return in, nil
}

func (r *run) read(e kernels.Exec, ids []int) ([]tolerance.Tensor, error) {
	ts := make([]tolerance.Tensor, len(ids))
	for k, id := range ids {
		t := r.program.Values[id].Type
		ts[k] = tolerance.Tensor{Type: t, V: make([]float64, t.Shape.Len())}
		if err := e.GetValue(id, ts[k].V); err != nil {
			return nil, err
		}
	}
	return ts, nil
}

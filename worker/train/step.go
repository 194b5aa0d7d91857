package train

import (
	"errors"
	"fmt"
	"math"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// step is what both stages share: a state, its programs, and the losses read
// back after each of them.
type step struct {
	device  kernels.Device
	state   kernels.State
	catalog *nn.Catalog
	execs   []kernels.Exec
	scalar  [1]float32
	read    [1]float64
	images  []imageSlot // of a bench
}

func newStep(d kernels.Device, spec *kernels.StateSpec, catalog *nn.Catalog) (*step, error) {
	state, err := d.NewState(spec)
	if err != nil {
		return nil, err
	}
	s := &step{device: d, state: state, catalog: catalog}
	if err := s.setScalar(graph.Seed, 1); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// loading is a program and where it goes once it is ready.
type loading struct {
	to *kernels.Exec
	p  *kernels.Program
}

// loadAll loads programs; if one does not load, all is closed.
func (s *step) loadAll(programs ...loading) error {
	for _, l := range programs {
		e, err := s.load(l.p)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		*l.to = e
	}
	return nil
}

func (s *step) load(p *kernels.Program) (kernels.Exec, error) {
	if p == nil {
		return nil, nil
	}
	e, err := s.device.Load(p, s.state)
	if err == nil {
		s.execs = append(s.execs, e)
	}
	return e, err
}

// Close frees the programs and the state, all of them even if one fails.
func (s *step) Close() error {
	var errs []error
	for _, e := range s.execs {
		errs = append(errs, e.Close())
	}
	return errors.Join(append(errs, s.state.Close())...)
}

// State is the step's memory.
func (s *step) State() kernels.State { return s.state }

// Execs are the programs that are loaded.
func (s *step) Execs() []kernels.Exec { return s.execs }

func (s *step) setScalar(slot string, v float32) error {
	s.scalar[0] = v
	return s.state.PutF32(slot, s.scalar[:])
}

// NonFinite is a loss that is not a number any more. It says where the first such
// value appeared.
type NonFinite struct {
	Program string
	Loss    string // the loss that showed it
	Instr   string // the instruction that made it, as the program's dump prints it
}

// Error implements error.
func (e *NonFinite) Error() string {
	return fmt.Sprintf("%s: loss %s is not finite; first made by\n%s", e.Program, e.Loss, e.Instr)
}

// Unwrap gives the class of the error.
func (e *NonFinite) Unwrap() error { return fault.ErrTraining }

// run runs a training program: everything up to the step boundary, a look at the
// losses, then the update. A loss that is not finite leaves weights as they were
// and is traced to the instruction that made it.
func (s *step) run(e kernels.Exec, lossSlots []string, losses []float64) error {
	p := e.Program()
	last := len(p.Segments) - 1
	for i := range last {
		if err := e.RunSegment(i); err != nil {
			return err
		}
	}
	for i, slot := range lossSlots {
		v, err := s.loss(slot)
		if err != nil {
			return err
		}
		losses[i] = v
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return s.blame(e, slot)
		}
	}
	return e.RunSegment(last)
}

func (s *step) loss(slot string) (float64, error) {
	err := s.state.GetF64(slot, s.read[:])
	return s.read[0], err
}

// blame runs a program again, instruction by instruction, up to its update, and
// names the first that makes a value that is not finite.
func (s *step) blame(e kernels.Exec, loss string) error {
	p := e.Program()
	end := p.Segments[len(p.Segments)-1].From
	for i := range end {
		if id, bad := s.badOperand(e, p.Instrs[i].In); bad {
			return &NonFinite{p.Name, loss, fmt.Sprintf("slot %s, an input of %s", p.Values[id].Slot, p.Line(i))}
		}
		if err := e.RunInstr(i); err != nil {
			return err
		}
		if _, bad := s.badValue(e, p.Instrs[i].Out); bad {
			return &NonFinite{p.Name, loss, p.Line(i)}
		}
	}
	return &NonFinite{p.Name, loss, "no instruction on a second run"}
}

// badOperand looks at operands that no instruction made: slots.
func (s *step) badOperand(e kernels.Exec, ids []int) (int, bool) {
	var slots []int
	for _, id := range ids {
		if e.Program().Values[id].Slot != "" {
			slots = append(slots, id)
		}
	}
	return s.badValue(e, slots)
}

func (s *step) badValue(e kernels.Exec, ids []int) (int, bool) {
	for _, id := range ids {
		v := make([]float64, e.Program().Values[id].Type.Shape.Len())
		if err := e.GetValue(id, v); err != nil {
			return id, true
		}
		for _, x := range v {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return id, true
			}
		}
	}
	return 0, false
}

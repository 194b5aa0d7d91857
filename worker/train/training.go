package train

import (
	"fmt"
	"math"

	"g2c/internal/fault"
	"g2c/kernels"
)

// training is a training program with its losses.
type training struct {
	exec   kernels.Exec
	slots  []string
	losses []float64
	late   [][]float32  // where the losses arrive behind an update that was not waited for
	wait   func() error // for them; nil if they are read from their slots
	t      int64        // the step they are of, counted from 0
	// heard, if set, is told when losses have been read and are finite.
	heard func(*training)
}

func newTraining(e kernels.Exec, slots ...string) *training {
	r := &training{exec: e, slots: slots, losses: make([]float64, len(slots))}
	for range slots {
		r.late = append(r.late, make([]float32, 1))
	}
	return r
}

// NonFinite is a loss that is not a number any more. It says where the first such
// value appeared.
type NonFinite struct {
	Step    int64 // counted from 0
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

// queue runs a training program as step t. A device that guards its updates goes on
// without a look at the losses, which settle reads; on others, and where sums were
// waited for anyway, they are read before the update. A loss that is not finite leaves
// weights as they were, and so does every update behind it.
func (s *step) queue(r *training, t int64) error {
	if err := s.run(r); err != nil {
		return err
	}
	return s.update(r, t)
}

// run runs a training program up to its update, and gives what others are to add.
func (s *step) run(r *training) error {
	for i := range len(r.exec.Program().Segments) - 1 {
		if err := r.exec.RunSegment(i); err != nil {
			return err
		}
		if err := s.exchange.give(r.exec, i, s.state); err != nil {
			return err
		}
	}
	return nil
}

// update takes the sums over all, every one of them before the first is used, and ends
// the step.
func (s *step) update(r *training, t int64) error {
	if err := s.exchange.take(r.exec, s.state); err != nil {
		return err
	}
	if err := s.settle(); err != nil { // of programs before, while this one runs
		return err
	}
	last := len(r.exec.Program().Segments) - 1
	r.t, r.wait = t, nil
	s.pending = append(s.pending, r)
	guarded, ok := r.exec.(kernels.Guarded)
	if !ok || s.exchange != nil {
		if err := s.settle(); err != nil {
			return err
		}
		return r.exec.RunSegment(last)
	}
	var err error
	if r.wait, err = kernels.Snapshot(s.state, r.slots, r.late); err != nil {
		return err
	}
	return guarded.RunGuarded(last, r.slots)
}

// settle reads the losses of what was queued. One that is not finite is traced to the
// instruction that made it.
func (s *step) settle() error {
	pending := s.pending
	s.pending = s.pending[:0]
	for _, r := range pending {
		if err := s.readLosses(r); err != nil {
			return err
		}
		for i, v := range r.losses {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return s.blame(r, r.slots[i])
			}
		}
		if r.heard != nil {
			r.heard(r)
		}
	}
	return nil
}

func (s *step) readLosses(r *training) error {
	if r.wait == nil {
		for i, slot := range r.slots {
			if err := s.state.GetF64(slot, s.read[:]); err != nil {
				return err
			}
			r.losses[i] = s.read[0]
		}
		return nil
	}
	if err := r.wait(); err != nil {
		return err
	}
	for i, v := range r.late {
		r.losses[i] = float64(v[0])
	}
	return nil
}

// blame runs a program again, instruction by instruction, up to its update, and
// names the first that makes a value that is not finite.
func (s *step) blame(r *training, loss string) error {
	if r.wait != nil && s.again != nil { // a later batch may have taken the inputs' place
		if err := s.again(r.t); err != nil {
			return err
		}
	}
	e, p := r.exec, r.exec.Program()
	end := p.Segments[len(p.Segments)-1].From
	for i := range end {
		if id, bad := s.badOperand(e, p.Instrs[i].In); bad {
			return &NonFinite{r.t, p.Name, loss, fmt.Sprintf("slot %s, an input of %s", p.Values[id].Slot, p.Line(i))}
		}
		if err := e.RunInstr(i); err != nil {
			return err
		}
		if _, bad := s.badValue(e, p.Instrs[i].Out); bad {
			return &NonFinite{r.t, p.Name, loss, p.Line(i)}
		}
	}
	return &NonFinite{r.t, p.Name, loss, unfound}
}

// unfound stands for an instruction of another device, or of chance.
const unfound = "no instruction on a second run"

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

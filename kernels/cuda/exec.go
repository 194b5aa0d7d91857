//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// Exec is a program made ready on a device.
type Exec struct {
	device         *Device
	program        *kernels.Program
	values         []tensor
	launches       [][]launch // of each instruction
	graphs         []*driver.Graph
	arena, scratch cu.DevicePtr
	memory         kernels.MemoryUse
	run            func() error // the closures that Run and RunSegment hand to the thread
	segments       []func() error
}

// Load implements kernels.Device.
func (d *Device) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	state, ok := s.(*State)
	if !ok || state.device != d {
		return nil, fmt.Errorf("cuda: state %T was made by another device", s)
	}
	if err := p.Check(state.spec); err != nil {
		return nil, err
	}
	e := &Exec{device: d, program: p, graphs: make([]*driver.Graph, len(p.Segments))}
	err := d.do(func() error { return e.load(state) })
	if err != nil {
		_ = e.Close() // the error that matters is there already
		return nil, fmt.Errorf("program %s: %w", p.Name, err)
	}
	e.run = e.runAll
	for i := range p.Segments {
		e.segments = append(e.segments, func() error { return e.replay(i) })
	}
	return e, nil
}

func (e *Exec) load(state *State) error {
	plan := kernels.NewPlan(e.program, layout)
	e.memory = kernels.MemoryUse{Arena: plan.Arena, Sum: plan.Sum}
	var err error
	if e.arena, err = e.device.allocate("the arena of "+e.program.Name, plan.Arena); err != nil {
		return err
	}
	for id, v := range e.program.Values {
		t := tensor{Type: v.Type}
		switch {
		case v.Slot != "":
			slot, err := state.find(v.Slot)
			if err != nil {
				return err
			}
			t.at = slot.at
		case plan.Offsets[id] >= 0:
			t.at = e.arena + cu.DevicePtr(plan.Offsets[id])
		}
		e.values = append(e.values, t)
	}
	b := &builder{device: e.device}
	if err := e.prepare(b); err != nil { // to learn how much scratch it takes
		return err
	}
	e.memory.Workspace = b.needed
	if e.scratch, err = e.device.allocate("the scratch of "+e.program.Name, b.needed); err != nil {
		return err
	}
	return e.prepare(&builder{device: e.device, scratch: e.scratch})
}

func (e *Exec) prepare(b *builder) error {
	e.launches = nil
	for i, in := range e.program.Instrs {
		l, err := b.prepare(call{op: in.Op, in: e.pick(in.In), out: e.pick(in.Out)})
		if err != nil {
			return fmt.Errorf("%s: %w", e.program.Line(i), err)
		}
		e.launches = append(e.launches, l)
	}
	return nil
}

func (e *Exec) pick(ids []int) []tensor {
	ts := make([]tensor, len(ids))
	for i, id := range ids {
		ts[i] = e.values[id]
	}
	return ts
}

// Program implements kernels.Exec.
func (e *Exec) Program() *kernels.Program { return e.program }

// Memory implements kernels.Exec.
func (e *Exec) Memory() kernels.MemoryUse { return e.memory }

// Run implements kernels.Exec. It returns when the work is on the stream; what reads
// its results waits.
func (e *Exec) Run() error { return e.device.do(e.run) }

// RunSegment implements kernels.Exec.
func (e *Exec) RunSegment(i int) error { return e.device.do(e.segments[i]) }

func (e *Exec) runAll() error {
	for i := range e.program.Segments {
		if err := e.replay(i); err != nil {
			return err
		}
	}
	return nil
}

// replay launches the graph of a segment, which is captured the first time.
func (e *Exec) replay(i int) error {
	s := e.program.Segments[i]
	if s.From == s.To {
		return nil
	}
	if e.device.sync {
		return e.stepwise(s)
	}
	if e.graphs[i] == nil {
		if err := e.capture(i, s); err != nil {
			return fmt.Errorf("capture segment %s of %s: %w", s.Name, e.program.Name, err)
		}
	}
	return e.graphs[i].Launch(e.device.stream)
}

// stepwise runs the instructions of a segment, each to its end.
func (e *Exec) stepwise(s kernels.Segment) error {
	for k := s.From; k < s.To; k++ {
		if err := e.finish(k); err != nil {
			return err
		}
	}
	return nil
}

// finish runs an instruction and waits for it, so that an error is that instruction's.
func (e *Exec) finish(k int) error {
	if err := e.launch(k); err != nil {
		return err
	}
	if err := e.device.stream.Synchronize(); err != nil {
		return fmt.Errorf("%s: %w", e.program.Line(k), err)
	}
	return nil
}

func (e *Exec) capture(i int, s kernels.Segment) error {
	if err := driver.BeginCapture(e.device.stream); err != nil {
		return err
	}
	for k := s.From; k < s.To; k++ {
		if err := e.launch(k); err != nil {
			_, _ = driver.EndCapture(e.device.stream) // what was captured is not wanted
			return err
		}
	}
	g, err := driver.EndCapture(e.device.stream)
	if err != nil {
		return err
	}
	e.graphs[i] = &g
	return nil
}

// launch puts the kernels of an instruction on the stream.
func (e *Exec) launch(k int) error {
	for _, l := range e.launches[k] {
		if err := driver.Launch(l.function, l.grid, e.device.stream, l.args); err != nil {
			return fmt.Errorf("%s: %w", e.program.Line(k), err)
		}
	}
	return nil
}

// RunInstr implements kernels.Exec. It waits for the instruction.
func (e *Exec) RunInstr(i int) error { return e.device.do(func() error { return e.finish(i) }) }

// GetValue implements kernels.Exec.
func (e *Exec) GetValue(id int, dst []float64) error { return e.transfer(id, dst, true) }

// PutValue implements kernels.Exec.
func (e *Exec) PutValue(id int, src []float64) error { return e.transfer(id, src, false) }

func (e *Exec) transfer(id int, v []float64, toHost bool) error {
	t := e.values[id]
	if t.Shape.Len() != len(v) {
		return fmt.Errorf("program %s: value %%%d is %v, not %d elements", e.program.Name, id, t.Type, len(v))
	}
	return e.device.do(func() error {
		switch t.DType {
		case kernels.I32:
			return through[int32](e.device, t.at, v, toHost)
		case kernels.U8:
			return through[uint8](e.device, t.at, v, toHost)
		case kernels.BF16:
			return e.halves(t.at, v, toHost)
		}
		return through[float32](e.device, t.at, v, toHost)
	})
}

// halves copies numbers of type bf16.
func (e *Exec) halves(at cu.DevicePtr, v []float64, toHost bool) error {
	own := narrow(convert[float32](v))
	if err := copyTensor(e.device, at, own, toHost); err != nil {
		return err
	}
	if toHost {
		copy(v, convert[float64](widen(own)))
	}
	return nil
}

// through copies by way of the device's own type.
func through[T float32 | int32 | uint8](d *Device, at cu.DevicePtr, v []float64, toHost bool) error {
	own := make([]T, len(v))
	if !toHost {
		for i, x := range v {
			own[i] = T(x)
		}
	}
	if err := copyTensor(d, at, own, toHost); err != nil {
		return err
	}
	if toHost {
		for i, x := range own {
			v[i] = float64(x)
		}
	}
	return nil
}

// Close implements kernels.Exec.
func (e *Exec) Close() error {
	return e.device.do(func() error {
		for i, g := range e.graphs {
			if g == nil {
				continue
			}
			if err := g.Destroy(); err != nil {
				return err
			}
			e.graphs[i] = nil
		}
		for _, p := range []*cu.DevicePtr{&e.arena, &e.scratch} {
			if err := free(*p); err != nil {
				return err
			}
			*p = 0
		}
		return nil
	})
}

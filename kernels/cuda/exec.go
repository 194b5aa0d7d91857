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
	device   *Device
	state    *State
	program  *kernels.Program
	plan     *kernels.Plan
	values   []tensor
	launches [][]launch // of each instruction
	joined   [][]launch // the same where its segment runs: see moments.go
	needed   int64      // bytes of scratch
	parts    []part     // of each segment
	// generation is that of the state's memory which all of this was prepared for.
	generation int
	run        func() error // what Run hands to the thread
}

// part is a segment made ready.
type part struct {
	kernels.Segment
	reads, writes []int         // slots
	graph         *driver.Graph // captured when it first runs
	guarded       *driver.Graph // with a look at the losses before it
	losses        []string      // at these
	look          []launch      // which sets the guard
	lookReads     []int         // slots that both read
	run           func() error  // what RunSegment hands to the thread
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
	e := &Exec{device: d, state: state, program: p, plan: kernels.NewPlan(p, layout)}
	for i, segment := range p.Segments {
		q := part{Segment: segment, run: func() error { return e.replay(i) }}
		q.reads, q.writes = e.touched(segment.From, segment.To)
		e.parts = append(e.parts, q)
	}
	e.run = e.runAll
	err := d.do(e.load)
	if err != nil {
		_ = e.Close() // the error that matters is there already
		return nil, fmt.Errorf("program %s: %w", p.Name, err)
	}
	return e, nil
}

// touched lists the slots that instructions write, and those that they only read.
func (e *Exec) touched(from, to int) (reads, writes []int) {
	const read, written = 1, 2
	how := map[int]int{}
	note := func(ids []int, what int) {
		for _, id := range ids {
			for _, slot := range e.state.index[e.program.Values[id].Slot] {
				how[slot] = max(how[slot], what)
			}
		}
	}
	for _, in := range e.program.Instrs[from:to] {
		note(in.In, read)
		note(in.Out, written)
	}
	for slot, what := range how {
		if what == written {
			writes = append(writes, slot)
		} else {
			reads = append(reads, slot)
		}
	}
	return reads, writes
}

// load makes room and prepares, twice: first to learn how much scratch it takes.
func (e *Exec) load() error {
	s := e.state
	if err := s.grow(&s.arena, "the arena of "+e.program.Name, e.plan.Arena); err != nil {
		return err
	}
	b := &builder{device: e.device, guard: s.guard}
	if err := e.prepare(b); err != nil {
		return err
	}
	e.needed = b.needed
	if err := s.grow(&s.scratch, "the scratch of "+e.program.Name, e.needed); err != nil {
		return err
	}
	if err := s.leaving.grow(e.device, 2*e.fed()+leastDepartures); err != nil {
		return err
	}
	e.generation = -1
	return e.ready()
}

// fed is the size of what the host brings in anew for each run: bytes and integers.
func (e *Exec) fed() (bytes int) {
	seen := map[string]bool{}
	for _, v := range e.program.Values {
		if v.Slot != "" && !v.Type.DType.IsReal() && !seen[v.Slot] {
			seen[v.Slot] = true
			bytes += int(layout.Bytes(v.Type))
		}
	}
	return bytes
}

// ready prepares the program again if the memory that it was prepared for has moved.
func (e *Exec) ready() error {
	if e.generation == e.state.generation {
		return nil
	}
	if e.plan.Arena > e.state.arena.size || e.needed > e.state.scratch.size {
		return fmt.Errorf("cuda: program %s has lost its memory to one that did not fit", e.program.Name)
	}
	if err := e.forget(); err != nil {
		return err
	}
	e.generation = e.state.generation
	return e.prepare(&builder{device: e.device, scratch: e.state.scratch.at, guard: e.state.guard})
}

// forget frees what was captured.
func (e *Exec) forget() error {
	for i := range e.parts {
		for _, g := range []**driver.Graph{&e.parts[i].graph, &e.parts[i].guarded} {
			if *g == nil {
				continue
			}
			if err := (*g).Destroy(); err != nil {
				return err
			}
			*g = nil
		}
	}
	return nil
}

// place finds the memory of every value.
func (e *Exec) place() error {
	e.values = e.values[:0]
	for id, v := range e.program.Values {
		t := tensor{Type: v.Type}
		switch {
		case v.Slot != "":
			slot, err := e.state.find(v.Slot)
			if err != nil {
				return err
			}
			t.at = slot.at
		case e.plan.Offsets[id] >= 0:
			t.at = e.state.arena.at + cu.DevicePtr(e.plan.Offsets[id])
		}
		e.values = append(e.values, t)
	}
	return nil
}

func (e *Exec) prepare(b *builder) error {
	if err := e.place(); err != nil {
		return err
	}
	b.keep(e.momentsBytes())
	e.launches = nil
	for i := range e.program.Instrs {
		l, err := e.prepareOne(b, i)
		if err != nil {
			return err
		}
		e.launches = append(e.launches, l)
	}
	return e.join(b)
}

func (e *Exec) prepareOne(b *builder, i int) ([]launch, error) {
	in := e.program.Instrs[i]
	l, err := b.prepare(call{op: in.Op, in: e.pick(in.In), out: e.pick(in.Out)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.program.Line(i), err)
	}
	return l, nil
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
func (e *Exec) Memory() kernels.MemoryUse {
	return kernels.MemoryUse{Arena: e.plan.Arena, Workspace: e.needed, Sum: e.plan.Sum, Shared: true}
}

// Close implements kernels.Exec.
func (e *Exec) Close() error { return e.device.do(e.forget) }

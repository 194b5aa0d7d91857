package host

import (
	"fmt"
	"slices"
	"unsafe"

	"g2c/kernels"
)

// Kernel prepares one operation over fixed operands and results. The function it
// returns runs the operation and must not allocate. A result may share memory
// with an operand only as the operation's Overwrites says.
type Kernel[T Float] func(c Call[T]) (run func(), err error)

// Call is what a kernel is prepared with.
type Call[T Float] struct {
	Op      kernels.Op
	In, Out []Tensor[T]
	// Scratch is memory shared by all kernels of all programs of a state: its content is
	// lost between runs.
	Scratch *Scratch[T]

	packs *packs[T]
}

// Scratch is working memory that kernels take turns in. Reserve while preparing,
// Floats while running.
type Scratch[T Float] struct {
	n    int
	mem  []T
	kept int64
}

// Reserve asks for n elements.
func (s *Scratch[T]) Reserve(n int) { s.n = max(s.n, n) }

// Keep allocates n elements, zeroed and aligned, that belong to one kernel alone.
func (s *Scratch[T]) Keep(n int) []T {
	s.kept += int64(n * layout[T]().F32)
	return AlignedFloats[T](n)
}

// Note counts bytes of tables that a kernel allocated itself.
func (s *Scratch[T]) Note(bytes int) { s.kept += int64(bytes) }

// Floats is the first n elements.
func (s *Scratch[T]) Floats(n int) []T { return s.mem[:n] }

// Exec is a program over main memory.
type Exec[T Float] struct {
	program *kernels.Program
	values  []Tensor[T]
	runs    []func()
	state   *State[T]
	packs   packs[T]
	memory  kernels.MemoryUse
}

// Load plans the arena and prepares a kernel for each instruction of a program, as rewrite
// gives it.
func Load[T Float](p *kernels.Program, s *State[T], table map[string]Kernel[T], rewrite func(*kernels.Program) *kernels.Program) (*Exec[T], error) {
	if s.closed {
		return nil, errClosed
	}
	ready, known := s.ready[p]
	delete(s.ready, p)
	if !known {
		to := rewrite(p)
		ready = planned{to, kernels.NewPlan(to, layout[T]())}
	}
	p, plan := ready.program, ready.plan
	if err := p.Check(s.spec); err != nil {
		return nil, err
	}
	e := &Exec[T]{program: p, values: make([]Tensor[T], len(p.Values)), state: s}
	e.packs = packs[T]{byKey: map[packKey[T]]*Pack[T]{}, slots: map[*T]bool{}}
	arena, err := s.room(plan.Arena)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", p.Name, err)
	}
	for id, v := range p.Values {
		switch {
		case v.Slot != "":
			t, err := s.Tensor(v.Slot)
			if err != nil {
				return nil, err
			}
			t.Type = v.Type // a slot may be seen in another shape
			e.values[id] = t
			e.packs.slots[unsafe.SliceData(t.F)] = true
		case plan.Offsets[id] >= 0:
			e.values[id] = view[T](v.Type, arena[plan.Offsets[id]:])
		}
	}
	s.scratch.kept = 0
	if err := e.prepare(table, &s.scratch); err != nil {
		return nil, err
	}
	if err := s.grow(); err != nil {
		return nil, fmt.Errorf("program %s: %w", p.Name, err)
	}
	packed, err := e.packs.settle(e)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", p.Name, err)
	}
	scratch := int64(s.scratch.n * layout[T]().F32)
	e.memory = kernels.MemoryUse{Arena: plan.Arena, Sum: plan.Sum, Workspace: scratch, Own: s.scratch.kept + packed, Shared: true}
	return e, nil
}

func (e *Exec[T]) prepare(table map[string]Kernel[T], scratch *Scratch[T]) error {
	for i, in := range e.program.Instrs {
		k, ok := table[in.Op.Name()]
		if !ok {
			return fmt.Errorf("program %s: no kernel for %s", e.program.Name, in.Op.Name())
		}
		run, err := k(Call[T]{Op: in.Op, In: e.pick(in.In), Out: e.pick(in.Out), Scratch: scratch, packs: &e.packs})
		if err != nil {
			return fmt.Errorf("program %s: %s: %w", e.program.Name, e.program.Line(i), err)
		}
		e.runs = append(e.runs, rounded(run, e.pick(in.Out)))
	}
	return nil
}

// rounded is run, and then the rounding of results of type bf16.
func rounded[T Float](run func(), out []Tensor[T]) func() {
	if !slices.ContainsFunc(out, func(t Tensor[T]) bool { return t.Type.DType == kernels.BF16 }) {
		return run
	}
	return func() {
		run()
		for _, t := range out {
			t.round()
		}
	}
}

func (e *Exec[T]) pick(ids []int) []Tensor[T] {
	ts := make([]Tensor[T], len(ids))
	for i, id := range ids {
		ts[i] = e.values[id]
	}
	return ts
}

// Program implements kernels.Exec.
func (e *Exec[T]) Program() *kernels.Program { return e.program }

// Run implements kernels.Exec.
func (e *Exec[T]) Run() error {
	if e.state.closed {
		return errClosed
	}
	e.packs.forget()
	e.execute(0, len(e.runs))
	return nil
}

// execute runs the instructions from one to before another.
func (e *Exec[T]) execute(from, to int) {
	e.state.version++
	for i := from; i < to; i++ {
		e.runs[i]()
		e.packs.wrote(i)
	}
	e.packs.seen = e.state.version
}

// RunSegment implements kernels.Exec.
func (e *Exec[T]) RunSegment(i int) error {
	if e.state.closed {
		return errClosed
	}
	s := e.program.Segments[i]
	if i == 0 || e.packs.seen != e.state.version {
		e.packs.forget()
	}
	e.execute(s.From, s.To)
	return nil
}

// RunInstr implements kernels.Exec.
func (e *Exec[T]) RunInstr(i int) error {
	if e.state.closed {
		return errClosed
	}
	e.packs.forget()
	e.execute(i, i+1)
	return nil
}

// Memory implements kernels.Exec.
func (e *Exec[T]) Memory() kernels.MemoryUse { return e.memory }

// Close implements kernels.Exec.
func (e *Exec[T]) Close() error { return nil }

// GetValue implements kernels.Exec.
func (e *Exec[T]) GetValue(id int, dst []float64) error {
	v, err := e.value(id, len(dst))
	if err != nil {
		return err
	}
	switch v.Type.DType {
	case kernels.I32:
		for i, x := range v.I {
			dst[i] = float64(x)
		}
	case kernels.U8:
		for i, x := range v.U {
			dst[i] = float64(x)
		}
	default:
		convert(dst, v.F)
	}
	return nil
}

// PutValue implements kernels.Exec.
func (e *Exec[T]) PutValue(id int, src []float64) error {
	v, err := e.value(id, len(src))
	if err != nil {
		return err
	}
	switch v.Type.DType {
	case kernels.I32:
		for i, x := range src {
			v.I[i] = int32(x)
		}
	case kernels.U8:
		for i, x := range src {
			v.U[i] = uint8(x)
		}
	default:
		convert(v.F, src)
		v.round()
	}
	return nil
}

func (e *Exec[T]) value(id, n int) (Tensor[T], error) {
	if e.state.closed {
		return Tensor[T]{}, errClosed
	}
	if id < 0 || id >= len(e.values) || e.values[id].Type.Shape.Len() != n {
		return Tensor[T]{}, fmt.Errorf("program %s: value %%%d does not have %d elements", e.program.Name, id, n)
	}
	return e.values[id], nil
}

package host

import (
	"unsafe"

	"g2c/kernels"
)

// Pack is what kernels derive from one operand alone, such as weights in another
// layout. Kernels of one program that derive the same share it: it is made by the
// first of them in a step, and again after the operand was written. One that only
// a single kernel uses has no memory of its own.
type Pack[T Float] struct {
	operand []T
	n       int
	users   int
	mem     []T
	fresh   bool
}

// Use is where the packed operand lies, and whether the kernel must fill it: in
// the pack's own memory or, where there is none, at the beginning of spare.
func (p *Pack[T]) Use(spare []T) (packed []T, stale bool) {
	if p.mem == nil {
		return spare[:p.n], true
	}
	stale = !p.fresh
	p.fresh = true
	return p.mem, stale
}

// packs are those of a program.
type packs[T Float] struct {
	byKey map[packKey[T]]*Pack[T]
	all   []*Pack[T]
	slots map[*T]bool  // where slots begin
	stale [][]*Pack[T] // by instruction, those whose operand it writes
	seen  uint64       // the state's version when packs were last known to be right
}

type packKey[T Float] struct {
	operand *T
	layout  string
}

// Pack is the pack of n elements in which the operand appears in a layout of this
// name: the name says all that a kernel's filling depends on beside the operand.
// Operands that are no slots are written and read once, so theirs is not shared.
func (c *Call[T]) Pack(operand Tensor[T], layout string, n int) *Pack[T] {
	key := packKey[T]{unsafe.SliceData(operand.F), layout}
	p := &Pack[T]{operand: operand.F, n: n, users: 1}
	if c.packs == nil || !c.packs.slots[key.operand] {
		return p
	}
	if known := c.packs.byKey[key]; known != nil && known.n == n {
		known.users++
		return known
	}
	c.packs.byKey[key] = p
	c.packs.all = append(c.packs.all, p)
	return p
}

// settle gives memory to packs that are shared, and finds the instructions that
// make each stale. It returns the bytes taken, which live as long as the state.
func (s *packs[T]) settle(e *Exec[T]) (bytes int64, err error) {
	shared := s.all[:0]
	for _, p := range s.all {
		if p.users > 1 {
			size := int64(p.n * layout[T]().F32)
			mem, err := e.state.take(size)
			if err != nil {
				return 0, err
			}
			p.mem = view[T](kernels.Real(p.n), mem).F
			bytes += size
			shared = append(shared, p)
		}
	}
	s.all = shared
	s.stale = make([][]*Pack[T], len(e.program.Instrs))
	for i, in := range e.program.Instrs {
		for _, id := range in.Out {
			if e.program.Values[id].Slot == "" {
				continue
			}
			for _, p := range s.all {
				if overlap(p.operand, e.values[id].F) {
					s.stale[i] = append(s.stale[i], p)
				}
			}
		}
	}
	return bytes, nil
}

func overlap[T Float](a, b []T) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return uintptr(unsafe.Pointer(&a[0])) <= uintptr(unsafe.Pointer(&b[len(b)-1])) &&
		uintptr(unsafe.Pointer(&b[0])) <= uintptr(unsafe.Pointer(&a[len(a)-1]))
}

// forget makes every pack stale.
func (s *packs[T]) forget() {
	for _, p := range s.all {
		p.fresh = false
	}
}

// wrote makes stale what an instruction wrote.
func (s *packs[T]) wrote(i int) {
	for _, p := range s.stale[i] {
		p.fresh = false
	}
}

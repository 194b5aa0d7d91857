package host

import (
	"errors"
	"math"
	"runtime/debug"
	"unsafe"

	"g2c/internal/fault"
	"g2c/internal/memlimit"
	"g2c/kernels"
)

// mappedBytes is from where on memory is mapped, and not Go's: it goes back to the system
// at once when it is freed, is no reason for the collector to let garbage grow as large,
// and one that the system refuses is an error and not the end of the process.
const mappedBytes = 1 << 20

// block is memory for a state or an arena.
type block struct {
	bytes  []byte
	mapped []byte
}

// newBlock gives n zero bytes that start on a cache line.
func newBlock(n int64) (block, error) {
	if n < mappedBytes {
		return block{bytes: Aligned(n)}, nil
	}
	m, err := mapMemory(n)
	if errors.Is(err, errors.ErrUnsupported) {
		return block{bytes: Aligned(n)}, nil
	}
	if err != nil {
		return block{}, fault.New(fault.ErrUnavailable, "%w for %d MiB: %w", kernels.ErrMemory, n>>20, err).
			WithHint("lower the batch, the size of images or the width of networks, or run it where there is more memory")
	}
	return block{m, m}, nil
}

func (b block) free() error {
	if b.mapped == nil {
		return nil
	}
	return unmapMemory(b.mapped)
}

// Room is what a state and programs over it take, at the least, and what this machine and
// the limits of this process leave. Kernels' own tables are not counted.
func Room[T Float](spec *kernels.StateSpec, programs ...*kernels.Program) kernels.Room {
	r := kernels.Room{State: stateBytes[T](spec), Free: -1}
	for _, p := range programs {
		if p != nil {
			r.Arena = max(r.Arena, kernels.NewPlan(p, layout[T]()).Arena)
		}
	}
	if left, known := memlimit.Now(); known {
		r.Free, r.Of = left.Bytes, left.Of
	}
	return r
}

func stateBytes[T Float](spec *kernels.StateSpec) (n int64) {
	for _, g := range spec.Groups {
		t, _ := spec.Type(g.Name)
		n += layout[T]().Bytes(t)
	}
	return n
}

// Open makes a state and an arena for the programs that will run over it. What is not there
// is found before it is taken: the kernel promises more than it has, and kills who asks for
// it. beside is what the caller itself is about to take.
func Open[T Float](spec *kernels.StateSpec, beside int64, rewrite func(*kernels.Program) *kernels.Program, programs ...*kernels.Program) (*State[T], error) {
	ready := map[*kernels.Program]planned{}
	var arena int64
	for _, p := range programs {
		if p == nil {
			continue
		}
		to := rewrite(p)
		ready[p] = planned{to, kernels.NewPlan(to, layout[T]())}
		arena = max(arena, ready[p].plan.Arena)
	}
	left, err := enough(stateBytes[T](spec) + arena + beside)
	if err != nil {
		return nil, err
	}
	s, err := NewState[T](spec)
	if err != nil {
		return nil, err
	}
	s.ready, s.left, s.beside = ready, left, beside
	if _, err := s.room(arena); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// enough is how much memory is left, if that is what is needed; what lies about as garbage
// is collected before it is refused.
func enough(need int64) (int64, error) {
	left, known := memlimit.Now()
	if known && need > left.Bytes {
		debug.FreeOSMemory()
		left, known = memlimit.Now()
	}
	switch {
	case !known:
		return math.MaxInt64, nil
	case need > left.Bytes:
		return 0, tooLittle(need, left.Bytes, left.Of)
	}
	return left.Bytes, nil
}

func tooLittle(need, free int64, of string) error {
	return fault.New(fault.ErrUnavailable, "%w: it takes %d MiB of memory, and %s has %d MiB free", kernels.ErrMemory, need>>20, of, free>>20).
		WithHint("lower the batch, the size of images or the width of networks, or run it where there is more memory")
}

// planned is a program as the device rewrote it, with its plan.
type planned struct {
	program *kernels.Program
	plan    *kernels.Plan
}

// Aligned allocates n zero bytes that start on a cache line.
func Aligned(n int64) []byte {
	b := make([]byte, n+kernels.ArenaAlign)
	off := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (kernels.ArenaAlign - 1)
	return b[off : int64(off)+n : int64(off)+n]
}

// AlignedFloats allocates n zeros that start on a cache line.
func AlignedFloats[T Float](n int) []T {
	return view[T](kernels.Real(max(n, 1)), Aligned(int64(max(n, 1)*layout[T]().F32))).F[:n:n]
}

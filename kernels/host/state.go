package host

import (
	"errors"
	"fmt"

	"g2c/kernels"
)

// errClosed is the use of a state after its end.
var errClosed = errors.New("state: it is closed")

// State holds the slots of one StateSpec, a piece of memory a group, and the arena and the
// scratch that the programs over it take turns in.
type State[T Float] struct {
	spec    *kernels.StateSpec
	groups  [][]byte
	blocks  []block // of groups, arenas and scratch
	arena   []byte
	scratch Scratch[T]
	ready   map[*kernels.Program]planned // those that Open was told of, until they are loaded
	closed  bool
	// Of a state that Open made: what was left then, what it has taken, and what its caller
	// takes beside.
	left, taken, beside int64
	// version rises with everything that may write slots: a Put, a run of a program.
	version uint64
}

// NewState allocates zeroed slots.
func NewState[T Float](spec *kernels.StateSpec) (*State[T], error) {
	s := &State[T]{spec: spec}
	for _, g := range spec.Groups {
		t, _ := spec.Type(g.Name)
		b, err := s.take(layout[T]().Bytes(t))
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.groups = append(s.groups, b)
	}
	return s, nil
}

// take allocates memory that lives as long as the state.
func (s *State[T]) take(n int64) ([]byte, error) {
	s.taken += n
	if need := s.taken + s.beside; s.left > 0 && need > s.left {
		return nil, tooLittle(need, s.left, "this process")
	}
	b, err := newBlock(n)
	if err != nil {
		return nil, err
	}
	s.blocks = append(s.blocks, b)
	return b.bytes, nil
}

// room is the arena of a program. One that is larger than those before gets a new one,
// and they keep theirs: Open is told beforehand what the largest will be.
func (s *State[T]) room(n int64) ([]byte, error) {
	if n > int64(len(s.arena)) {
		b, err := s.take(n)
		if err != nil {
			return nil, err
		}
		s.arena = b
	}
	return s.arena[:n], nil
}

// grow gives the scratch what kernels have reserved; it is taken anew at every run.
func (s *State[T]) grow() error {
	n := s.scratch.n
	if n <= len(s.scratch.mem) {
		return nil
	}
	b, err := s.take(int64(n * layout[T]().F32))
	if err == nil {
		s.scratch.mem = view[T](kernels.Real(n), b).F
	}
	return err
}

// Spec implements kernels.State.
func (s *State[T]) Spec() *kernels.StateSpec { return s.spec }

// Close implements kernels.State. Programs over the state do not run any more.
func (s *State[T]) Close() error {
	var errs []error
	for _, b := range s.blocks {
		errs = append(errs, b.free())
	}
	s.groups, s.blocks, s.arena, s.scratch, s.ready, s.closed = nil, nil, nil, Scratch[T]{}, nil, true
	return errors.Join(errs...)
}

// Tensor is a view of a slot or group.
func (s *State[T]) Tensor(name string) (Tensor[T], error) {
	g, offset, _, ok := s.spec.Place(name)
	if s.closed {
		return Tensor[T]{}, errClosed
	}
	if !ok {
		return Tensor[T]{}, fmt.Errorf("state: no slot %q", name)
	}
	t, _ := s.spec.Type(name)
	size := int(layout[T]().Bytes(kernels.Type{DType: t.DType, Shape: kernels.Shape{1}}))
	return view[T](t, s.groups[g][offset*size:]), nil
}

func (s *State[T]) find(name string, d kernels.DType, n int) (Tensor[T], error) {
	t, err := s.Tensor(name)
	same := t.Type.DType == d || d == kernels.F32 && t.Type.DType == kernels.BF16
	if err == nil && (!same || t.Type.Shape.Len() != n) {
		err = fmt.Errorf("state: slot %s is %v, not %d of %v", name, t.Type, n, d)
	}
	return t, err
}

func convert[D, S Float](dst []D, src []S) {
	if same, ok := any(src).([]D); ok {
		copy(dst, same)
		return
	}
	for i, v := range src {
		dst[i] = D(v)
	}
}

// PutF32 implements kernels.State.
func (s *State[T]) PutF32(name string, src []float32) error {
	t, err := s.find(name, kernels.F32, len(src))
	s.version++
	if err == nil {
		convert(t.F, src)
		t.round()
	}
	return err
}

// PutF64 implements kernels.State.
func (s *State[T]) PutF64(name string, src []float64) error {
	t, err := s.find(name, kernels.F32, len(src))
	s.version++
	if err == nil {
		convert(t.F, src)
		t.round()
	}
	return err
}

// PutI32 implements kernels.State.
func (s *State[T]) PutI32(name string, src []int32) error {
	t, err := s.find(name, kernels.I32, len(src))
	if err == nil {
		copy(t.I, src)
	}
	return err
}

// PutU8 implements kernels.State.
func (s *State[T]) PutU8(name string, src []uint8) error {
	t, err := s.find(name, kernels.U8, len(src))
	if err == nil {
		copy(t.U, src)
	}
	return err
}

// GetF32 implements kernels.State.
func (s *State[T]) GetF32(name string, dst []float32) error {
	t, err := s.find(name, kernels.F32, len(dst))
	if err == nil {
		convert(dst, t.F)
	}
	return err
}

// GetF64 implements kernels.State.
func (s *State[T]) GetF64(name string, dst []float64) error {
	t, err := s.find(name, kernels.F32, len(dst))
	if err == nil {
		convert(dst, t.F)
	}
	return err
}

// GetI32 implements kernels.State.
func (s *State[T]) GetI32(name string, dst []int32) error {
	t, err := s.find(name, kernels.I32, len(dst))
	if err == nil {
		copy(dst, t.I)
	}
	return err
}

// GetU8 implements kernels.State.
func (s *State[T]) GetU8(name string, dst []uint8) error {
	t, err := s.find(name, kernels.U8, len(dst))
	if err == nil {
		copy(dst, t.U)
	}
	return err
}

package host

import (
	"fmt"

	"g2c/kernels"
)

// State holds the slots of one StateSpec, a piece of memory a group.
type State[T Float] struct {
	spec   *kernels.StateSpec
	groups [][]byte
	// version rises with everything that may write slots: a Put, a run of a program.
	version uint64
}

// NewState allocates zeroed slots.
func NewState[T Float](spec *kernels.StateSpec) *State[T] {
	s := &State[T]{spec: spec}
	l := layout[T]()
	for _, g := range spec.Groups {
		t, _ := spec.Type(g.Name)
		s.groups = append(s.groups, Aligned(l.Bytes(t)))
	}
	return s
}

// Spec implements kernels.State.
func (s *State[T]) Spec() *kernels.StateSpec { return s.spec }

// Close implements kernels.State.
func (s *State[T]) Close() error { return nil }

// Tensor is a view of a slot or group.
func (s *State[T]) Tensor(name string) (Tensor[T], error) {
	g, offset, _, ok := s.spec.Place(name)
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

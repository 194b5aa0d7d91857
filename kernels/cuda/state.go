//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"g2c/kernels"
)

// layout is how elements lie on the device.
var layout = kernels.Layout{F32: 4, I32: 4, U8: 1, BF16: 2}

// State holds the slots of one StateSpec on the device, a piece of memory a group, and
// the memory that its programs take turns in.
type State struct {
	device *Device
	spec   *kernels.StateSpec
	groups []cu.DevicePtr
	index  map[string][]int // the slots that a name stands for
	marks  []mark           // by slot
	guard  cu.DevicePtr     // an int: a loss was not finite, updates stand still

	leaving  departures
	arriving arrivals

	// Programs run one after another: one arena and one scratch serve all of them. When a
	// larger one takes their place, the generation rises, and programs that were prepared
	// before are prepared again.
	arena, scratch room
	generation     int
}

// room is memory that grows to the largest need.
type room struct {
	at   cu.DevicePtr
	size int64
}

// guardBytes is the size of the guard.
const guardBytes = 4

// NewState implements kernels.Device.
func (d *Device) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	s := &State{device: d, spec: spec, index: map[string][]int{}}
	for _, g := range spec.Groups {
		for _, slot := range g.Slots {
			i := len(s.marks)
			s.marks = append(s.marks, mark{})
			s.index[slot.Name] = []int{i}
			s.index[g.Name] = append(s.index[g.Name], i)
		}
	}
	if err := d.do(s.allocate); err != nil {
		_ = s.Close() // the error that matters is there already
		return nil, err
	}
	return s, nil
}

// allocate gives the state zeroed memory.
func (s *State) allocate() error {
	for _, g := range s.spec.Groups {
		t, _ := s.spec.Type(g.Name)
		p, err := s.zeros("slots of "+g.Name, layout.Bytes(t))
		if err != nil {
			return err
		}
		s.groups = append(s.groups, p)
	}
	var err error
	if s.guard, err = s.zeros("a guard", guardBytes); err != nil {
		return err
	}
	if s.leaving.pinned, err = newPinned(leastDepartures); err != nil {
		return err
	}
	zeroed, err := s.device.lanes[compute].done()
	for i := range s.marks {
		s.marks[i] = mark{writer: compute, written: zeroed}
	}
	return err
}

func (s *State) zeros(what string, bytes int64) (cu.DevicePtr, error) {
	p, err := s.device.allocate(what, bytes)
	if err != nil || bytes == 0 {
		return p, err
	}
	// On a lane like everything else: the default stream is not waited for.
	return p, cu.MemsetD8Async(p, 0, bytes, s.device.lanes[compute].stream)
}

// grow makes a room at least as large as a need.
func (s *State) grow(r *room, what string, need int64) error {
	if need <= r.size {
		return nil
	}
	if err := s.device.idle(); err != nil {
		return err
	}
	if err := free(r.at); err != nil {
		return err
	}
	s.generation++
	before := r.size
	*r = room{}
	at, err := s.device.allocate(what, need)
	if err == nil {
		*r = room{at, need}
		return nil
	}
	if old, e := s.device.allocate(what, before); e == nil { // for the programs that are there
		*r = room{old, before}
	}
	return err
}

// Spec implements kernels.State.
func (s *State) Spec() *kernels.StateSpec { return s.spec }

// Close implements kernels.State.
func (s *State) Close() error {
	return s.device.do(func() error {
		if err := s.device.idle(); err != nil {
			return err
		}
		for _, p := range append(s.groups, s.guard, s.arena.at, s.scratch.at) {
			if err := free(p); err != nil {
				return err
			}
		}
		s.groups, s.guard, s.arena, s.scratch = nil, 0, room{}, room{}
		if s.leaving.pinned != nil {
			if err := s.leaving.free(); err != nil {
				return err
			}
			s.leaving.pinned = nil
		}
		return s.arriving.free()
	})
}

func free(p cu.DevicePtr) error {
	if p == 0 {
		return nil
	}
	return cu.MemFree(p)
}

// tensor is memory of the device with the type of what lies in it.
type tensor struct {
	kernels.Type
	at cu.DevicePtr
}

// find is a slot or group.
func (s *State) find(name string) (tensor, error) {
	g, offset, _, ok := s.spec.Place(name)
	if !ok {
		return tensor{}, fmt.Errorf("state: no slot %q", name)
	}
	t, _ := s.spec.Type(name)
	size := layout.Bytes(kernels.Type{DType: t.DType, Shape: kernels.Shape{1}})
	return tensor{t, s.groups[g] + cu.DevicePtr(int64(offset)*size)}, nil
}

// expect is find for n elements of a type.
func (s *State) expect(name string, d kernels.DType, n int) (tensor, error) {
	t, err := s.find(name)
	if err == nil && (t.DType != d || t.Shape.Len() != n) {
		err = fmt.Errorf("state: slot %s is %v, not %d of %v", name, t.Type, n, d)
	}
	return t, err
}

// isHalf says whether a slot is of type bf16: it is rounded on the way to the device.
func (s *State) isHalf(name string) bool {
	t, ok := s.spec.Type(name)
	return ok && t.DType == kernels.BF16
}

// PutF32 implements kernels.State.
func (s *State) PutF32(name string, src []float32) error {
	if s.isHalf(name) {
		return put(s, name, kernels.BF16, narrow(src))
	}
	return put(s, name, kernels.F32, src)
}

// PutF64 implements kernels.State.
func (s *State) PutF64(name string, src []float64) error {
	return s.PutF32(name, convert[float32](src))
}

// PutI32 implements kernels.State.
func (s *State) PutI32(name string, src []int32) error { return put(s, name, kernels.I32, src) }

// PutU8 implements kernels.State.
func (s *State) PutU8(name string, src []uint8) error { return put(s, name, kernels.U8, src) }

// GetF32 implements kernels.State.
func (s *State) GetF32(name string, dst []float32) error {
	if s.isHalf(name) {
		own := make([]uint16, len(dst))
		if err := get(s, name, kernels.BF16, own); err != nil {
			return err
		}
		copy(dst, widen(own))
		return nil
	}
	return get(s, name, kernels.F32, dst)
}

// GetF64 implements kernels.State.
func (s *State) GetF64(name string, dst []float64) error {
	v := make([]float32, len(dst))
	if err := s.GetF32(name, v); err != nil {
		return err
	}
	copy(dst, convert[float64](v))
	return nil
}

// GetI32 implements kernels.State.
func (s *State) GetI32(name string, dst []int32) error { return get(s, name, kernels.I32, dst) }

// GetU8 implements kernels.State.
func (s *State) GetU8(name string, dst []uint8) error { return get(s, name, kernels.U8, dst) }

// narrow rounds numbers to bf16, widen gives them back.
func narrow(src []float32) []uint16 {
	dst := make([]uint16, len(src))
	for i, v := range src {
		dst[i] = kernels.PutBF16(v)
	}
	return dst
}

func widen(src []uint16) []float32 {
	dst := make([]float32, len(src))
	for i, v := range src {
		dst[i] = kernels.GetBF16(v)
	}
	return dst
}

func convert[D, S float32 | float64](src []S) []D {
	dst := make([]D, len(src))
	for i, v := range src {
		dst[i] = D(v)
	}
	return dst
}

var _ kernels.Snapshotter = (*State)(nil)

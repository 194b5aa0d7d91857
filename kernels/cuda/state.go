//go:build gpu

package cuda

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"g2c/kernels"
)

// layout is how elements lie on the device.
var layout = kernels.Layout{F32: 4, I32: 4, U8: 1, BF16: 2}

// State holds the slots of one StateSpec on the device, a piece of memory a group.
type State struct {
	device *Device
	spec   *kernels.StateSpec
	groups []cu.DevicePtr
}

// NewState implements kernels.Device.
func (d *Device) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	s := &State{device: d, spec: spec}
	err := d.do(func() error {
		for _, g := range spec.Groups {
			t, _ := spec.Type(g.Name)
			p, err := d.allocate("slots of "+g.Name, layout.Bytes(t))
			if err != nil {
				return err
			}
			s.groups = append(s.groups, p)
			if n := layout.Bytes(t); n > 0 {
				// On the stream of everything else: the default one is not waited for.
				if err := cu.MemsetD8Async(p, 0, n, d.stream); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		_ = s.Close() // the error that matters is there already
		return nil, err
	}
	return s, nil
}

// Spec implements kernels.State.
func (s *State) Spec() *kernels.StateSpec { return s.spec }

// Close implements kernels.State.
func (s *State) Close() error {
	return s.device.do(func() error {
		for _, p := range s.groups {
			if err := free(p); err != nil {
				return err
			}
		}
		s.groups = nil
		return nil
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

// transfer copies all elements of a slot to the host, or from it.
func transfer[T any](s *State, name string, d kernels.DType, v []T, toHost bool) error {
	t, err := s.find(name)
	if err != nil {
		return err
	}
	if t.DType != d || t.Shape.Len() != len(v) {
		return fmt.Errorf("state: slot %s is %v, not %d of %v", name, t.Type, len(v), d)
	}
	return s.device.do(func() error { return copyTensor(s.device, t.at, v, toHost) })
}

// copyTensor copies elements by way of the staging area, piece by piece, once the
// stream is empty. It runs on the device's thread.
func copyTensor[T any](d *Device, at cu.DevicePtr, v []T, toHost bool) error {
	if err := d.stream.Synchronize(); err != nil {
		return err
	}
	var element T
	size := int(unsafe.Sizeof(element))
	stage := unsafe.Slice((*T)(d.staging), stagingBytes/size)
	for len(v) > 0 {
		n := min(len(v), len(stage))
		bytes := int64(n * size)
		if toHost {
			if err := cu.MemcpyDtoH(d.staging, at, bytes); err != nil {
				return err
			}
			copy(v, stage[:n])
		} else {
			copy(stage, v[:n])
			if err := cu.MemcpyHtoD(at, d.staging, bytes); err != nil {
				return err
			}
		}
		v, at = v[n:], at+cu.DevicePtr(bytes)
	}
	return nil
}

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

// isHalf says whether a slot is of type bf16: it is rounded on the way to the device.
func (s *State) isHalf(name string) bool {
	t, ok := s.spec.Type(name)
	return ok && t.DType == kernels.BF16
}

// PutF32 implements kernels.State.
func (s *State) PutF32(name string, src []float32) error {
	if s.isHalf(name) {
		return transfer(s, name, kernels.BF16, narrow(src), false)
	}
	return transfer(s, name, kernels.F32, src, false)
}

// PutF64 implements kernels.State.
func (s *State) PutF64(name string, src []float64) error {
	return s.PutF32(name, convert[float32](src))
}

// PutI32 implements kernels.State.
func (s *State) PutI32(name string, src []int32) error {
	return transfer(s, name, kernels.I32, src, false)
}

// PutU8 implements kernels.State.
func (s *State) PutU8(name string, src []uint8) error {
	return transfer(s, name, kernels.U8, src, false)
}

// GetF32 implements kernels.State.
func (s *State) GetF32(name string, dst []float32) error {
	if s.isHalf(name) {
		own := make([]uint16, len(dst))
		if err := transfer(s, name, kernels.BF16, own, true); err != nil {
			return err
		}
		copy(dst, widen(own))
		return nil
	}
	return transfer(s, name, kernels.F32, dst, true)
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
func (s *State) GetI32(name string, dst []int32) error {
	return transfer(s, name, kernels.I32, dst, true)
}

// GetU8 implements kernels.State.
func (s *State) GetU8(name string, dst []uint8) error {
	return transfer(s, name, kernels.U8, dst, true)
}
